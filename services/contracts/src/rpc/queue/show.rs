//! The queue as its reviewers see it.

use std::collections::HashMap;

use qihang_kit::{auth::Principal, db, page, validators};
use qihang_proto::{
    common::v1::Action,
    contracts::v1::{CountReviewsResponse, ListReviewsRequest, ListReviewsResponse, Review, ReviewCount},
    identity::v1::DirectoryStudent,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::reviewer;
use crate::{
    App,
    domain::queue::{self as rules, Hindrance},
    error::Error,
    peers,
    scope::Scope,
    store::queue::{self, Filter, Row},
    view::timestamp,
};

/// A page.
pub(super) async fn list(
    app: &App,
    request: &ListReviewsRequest,
    principal: &Principal,
) -> Result<ListReviewsResponse, Error> {
    let mine = reviewer(principal);
    let level = match i16::try_from(request.level) {
        Ok(0) | Err(_) => mine.level,
        Ok(level) => level,
    };
    let narrow = (
        &request.kinds,
        &request.department,
        &request.class_name,
        (request.cohort, level),
        (request.only_plain, request.only_overdue, request.only_mine),
    );
    let query = page::Query::new(request.page_size, &request.page_token, &narrow)?;
    let after = query
        .after::<(i64, Uuid)>()?
        .map(|(nanos, id)| (moment(nanos), id));
    let filter = Filter {
        level,
        kinds: Some(request.kinds.as_slice()).filter(|kinds| !kinds.is_empty()),
        department: some(&request.department),
        class_name: some(&request.class_name),
        cohort: i32::try_from(request.cohort).ok().filter(|cohort| *cohort > 0),
        only_plain: request.only_plain,
        only_overdue: request.only_overdue,
        claimed_by: request.only_mine.then_some(principal.account_id),
        free_for: None,
        after,
        limit: query.limit(),
    };
    let mut conn = app.ctx.pool.acquire().await?;
    let rows = queue::list(&mut conn, &Scope::of(principal)?, &filter).await?;
    let now = db::now(&mut conn).await?;
    drop(conn);
    let (rows, next_page_token) = query.finish(rows, |row| {
        let nanos = i64::try_from(row.since.unix_timestamp_nanos()).unwrap_or(i64::MAX);
        (nanos, row.id)
    });
    Ok(ListReviewsResponse {
        reviews: many(app, rows, principal, now).await,
        next_page_token,
    })
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn moment(nanos: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(nanos)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Counts by kind.
pub(super) async fn count(app: &App, principal: &Principal) -> Result<CountReviewsResponse, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let counts = queue::count(&mut conn, &Scope::of(principal)?, reviewer(principal).level).await?;
    let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let counts = counts.into_iter().map(|count| ReviewCount {
        kind: count.kind,
        waiting: number(count.waiting),
        overdue: number(count.overdue),
        plain: number(count.plain),
    });
    Ok(CountReviewsResponse {
        counts: counts.collect(),
    })
}

/// One review.
pub(super) async fn one(app: &App, row: Row, principal: &Principal) -> Result<Review, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    drop(conn);
    let mut reviews = many(app, vec![row], principal, now).await;
    reviews.pop().ok_or(Error::ReviewNotFound)
}

/// Reviews with their students' names, asked for in one call. The queue is of use without them, so it does not wait for
/// identity to be back.
async fn many(app: &App, rows: Vec<Row>, principal: &Principal, now: OffsetDateTime) -> Vec<Review> {
    let mut ids: Vec<Uuid> = rows.iter().filter_map(|row| row.student_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let students = if ids.is_empty() {
        Vec::new()
    } else {
        peers::students(&app.ctx, &ids).await.unwrap_or_default()
    };
    let students: HashMap<String, DirectoryStudent> = students
        .into_iter()
        .map(|student| (student.id.clone(), student))
        .collect();
    rows.into_iter()
        .map(|row| review(row, &students, principal, now))
        .collect()
}

fn review(
    row: Row,
    students: &HashMap<String, DirectoryStudent>,
    principal: &Principal,
    now: OffsetDateTime,
) -> Review {
    let number = |value: i32| u32::try_from(value).unwrap_or_default();
    let waiting = row.waiting();
    let claimed = rules::claimed(&waiting, now);
    let student_id = row.student_id.map(|id| id.to_string()).unwrap_or_default();
    let student = students.get(&student_id);
    Review {
        id: row.id.to_string(),
        record: rules::route(&row.kind, row.record_id),
        record_id: row.record_id.to_string(),
        submission: number(row.submission),
        student_name: student
            .map(|student| validators::mask_name(&student.name))
            .unwrap_or_default(),
        student_number: student
            .map(|student| validators::mask_number(&student.student_number))
            .unwrap_or_default(),
        student_id,
        cohort: number(row.cohort),
        level: u32::try_from(row.level).unwrap_or_default(),
        since: Some(timestamp(row.since)),
        due_time: Some(timestamp(row.due_time)),
        overdue: row.waiting && row.due_time < now,
        plain: row.plain,
        claimed_by_me: claimed == Some(principal.account_id),
        claim_expire_time: row.claim_until.filter(|_| claimed.is_some()).map(timestamp),
        claimed_by: if claimed.is_some() {
            row.claim_name
        } else {
            String::new()
        },
        actions: actions(&waiting, principal, now),
        kind: row.kind,
        department: row.department,
        class_name: row.class_name,
    }
}

fn actions(waiting: &rules::Waiting, principal: &Principal, now: OffsetDateTime) -> Vec<Action> {
    let reviewer = reviewer(principal);
    let decidable = rules::decidable(waiting, reviewer, now);
    vec![
        action("claim", decidable),
        action("decide", decidable),
        action("batchApprove", rules::batchable(waiting, reviewer, now)),
    ]
}

fn action(name: &str, outcome: Result<(), Hindrance>) -> Action {
    let hindrance = outcome.err();
    Action {
        name: name.to_owned(),
        allowed: hindrance.is_none(),
        reason_code: hindrance.map_or("", Hindrance::reason).to_owned(),
        reason: hindrance.map_or("", Hindrance::message).to_owned(),
    }
}
