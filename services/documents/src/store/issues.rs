//! Documents by the request that asked for them.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Error, domain::file::FileId};

/// A document that a request got.
pub(crate) struct Issue {
    pub(crate) request_id: Uuid,
    /// SHA-256 of the request.
    pub(crate) request_hash: Vec<u8>,
    pub(crate) file: FileId,
}

/// Reads what a request got.
pub(crate) async fn find(conn: &mut PgConnection, request_id: Uuid) -> Result<Option<Issue>, Error> {
    let row = sqlx::query!(
        "SELECT request_hash, file_id FROM documents.issues WHERE request_id = $1",
        request_id
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Issue {
        request_id,
        request_hash: row.request_hash,
        file: FileId(row.file_id),
    }))
}

/// Writes what a request got; false when somebody else answered the request first.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    issue: &Issue,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let result = sqlx::query!(
        "INSERT INTO documents.issues (request_id, request_hash, file_id, create_time)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (request_id) DO NOTHING",
        issue.request_id,
        issue.request_hash,
        issue.file.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(result.rows_affected() == 1)
}
