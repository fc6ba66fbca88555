//! Requests for help.

use qihang_kit::db;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{domain::help::State, error::Error};

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct HelpRow {
    pub(crate) id: Uuid,
    pub(crate) number: String,
    pub(crate) school_code: String,
    pub(crate) topic: String,
    pub(crate) state: String,
    pub(crate) case_number: String,
    pub(crate) content_sealed: Vec<u8>,
    pub(crate) answer_sealed: Option<Vec<u8>>,
    /// Who answered, masked; empty while it waits.
    pub(crate) answered_by: String,
    pub(crate) version: i32,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

/// Inserts a request.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(conn: &mut PgConnection, row: &HelpRow) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.help_requests
            (id, number, school_code, topic, state, case_number, content_sealed, create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
        "#,
        row.id,
        row.number,
        row.school_code,
        row.topic,
        row.state,
        row.case_number,
        row.content_sealed,
        row.create_time,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Gets a request of a school, locked.
///
/// # Errors
/// The database's.
pub(crate) async fn get(
    conn: &mut PgConnection,
    school_code: &str,
    id: Uuid,
) -> sqlx::Result<Option<HelpRow>> {
    sqlx::query_as!(
        HelpRow,
        r#"
        SELECT id, number, school_code, topic, state, case_number, content_sealed, answer_sealed, answered_by, version,
               create_time, update_time
        FROM identity.help_requests
        WHERE id = $1 AND school_code = $2
        FOR UPDATE
        "#,
        id,
        school_code,
    )
    .fetch_optional(conn)
    .await
}

/// Finds a request by the number that its asker was told.
///
/// # Errors
/// The database's.
pub(crate) async fn find(conn: &mut PgConnection, number: &str) -> sqlx::Result<Option<HelpRow>> {
    sqlx::query_as!(
        HelpRow,
        r#"
        SELECT id, number, school_code, topic, state, case_number, content_sealed, answer_sealed, answered_by, version,
               create_time, update_time
        FROM identity.help_requests
        WHERE number = $1
        "#,
        number,
    )
    .fetch_optional(conn)
    .await
}

/// Lists a school's requests, oldest first, after an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    school_code: &str,
    state: Option<&str>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<HelpRow>> {
    sqlx::query_as!(
        HelpRow,
        r#"
        SELECT id, number, school_code, topic, state, case_number, content_sealed, answer_sealed, answered_by, version,
               create_time, update_time
        FROM identity.help_requests
        WHERE school_code = $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR id > $3)
        ORDER BY id
        LIMIT $4
        "#,
        school_code,
        state,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Saves the answer to a request. `answered` is the answer, sealed, and who gave it.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn answer(
    conn: &mut PgConnection,
    row: &HelpRow,
    state: State,
    (answer_sealed, answered_by): (&[u8], &str),
) -> Result<(), Error> {
    let saved = sqlx::query!(
        r#"
        UPDATE identity.help_requests
        SET state = $4, answer_sealed = $5, answered_by = $6, version = version + 1, update_time = identity.kit_now()
        WHERE id = $1 AND school_code = $2 AND version = $3
        "#,
        row.id,
        row.school_code,
        row.version,
        state.as_str(),
        answer_sealed,
        answered_by,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}

/// Deletes requests half a year after their answer, some at a time.
///
/// # Errors
/// The database's.
pub(crate) async fn purge(conn: &mut PgConnection, limit: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        r#"
        DELETE FROM identity.help_requests
        WHERE id IN (
            SELECT id FROM identity.help_requests
            WHERE state <> 'OPEN' AND update_time < identity.kit_now() - interval '180 days'
            ORDER BY update_time
            LIMIT $1
        )
        "#,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
