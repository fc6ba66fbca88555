//! Announcements, scoped by office or by whom they concern.

use qihang_kit::db;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{domain::announcement::State, error::Error};

/// An announcement.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) school_code: String,
    pub(crate) content: Content,
    pub(crate) state: State,
    pub(crate) publish_time: Option<OffsetDateTime>,
    pub(crate) withdraw_reason: String,
    pub(crate) version: i32,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

/// What it says and to whom, as the history's hash covers it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Content {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) roles: Vec<String>,
    pub(crate) school_codes: Vec<String>,
    pub(crate) cohorts: Vec<i32>,
    pub(crate) departments: Vec<String>,
    pub(crate) public: bool,
    pub(crate) pinned: bool,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) expire_time: Option<OffsetDateTime>,
}

/// The columns as they come.
struct Columns {
    id: Uuid,
    school_code: String,
    title: String,
    body: String,
    roles: Vec<String>,
    school_codes: Vec<String>,
    cohorts: Vec<i32>,
    departments: Vec<String>,
    public: bool,
    pinned: bool,
    state: String,
    publish_time: Option<OffsetDateTime>,
    expire_time: Option<OffsetDateTime>,
    withdraw_reason: String,
    version: i32,
    create_time: OffsetDateTime,
    update_time: OffsetDateTime,
}

impl TryFrom<Columns> for Row {
    type Error = Error;

    fn try_from(columns: Columns) -> Result<Self, Error> {
        Ok(Self {
            state: State::parse(&columns.state).ok_or(Error::Inconsistent("announcements.state"))?,
            id: columns.id,
            school_code: columns.school_code,
            content: Content {
                title: columns.title,
                body: columns.body,
                roles: columns.roles,
                school_codes: columns.school_codes,
                cohorts: columns.cohorts,
                departments: columns.departments,
                public: columns.public,
                pinned: columns.pinned,
                expire_time: columns.expire_time,
            },
            publish_time: columns.publish_time,
            withdraw_reason: columns.withdraw_reason,
            version: columns.version,
            create_time: columns.create_time,
            update_time: columns.update_time,
        })
    }
}

fn rows(columns: Vec<Columns>) -> Result<Vec<Row>, Error> {
    columns.into_iter().map(Row::try_from).collect()
}

/// Who looks.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Viewer {
    pub(crate) account_id: Option<Uuid>,
    pub(crate) role: Option<&'static str>,
    pub(crate) school_code: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) cohort: Option<i32>,
    /// The school whose public announcements are wanted beside the province's.
    pub(crate) public_of: String,
}

/// Writes a draft.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    id: Uuid,
    school_code: &str,
    content: &Content,
) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO push.announcements
            (id, school_code, title, body, roles, school_codes, cohorts, departments, public, pinned, state, expire_time,
             create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'DRAFT', $11, push.kit_now(), push.kit_now())
        "#,
        id,
        school_code,
        content.title,
        content.body,
        &content.roles,
        &content.school_codes,
        &content.cohorts,
        &content.departments,
        content.public,
        content.pinned,
        content.expire_time,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gets one of an office's own, locked until the transaction's end.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid, school_code: &str) -> Result<Option<Row>, Error> {
    sqlx::query_as!(
        Columns,
        "SELECT * FROM push.announcements WHERE id = $1 AND school_code = $2 FOR UPDATE",
        id,
        school_code,
    )
    .fetch_optional(conn)
    .await?
    .map(Row::try_from)
    .transpose()
}

/// Gets one of an office's own.
///
/// # Errors
/// The database's.
pub(crate) async fn own(conn: &mut PgConnection, id: Uuid, school_code: &str) -> Result<Option<Row>, Error> {
    sqlx::query_as!(
        Columns,
        "SELECT * FROM push.announcements WHERE id = $1 AND school_code = $2",
        id,
        school_code,
    )
    .fetch_optional(conn)
    .await?
    .map(Row::try_from)
    .transpose()
}

/// Saves an office's own as it is now.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn save(conn: &mut PgConnection, row: &Row) -> Result<(), Error> {
    let content = &row.content;
    let saved = sqlx::query!(
        r#"
        UPDATE push.announcements
        SET title = $4, body = $5, roles = $6, school_codes = $7, cohorts = $8, departments = $9, public = $10,
            pinned = $11, expire_time = $12, state = $13, publish_time = $14, withdraw_reason = $15,
            version = version + 1, update_time = push.kit_now()
        WHERE id = $1 AND school_code = $2 AND version = $3
        "#,
        row.id,
        row.school_code,
        row.version,
        content.title,
        content.body,
        &content.roles,
        &content.school_codes,
        &content.cohorts,
        &content.departments,
        content.public,
        content.pinned,
        content.expire_time,
        row.state.as_str(),
        row.publish_time,
        row.withdraw_reason,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}

/// Gets one that is published now and public or concerns the viewer.
///
/// # Errors
/// The database's.
pub(crate) async fn shown(conn: &mut PgConnection, id: Uuid, viewer: &Viewer) -> Result<Option<Row>, Error> {
    sqlx::query_as!(
        Columns,
        r#"
        SELECT a.*
        FROM push.announcements a
        WHERE a.id = $1
          AND push.announcement_shown(a, push.kit_now())
          AND (a.public OR push.announcement_concerns(a, $2, $3, $4, $5))
        "#,
        id,
        viewer.role,
        viewer.school_code,
        viewer.department,
        viewer.cohort,
    )
    .fetch_optional(conn)
    .await?
    .map(Row::try_from)
    .transpose()
}

/// Where a page of what is shown goes on: pinned, time of publication, id.
pub(crate) type After = (bool, i64, Uuid);

/// Lists what is published now, pinned first, then newest first.
///
/// # Errors
/// The database's.
pub(crate) async fn list_shown(
    conn: &mut PgConnection,
    viewer: &Viewer,
    after: Option<(bool, OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let (pinned, time, id) = match after {
        Some((pinned, time, id)) => (Some(pinned), Some(time), Some(id)),
        None => (None, None, None),
    };
    let found = sqlx::query_as!(
        Columns,
        r#"
        SELECT a.*
        FROM push.announcements a
        WHERE push.announcement_shown(a, push.kit_now())
          AND ((a.public AND a.school_code IN ('', $1)) OR push.announcement_concerns(a, $2, $3, $4, $5))
          AND ($6::boolean IS NULL OR (a.pinned, a.publish_time, a.id) < ($6, $7, $8))
        ORDER BY a.pinned DESC, a.publish_time DESC, a.id DESC
        LIMIT $9
        "#,
        viewer.public_of,
        viewer.role,
        viewer.school_code,
        viewer.department,
        viewer.cohort,
        pinned,
        time,
        id,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows(found)
}

/// Lists an office's own, newest first, before an id, in one state as it is at an instant.
///
/// # Errors
/// The database's.
pub(crate) async fn list_own(
    conn: &mut PgConnection,
    school_code: &str,
    state: Option<State>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let found = sqlx::query_as!(
        Columns,
        r#"
        SELECT *
        FROM push.announcements
        WHERE school_code = $1
          AND ($2::text IS NULL
               OR $2 = CASE WHEN state = 'SCHEDULED' AND publish_time <= push.kit_now() THEN 'PUBLISHED' ELSE state END)
          AND ($3::uuid IS NULL OR id < $3)
        ORDER BY id DESC
        LIMIT $4
        "#,
        school_code,
        state.map(State::as_str),
        before,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows(found)
}

/// Takes scheduled ones whose time has come; those that another replica has are passed over.
///
/// # Errors
/// The database's.
pub(crate) async fn due(conn: &mut PgConnection, limit: i64) -> Result<Vec<Row>, Error> {
    let found = sqlx::query_as!(
        Columns,
        r#"
        SELECT *
        FROM push.announcements
        WHERE state = 'SCHEDULED' AND publish_time <= push.kit_now()
        ORDER BY publish_time
        LIMIT $1
        FOR UPDATE SKIP LOCKED
        "#,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows(found)
}
