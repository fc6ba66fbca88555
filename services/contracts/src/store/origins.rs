//! What identity last told of students' records.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Error;

/// Keeps what a message says unless a newer one was there before.
pub(crate) async fn save(
    conn: &mut PgConnection,
    student_id: Uuid,
    version: i32,
    approved: bool,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO contracts.origins (student_id, version, approved) VALUES ($1, $2, $3)
         ON CONFLICT (student_id) DO UPDATE
         SET version = excluded.version, approved = excluded.approved, update_time = now()
         WHERE contracts.origins.version <= excluded.version",
        student_id,
        version,
        approved
    )
    .execute(conn)
    .await?;
    Ok(())
}
