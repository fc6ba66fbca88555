//! What is held about a person, for that person.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A request for correction.
pub(crate) struct OwnCorrection {
    pub(crate) state: String,
    pub(crate) fields: Vec<String>,
    pub(crate) reject_reason: String,
    pub(crate) create_time: OffsetDateTime,
}

/// Somebody's sign-in.
pub(crate) struct OwnSession {
    pub(crate) client: String,
    pub(crate) address: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) refresh_time: OffsetDateTime,
    pub(crate) end_time: Option<OffsetDateTime>,
}

/// The requests for correction of a student, newest first.
///
/// # Errors
/// The database's.
pub(crate) async fn corrections(
    conn: &mut PgConnection,
    student_id: Uuid,
) -> sqlx::Result<Vec<OwnCorrection>> {
    sqlx::query_as!(
        OwnCorrection,
        r#"
        SELECT state, fields, reject_reason, create_time
        FROM identity.corrections
        WHERE student_id = $1
        ORDER BY id DESC
        LIMIT 1000
        "#,
        student_id,
    )
    .fetch_all(conn)
    .await
}

/// The sign-ins of an account that are still known, newest first.
///
/// # Errors
/// The database's.
pub(crate) async fn sessions(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<Vec<OwnSession>> {
    sqlx::query_as!(
        OwnSession,
        r#"
        SELECT client, address, create_time, refresh_time, end_time
        FROM identity.sessions
        WHERE account_id = $1
        ORDER BY id DESC
        LIMIT 1000
        "#,
        account_id,
    )
    .fetch_all(conn)
    .await
}
