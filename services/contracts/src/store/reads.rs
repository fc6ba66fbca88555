//! Read tokens.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Error;

/// Keeps that a student begins to read a revision.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    token: Uuid,
    agreement_id: Uuid,
    revision: i32,
    student_id: Uuid,
    now: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO contracts.read_tokens (id, agreement_id, revision, student_id, create_time)
         VALUES ($1, $2, $3, $4, $5)",
        token,
        agreement_id,
        revision,
        student_id,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The revision and time of a token of this student and agreement.
pub(crate) async fn find(
    conn: &mut PgConnection,
    token: Uuid,
    agreement_id: Uuid,
    student_id: Uuid,
) -> Result<Option<(i32, OffsetDateTime)>, Error> {
    let row = sqlx::query!(
        "SELECT revision, create_time FROM contracts.read_tokens
         WHERE id = $1 AND agreement_id = $2 AND student_id = $3",
        token,
        agreement_id,
        student_id
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.revision, row.create_time)))
}

/// Deletes tokens that are long over.
pub(crate) async fn sweep(conn: &mut PgConnection) -> Result<u64, Error> {
    let result = sqlx::query!(
        "DELETE FROM contracts.read_tokens WHERE id IN
         (SELECT id FROM contracts.read_tokens WHERE create_time < now() - interval '1 day' LIMIT 5000)"
    )
    .execute(conn)
    .await?;
    Ok(result.rows_affected())
}
