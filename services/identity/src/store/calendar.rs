//! Windows of graduation years, and their changes.

use qihang_kit::{db, history};
use serde::Serialize;
use sqlx::PgConnection;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::{
    domain::calendar::{Days, Effective, Kind, day},
    error::Error,
    store::history::Author,
};

/// School code of the province's own windows.
pub(crate) const PROVINCE: &str = "";

/// A window.
#[derive(Debug, Clone)]
pub(crate) struct WindowRow {
    pub(crate) kind: String,
    pub(crate) school_code: String,
    open_day: Option<Date>,
    close_day: Option<Date>,
    pub(crate) version: i32,
}

impl WindowRow {
    /// Its days; none when it was removed.
    pub(crate) fn days(&self) -> Option<Days> {
        days(self.open_day, self.close_day)
    }
}

/// Days as two columns.
pub(crate) fn days(open: Option<Date>, close: Option<Date>) -> Option<Days> {
    open.zip(close).and_then(|(open, close)| Days::new(open, close))
}

/// Whose window of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) cohort: i32,
    pub(crate) kind: Kind,
    pub(crate) school_code: &'a str,
}

/// The province's windows of a graduation year, and a school's.
///
/// # Errors
/// The database's.
pub(crate) async fn windows(
    conn: &mut PgConnection,
    cohort: i32,
    school_code: &str,
) -> sqlx::Result<Vec<WindowRow>> {
    sqlx::query_as!(
        WindowRow,
        r#"
        SELECT kind, school_code, open_day, close_day, version
        FROM identity.calendar_windows
        WHERE cohort = $1 AND school_code IN ('', $2)
        "#,
        cohort,
        school_code,
    )
    .fetch_all(conn)
    .await
}

/// What counts for a school's students of a graduation year.
///
/// # Errors
/// The database's.
pub(crate) async fn effective(conn: &mut PgConnection, place: Place<'_>) -> sqlx::Result<Effective> {
    let rows = windows(conn, place.cohort, place.school_code).await?;
    let of = |school_code: &str| {
        rows.iter()
            .find(|row| row.kind == place.kind.as_str() && row.school_code == school_code)
            .and_then(WindowRow::days)
    };
    Ok(Effective::of(of(PROVINCE), of(place.school_code)))
}

/// Locks a window, which is there afterwards.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection, place: Place<'_>) -> sqlx::Result<WindowRow> {
    sqlx::query!(
        r#"
        INSERT INTO identity.calendar_windows (cohort, kind, school_code, create_time, update_time)
        VALUES ($1, $2, $3, identity.kit_now(), identity.kit_now())
        ON CONFLICT DO NOTHING
        "#,
        place.cohort,
        place.kind.as_str(),
        place.school_code,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query_as!(
        WindowRow,
        r#"
        SELECT kind, school_code, open_day, close_day, version
        FROM identity.calendar_windows
        WHERE cohort = $1 AND kind = $2 AND school_code = $3
        FOR UPDATE
        "#,
        place.cohort,
        place.kind.as_str(),
        place.school_code,
    )
    .fetch_one(conn)
    .await
}

/// Sets a window's days.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn save(
    conn: &mut PgConnection,
    place: Place<'_>,
    version: i32,
    days: Option<Days>,
) -> Result<(), Error> {
    let saved = sqlx::query!(
        r#"
        UPDATE identity.calendar_windows
        SET open_day = $5, close_day = $6, version = version + 1, update_time = identity.kit_now()
        WHERE cohort = $1 AND kind = $2 AND school_code = $3 AND version = $4
        "#,
        place.cohort,
        place.kind.as_str(),
        place.school_code,
        version,
        days.map(Days::open),
        days.map(Days::close),
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}

/// A change of a window, as its hash covers it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Change<'a> {
    cohort: i32,
    kind: &'static str,
    school_code: &'a str,
    version: i32,
    open_day: Option<String>,
    close_day: Option<String>,
    author: &'a Author,
    /// Microseconds since 1970: what the store keeps of a time.
    micros: i64,
    #[serde(skip)]
    days: Option<Days>,
    #[serde(skip)]
    time: OffsetDateTime,
}

impl<'a> Change<'a> {
    /// A change that makes `version`.
    pub(crate) fn new(
        place: Place<'a>,
        version: i32,
        days: Option<Days>,
        (author, time): (&'a Author, OffsetDateTime),
    ) -> Self {
        Self {
            cohort: place.cohort,
            kind: place.kind.as_str(),
            school_code: place.school_code,
            version,
            open_day: days.map(Days::open).map(day),
            close_day: days.map(Days::close).map(day),
            author,
            micros: crate::store::history::micros(time),
            days,
            time,
        }
    }
}

/// Notes a change. The window is locked by the caller.
///
/// # Errors
/// The database's.
pub(crate) async fn note(conn: &mut PgConnection, id: Uuid, change: &Change<'_>) -> sqlx::Result<()> {
    let last = sqlx::query_scalar!(
        r#"
        SELECT hash
        FROM identity.calendar_history
        WHERE cohort = $1 AND kind = $2 AND school_code = $3
        ORDER BY version DESC
        LIMIT 1
        "#,
        change.cohort,
        change.kind,
        change.school_code,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let hash = history::next_hash(last.as_deref(), change);
    sqlx::query!(
        r#"
        INSERT INTO identity.calendar_history
            (id, cohort, kind, school_code, version, open_day, close_day, actor_id, actor_role, actor_name, address,
             client, hash, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        "#,
        id,
        change.cohort,
        change.kind,
        change.school_code,
        change.version,
        change.days.map(Days::open),
        change.days.map(Days::close),
        change.author.account,
        change.author.role,
        change.author.name,
        change.author.address,
        change.author.client,
        hash.as_slice(),
        change.time,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// A change as it was kept.
#[derive(Debug, Clone)]
pub(crate) struct ChangeRow {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) school_code: String,
    open_day: Option<Date>,
    close_day: Option<Date>,
    pub(crate) actor_name: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) hash: Vec<u8>,
}

impl ChangeRow {
    /// The days that were set; none when the window was removed.
    pub(crate) fn days(&self) -> Option<Days> {
        days(self.open_day, self.close_day)
    }
}

/// Lists changes, newest first, before an id: all, or the province's and one school's.
///
/// # Errors
/// The database's.
pub(crate) async fn changes(
    conn: &mut PgConnection,
    cohort: i32,
    school_code: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ChangeRow>> {
    sqlx::query_as!(
        ChangeRow,
        r#"
        SELECT id, kind, school_code, open_day, close_day, actor_name, create_time, hash
        FROM identity.calendar_history
        WHERE cohort = $1
          AND ($2::text IS NULL OR school_code IN ('', $2))
          AND ($3::uuid IS NULL OR id < $3)
        ORDER BY id DESC
        LIMIT $4
        "#,
        cohort,
        school_code,
        before,
        limit,
    )
    .fetch_all(conn)
    .await
}
