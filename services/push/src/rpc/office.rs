//! What an office does with its announcements: the province, or a school.

use std::collections::HashMap;

use prost::Message;
use qihang_kit::{
    auth::{self, Principal, Role},
    db, etag,
    idempotency::Call,
    page,
};
use qihang_proto::{
    identity::v1::ListStaffAccountsRequest,
    push::v1::{
        Announcement, CreateAnnouncementRequest, ListAnnouncementHistoryRequest,
        ListAnnouncementHistoryResponse, ListAnnouncementReceiptsRequest, ListAnnouncementReceiptsResponse,
        ListOwnAnnouncementsRequest, ListOwnAnnouncementsResponse, PublishAnnouncementRequest,
        UpdateAnnouncementRequest, WithdrawAnnouncementRequest, list_announcement_receipts_response::Receipt,
    },
};
use tonic::Request;
use uuid::Uuid;

use super::reading::id;
use crate::{
    App,
    domain::announcement::{self, Command, Facts, State},
    error::Error,
    messages, peers,
    store::{
        announcements::{self, Content},
        history::{self as steps, By, Step},
        reads,
    },
    view::{self, Extent, Eyes},
};

/// How an office sees its own.
const WHOLE: (Eyes, Extent) = (Eyes::Office, Extent::Whole);

/// The office that somebody speaks for: a school's code, empty for the province.
///
/// # Errors
/// NO_SCOPE for everybody else.
pub(super) fn of(principal: &Principal) -> Result<&str, Error> {
    match principal.role {
        Role::Province => Ok(""),
        Role::School => principal.school_code.as_deref().ok_or(Error::NoOffice),
        _ => Err(Error::NoOffice),
    }
}

/// Lists an office's own.
///
/// # Errors
/// A bad page token; the database's.
pub(super) async fn list(
    app: &App,
    request: &Request<ListOwnAnnouncementsRequest>,
) -> Result<ListOwnAnnouncementsResponse, Error> {
    let asked = request.get_ref();
    let office = of(auth::principal(request)?)?;
    let state = view::state_filter(asked.state());
    let filters = (office, state.map(State::as_str));
    let query = page::Query::new(asked.page_size, &asked.page_token, &filters)?;
    let mut conn = app.ctx.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    let before = query.after::<Uuid>()?;
    let rows = announcements::list_own(&mut conn, office, state, before, query.limit()).await?;
    let (rows, next_page_token) = query.finish(rows, |row| row.id);
    let view = |row| view::announcement(row, (Eyes::Office, Extent::Head), None, now);
    Ok(ListOwnAnnouncementsResponse {
        announcements: rows.into_iter().map(view).collect(),
        next_page_token,
    })
}

/// Drafts.
///
/// # Errors
/// Content that is refused; the database's.
pub(super) async fn create(
    app: &App,
    request: &Request<CreateAnnouncementRequest>,
) -> Result<Announcement, Error> {
    let (asked, principal) = (request.get_ref(), auth::principal(request)?);
    let office = of(principal)?;
    let content = view::content(asked.content.clone(), office)?;
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new(
        "CreateAnnouncement",
        principal.account_id,
        &asked.request_id,
        asked,
    );
    let answer = call
        .once(&mut transaction, async |conn| {
            let id = app.ctx.ids.new_id();
            announcements::insert(conn, id, office, &content).await?;
            let row = announcements::lock(conn, id, office)
                .await?
                .ok_or(Error::NotFound)?;
            let now = db::now(conn).await?;
            let caller = auth::caller(request);
            let by = By {
                principal: Some(principal),
                caller: &caller,
            };
            steps::append(conn, &Step::new(&row, "draft", None, (by, now))).await?;
            Ok(view::announcement(row, WHOLE, None, now))
        })
        .await?;
    transaction.commit().await?;
    Ok(answer)
}

/// Replaces the content.
///
/// # Errors
/// Content or state that is refused; VERSION_CONFLICT; the database's.
pub(super) async fn update(
    app: &App,
    request: &Request<UpdateAnnouncementRequest>,
) -> Result<Announcement, Error> {
    let asked = request.get_ref();
    let content = view::content(asked.content.clone(), of(auth::principal(request)?)?)?;
    let wanted = Wanted {
        method: "UpdateAnnouncement",
        id: &asked.id,
        etag: &asked.etag,
        request_id: &asked.request_id,
        command: Command::Update,
        content: Some(content),
        reason: "",
    };
    step(app, request, wanted).await
}

/// Publishes.
///
/// # Errors
/// A time or state that is refused; VERSION_CONFLICT; the database's.
pub(super) async fn publish(
    app: &App,
    request: &Request<PublishAnnouncementRequest>,
) -> Result<Announcement, Error> {
    let asked = request.get_ref();
    let time = view::instant(asked.publish_time, "publishTime")?;
    let wanted = Wanted {
        method: "PublishAnnouncement",
        id: &asked.id,
        etag: &asked.etag,
        request_id: &asked.request_id,
        command: Command::Publish(time),
        content: None,
        reason: "",
    };
    step(app, request, wanted).await
}

/// Withdraws.
///
/// # Errors
/// A state that is refused; VERSION_CONFLICT; the database's.
pub(super) async fn withdraw(
    app: &App,
    request: &Request<WithdrawAnnouncementRequest>,
) -> Result<Announcement, Error> {
    let asked = request.get_ref();
    let reason = asked.reason.trim();
    if reason.is_empty() {
        return Err(Error::Blank("reason"));
    }
    let wanted = Wanted {
        method: "WithdrawAnnouncement",
        id: &asked.id,
        etag: &asked.etag,
        request_id: &asked.request_id,
        command: Command::Withdraw,
        content: None,
        reason,
    };
    step(app, request, wanted).await
}

/// A step that an office wants to take.
struct Wanted<'a> {
    method: &'static str,
    id: &'a str,
    etag: &'a str,
    request_id: &'a str,
    command: Command,
    /// The new content, with an update.
    content: Option<Content>,
    reason: &'a str,
}

/// Takes a step in one transaction, once a request id, on the version the caller has seen.
async fn step<R: Message>(
    app: &App,
    request: &Request<R>,
    wanted: Wanted<'_>,
) -> Result<Announcement, Error> {
    let principal = auth::principal(request)?;
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new(
        wanted.method,
        principal.account_id,
        wanted.request_id,
        request.get_ref(),
    );
    let answer = call
        .once(&mut transaction, async |conn| {
            let office = of(principal)?;
            let mut row = announcements::lock(conn, id(wanted.id)?, office)
                .await?
                .ok_or(Error::NotFound)?;
            etag::check(wanted.etag, row.version)?;
            let now = db::now(conn).await?;
            let from = row.state.at(row.publish_time, now);
            if let Some(content) = wanted.content {
                row.content = content;
            }
            let facts: Facts = view::facts(&row);
            let next = announcement::decide(facts, wanted.command, now).map_err(Error::from)?;
            (row.state, row.publish_time) = (next.state, next.publish_time);
            wanted.reason.clone_into(&mut row.withdraw_reason);
            announcements::save(conn, &row).await?;
            let caller = auth::caller(request);
            let by = By {
                principal: Some(principal),
                caller: &caller,
            };
            let done = Step::new(&row, wanted.command.name(), Some(from), (by, now));
            steps::append(conn, &done).await?;
            if row.state == State::Published && matches!(wanted.command, Command::Publish(_)) {
                messages::published(app, conn, &row).await?;
            }
            let saved = announcements::lock(conn, row.id, office)
                .await?
                .ok_or(Error::NotFound)?;
            Ok(view::announcement(saved, WHOLE, None, now))
        })
        .await?;
    transaction.commit().await?;
    app.ctx.outbox.wake();
    Ok(answer)
}

/// Lists receipts of staff.
///
/// # Errors
/// ANNOUNCEMENT_NOT_FOUND; when identity is away; the database's.
pub(super) async fn receipts(
    app: &App,
    request: &Request<ListAnnouncementReceiptsRequest>,
) -> Result<ListAnnouncementReceiptsResponse, Error> {
    let asked = request.get_ref();
    let announcement_id = id(&asked.id)?;
    let query = page::Query::new(asked.page_size, &asked.page_token, &announcement_id)?;
    let office = of(auth::principal(request)?)?;
    let mut conn = app.ctx.pool.acquire().await?;
    let row = announcements::own(&mut conn, announcement_id, office)
        .await?
        .ok_or(Error::NotFound)?;
    let read_count = reads::count_staff(&mut conn, announcement_id).await?;
    // No connection is held while another service answers.
    drop(conn);
    let targets = view::targets_of(&row.content);
    let roles = targets.staff();
    if roles.is_empty() {
        return Ok(ListAnnouncementReceiptsResponse::default());
    }
    let after = query.after::<Uuid>()?;
    let staff = ListStaffAccountsRequest {
        roles: roles.iter().map(|role| role.as_str().to_owned()).collect(),
        school_codes: targets.school_codes,
        departments: targets.departments,
        after: after.map(|id| id.to_string()).unwrap_or_default(),
        limit: i32::try_from(query.limit()).unwrap_or(page::MAX_SIZE),
    };
    let staff = peers::staff(&app.ctx, staff).await?;
    let accounts: Vec<Uuid> = staff
        .account_ids
        .iter()
        .filter_map(|id| id.parse().ok())
        .collect();
    let (accounts, next_page_token) = query.finish(accounts, |id| *id);
    let mut conn = app.ctx.pool.acquire().await?;
    let read = reads::of_announcement(&mut conn, announcement_id, &accounts).await?;
    let read: HashMap<Uuid, _> = read.into_iter().collect();
    let receipt = |account: &Uuid| Receipt {
        account_id: account.to_string(),
        read_time: read.get(account).copied().map(view::timestamp),
    };
    Ok(ListAnnouncementReceiptsResponse {
        receipts: accounts.iter().map(receipt).collect(),
        next_page_token,
        staff_count: staff.total,
        read_count: u32::try_from(read_count).unwrap_or(u32::MAX),
    })
}

/// Lists steps.
///
/// # Errors
/// ANNOUNCEMENT_NOT_FOUND; the database's.
pub(super) async fn history(
    app: &App,
    request: &Request<ListAnnouncementHistoryRequest>,
) -> Result<ListAnnouncementHistoryResponse, Error> {
    let office = of(auth::principal(request)?)?;
    let announcement_id = id(&request.get_ref().id)?;
    let mut conn = app.ctx.pool.acquire().await?;
    announcements::own(&mut conn, announcement_id, office)
        .await?
        .ok_or(Error::NotFound)?;
    let found = steps::list(&mut conn, announcement_id).await?;
    Ok(ListAnnouncementHistoryResponse {
        entries: found.into_iter().map(view::step).collect(),
    })
}
