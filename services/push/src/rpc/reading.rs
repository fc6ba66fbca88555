//! What people do with announcements: look, read, count.

use std::collections::HashMap;

use qihang_kit::{
    auth::{self, Principal, Role},
    db, page,
};
use qihang_proto::push::v1::{
    Announcement, CountUnreadAnnouncementsRequest, CountUnreadAnnouncementsResponse, GetAnnouncementRequest,
    ListAnnouncementsRequest, ListAnnouncementsResponse, MarkAnnouncementReadRequest,
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use tonic::Request;
use uuid::Uuid;

use super::office;
use crate::{
    App,
    error::Error,
    peers,
    store::{
        announcements::{self, After, Row, Viewer},
        reads,
    },
    view::{self, Extent, Eyes},
};

/// Lists what is published.
///
/// # Errors
/// A bad page token; when identity is needed and away; the database's.
pub(super) async fn list(
    app: &App,
    request: &Request<ListAnnouncementsRequest>,
) -> Result<ListAnnouncementsResponse, Error> {
    let asked = request.get_ref();
    let viewer = viewer(app, auth::principal(request).ok(), &asked.school_code).await?;
    let query = page::Query::new(asked.page_size, &asked.page_token, &viewer)?;
    let after = query
        .after::<After>()?
        .map(|(pinned, micros, id)| (pinned, from_micros(micros), id));
    let mut conn = app.ctx.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    let rows = announcements::list_shown(&mut conn, &viewer, after, query.limit()).await?;
    let key = |row: &Row| {
        let time = row.publish_time.unwrap_or(row.create_time);
        (row.content.pinned, micros(time), row.id)
    };
    let (rows, next_page_token) = query.finish(rows, key);
    let read = read_times(&mut conn, &viewer, &rows).await?;
    let view = |row: Row| {
        let read_time = read.get(&row.id).copied();
        view::announcement(row, (Eyes::Reader, Extent::Head), read_time, now)
    };
    Ok(ListAnnouncementsResponse {
        announcements: rows.into_iter().map(view).collect(),
        next_page_token,
    })
}

/// Gets one announcement.
///
/// # Errors
/// ANNOUNCEMENT_NOT_FOUND; when identity is needed and away; the database's.
pub(super) async fn get(app: &App, request: &Request<GetAnnouncementRequest>) -> Result<Announcement, Error> {
    let id = id(&request.get_ref().id)?;
    let principal = auth::principal(request).ok();
    let mut conn = app.ctx.pool.acquire().await?;
    if let Some(office) = principal.and_then(|principal| office::of(principal).ok()) {
        let now = db::now(&mut conn).await?;
        if let Some(row) = announcements::own(&mut conn, id, office).await? {
            let eyes = (Eyes::Office, Extent::Whole);
            return Ok(view::announcement(row, eyes, None, now));
        }
    }
    drop(conn);
    let viewer = viewer(app, principal, "").await?;
    let mut conn = app.ctx.pool.acquire().await?;
    shown(&mut conn, id, &viewer).await
}

/// Counts what is unread.
///
/// # Errors
/// When identity is needed and away; the database's.
pub(super) async fn count_unread(
    app: &App,
    request: &Request<CountUnreadAnnouncementsRequest>,
) -> Result<CountUnreadAnnouncementsResponse, Error> {
    let viewer = viewer(app, Some(auth::principal(request)?), "").await?;
    let mut conn = app.ctx.pool.acquire().await?;
    let count = reads::count_unread(&mut conn, &viewer).await?;
    Ok(CountUnreadAnnouncementsResponse {
        count: u32::try_from(count).unwrap_or(u32::MAX),
    })
}

/// Marks as read.
///
/// # Errors
/// ANNOUNCEMENT_NOT_FOUND; when identity is needed and away; the database's.
pub(super) async fn mark(
    app: &App,
    request: &Request<MarkAnnouncementReadRequest>,
) -> Result<Announcement, Error> {
    let id = id(&request.get_ref().id)?;
    let principal = auth::principal(request)?;
    let viewer = viewer(app, Some(principal), "").await?;
    let staff = matches!(principal.role, Role::Department | Role::School | Role::Province);
    let mut transaction = app.ctx.pool.begin().await?;
    announcements::shown(&mut transaction, id, &viewer)
        .await?
        .ok_or(Error::NotFound)?;
    reads::note(&mut transaction, id, principal.account_id, staff).await?;
    let answer = shown(&mut transaction, id, &viewer).await?;
    transaction.commit().await?;
    Ok(answer)
}

async fn shown(conn: &mut PgConnection, id: Uuid, viewer: &Viewer) -> Result<Announcement, Error> {
    let row = announcements::shown(conn, id, viewer)
        .await?
        .ok_or(Error::NotFound)?;
    let now = db::now(conn).await?;
    let read = read_times(conn, viewer, std::slice::from_ref(&row)).await?;
    let read_time = read.get(&id).copied();
    Ok(view::announcement(
        row,
        (Eyes::Reader, Extent::Whole),
        read_time,
        now,
    ))
}

async fn read_times(
    conn: &mut PgConnection,
    viewer: &Viewer,
    rows: &[Row],
) -> Result<HashMap<Uuid, OffsetDateTime>, Error> {
    let Some(account_id) = viewer.account_id else {
        return Ok(HashMap::new());
    };
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let read = reads::of_account(conn, account_id, &ids).await?;
    Ok(read.into_iter().collect())
}

/// Who looks. Nobody in particular sees what is public.
async fn viewer(app: &App, principal: Option<&Principal>, school_code: &str) -> Result<Viewer, Error> {
    let Some(principal) = principal else {
        return Ok(Viewer {
            public_of: school_code.to_owned(),
            ..Viewer::default()
        });
    };
    let cohort = match principal.student_id {
        Some(student_id) => peers::cohort(&app.ctx, student_id).await?,
        None => None,
    };
    let own = principal.school_code.clone().unwrap_or_default();
    Ok(Viewer {
        account_id: Some(principal.account_id),
        role: Some(principal.role.as_str()),
        school_code: principal.school_code.clone(),
        department: principal.department.clone(),
        cohort,
        public_of: if school_code.is_empty() {
            own
        } else {
            school_code.to_owned()
        },
    })
}

/// An id from a request.
///
/// # Errors
/// ANNOUNCEMENT_NOT_FOUND for what is none.
pub(super) fn id(text: &str) -> Result<Uuid, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

fn micros(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1000).unwrap_or_default()
}

fn from_micros(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
