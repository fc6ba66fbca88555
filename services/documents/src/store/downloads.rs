//! The log of who got which bytes.

use std::ops::Range;

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Error, domain::file::FileId};

/// One download.
pub(crate) struct Download {
    pub(crate) id: Uuid,
    pub(crate) file: FileId,
    /// The account; nobody for a service.
    pub(crate) account: Option<Uuid>,
    /// Role, or the service's name.
    pub(crate) reader: String,
    pub(crate) address: Option<String>,
    /// A part, when not the whole.
    pub(crate) part: Option<Range<u64>>,
    pub(crate) time: OffsetDateTime,
}

/// Writes a download into the log.
pub(crate) async fn insert(conn: &mut PgConnection, download: Download) -> Result<(), Error> {
    let offset = |offset: u64| i64::try_from(offset).unwrap_or(i64::MAX);
    sqlx::query!(
        "INSERT INTO documents.downloads (id, file_id, account_id, reader, client_address, first_byte, last_byte, create_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        download.id,
        download.file.0,
        download.account,
        download.reader,
        download.address,
        download.part.as_ref().map(|part| offset(part.start)),
        download.part.as_ref().map(|part| offset(part.end.saturating_sub(1))),
        download.time,
    )
    .execute(conn)
    .await?;
    Ok(())
}
