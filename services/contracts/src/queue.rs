//! The queue follows the agreements in the transaction of each step.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::{
    App,
    act::By,
    domain::{agreement::State, queue::AGREEMENT, terms},
    error::Error,
    store::{
        agreements::Record,
        queue::{self, Row},
        revisions,
    },
};

/// Brings an agreement's row up to a step that was just saved; `record` still has the version before it.
pub(crate) async fn follow(
    app: &App,
    conn: &mut PgConnection,
    record: &Record,
    from: State,
    by: &By<'_>,
) -> Result<(), Error> {
    let waiting = record.rules.state == State::PendingReview;
    if !waiting && from != State::PendingReview {
        return Ok(());
    }
    let row = row(app, conn, record, waiting).await?;
    queue::follow(&mut *conn, &row).await?;
    // What begins to wait nobody has claimed: a claim went when it last stopped.
    if from != State::PendingReview {
        return Ok(());
    }
    let claim = record.rules.claim.filter(|_| waiting);
    // The claimer's name is known when they claim; other steps leave it.
    let claim = match (claim, by.principal) {
        (Some(claim), Some(principal)) if principal.account_id != claim.account => return Ok(()),
        (Some(claim), Some(principal)) => Some((claim.account, principal.name.as_str(), claim.until)),
        (Some(_), None) => return Ok(()),
        (None, _) => None,
    };
    queue::claim(conn, AGREEMENT, record.rules.id, claim).await
}

async fn row(app: &App, conn: &mut PgConnection, record: &Record, waiting: bool) -> Result<Row, Error> {
    let rules = &record.rules;
    let level = if rules.levels == 2 && !rules.department_passed {
        1
    } else {
        2
    };
    let signed = revisions::terms(&mut *conn, rules.id, rules.signed_revision).await?;
    let barred = if level == 2 && rules.levels == 2 {
        queue::passed_by(conn, rules.id).await?
    } else {
        Vec::new()
    };
    Ok(Row {
        id: app.ctx.ids.new_id(),
        kind: AGREEMENT.to_owned(),
        record_id: rules.id,
        version: record.version + 1,
        submission: rules.signed_revision,
        waiting,
        school_code: record.school_code.clone(),
        department: record.department.clone(),
        class_name: record.class_name.clone(),
        student_id: Some(record.student_id),
        cohort: record.cohort,
        level,
        since: record.waiting_since,
        due_time: due(app, AGREEMENT, record.waiting_since),
        plain: signed.is_some_and(|terms| terms::hints(&terms).is_empty()),
        barred,
        claim_account: None,
        claim_name: String::new(),
        claim_until: None,
    })
}

/// Until when something of a kind should be decided.
pub(crate) fn due(app: &App, kind: &str, since: OffsetDateTime) -> OffsetDateTime {
    let reviews = &app.config.reviews;
    let hours = reviews.hours_by_kind.get(kind).unwrap_or(&reviews.hours);
    since + Duration::hours(i64::from(*hours))
}
