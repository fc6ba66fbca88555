//! Commands that may be sent twice: the first answer is kept under caller, method and `request_id` in the transaction of
//! the effect. A second caller at the same time waits on the row and gets the same answer.

use bytes::Bytes;
use prost::Message;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::status::Fault;

/// What became of a `request_id`.
#[derive(Debug)]
pub enum Claim {
    /// First time: do the work, then [`Ticket::save`] the answer.
    Fresh(Ticket),
    /// Done before: this is the answer.
    Replay(Bytes),
}

/// The right and the duty to save the answer.
#[derive(Debug)]
#[must_use = "the answer must be saved in the same transaction"]
pub struct Ticket(Option<(Uuid, &'static str, Uuid)>);

/// Claims a `request_id` for one caller and method. Without one every call is fresh.
///
/// # Errors
/// INVALID_ARGUMENT when the same id came with another body; database errors.
pub async fn claim<R: Message>(
    conn: &mut PgConnection,
    method: &'static str,
    caller: Uuid,
    request_id: &str,
    request: &R,
) -> Result<Claim, Fault> {
    if request_id.is_empty() {
        return Ok(Claim::Fresh(Ticket(None)));
    }
    let id: Uuid = request_id
        .parse()
        .map_err(|_| Fault::invalid("requestId", "REQUEST_ID_INVALID", "requestId 必须是 UUID"))?;
    let hash = Sha256::digest(request.encode_to_vec()).to_vec();
    let inserted = sqlx::query(
        "INSERT INTO idempotency_keys (caller, method, request_id, request_hash) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(caller)
    .bind(method)
    .bind(id)
    .bind(&hash)
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Claim::Fresh(Ticket(Some((caller, method, id)))));
    }
    let (first_hash, response): (Vec<u8>, Option<Vec<u8>>) = sqlx::query_as(
        "SELECT request_hash, response FROM idempotency_keys WHERE caller = $1 AND method = $2 AND request_id = $3",
    )
    .bind(caller)
    .bind(method)
    .bind(id)
    .fetch_one(conn)
    .await?;
    if first_hash != hash {
        return Err(Fault::invalid(
            "requestId",
            "REQUEST_ID_REUSED",
            "这个 requestId 已用于另一次不同的请求，请为新的请求换一个",
        ));
    }
    Ok(Claim::Replay(response.unwrap_or_default().into()))
}

/// The first answer to a call, when this is a repeat of one. For calls with slow work that should not hold a connection: they
/// look here first, and claim the `request_id` when the work is done.
///
/// # Errors
/// As [`claim`]; INTERNAL when the saved answer cannot be read.
pub async fn first_answer<R: Message, M: Message + Default>(
    pool: &PgPool,
    method: &'static str,
    caller: Uuid,
    request_id: &str,
    request: &R,
) -> Result<Option<M>, Fault> {
    let mut transaction = pool.begin().await?;
    let claim = claim(&mut transaction, method, caller, request_id, request).await?;
    transaction.rollback().await?;
    claim.replay()
}

impl Claim {
    /// The first answer, when there was one.
    ///
    /// # Errors
    /// INTERNAL when the saved answer cannot be read.
    pub fn replay<M: Message + Default>(&self) -> Result<Option<M>, Fault> {
        match self {
            Self::Fresh(_) => Ok(None),
            Self::Replay(bytes) => M::decode(bytes.clone())
                .map(Some)
                .map_err(|error| Fault::internal(&error)),
        }
    }

    /// The ticket of a fresh claim, or the first answer.
    ///
    /// # Errors
    /// INTERNAL when the saved answer cannot be read.
    pub fn fresh_or<M: Message + Default>(self) -> Result<Result<Ticket, M>, Fault> {
        match self {
            Self::Fresh(ticket) => Ok(Ok(ticket)),
            Self::Replay(bytes) => M::decode(bytes).map(Err).map_err(|error| Fault::internal(&error)),
        }
    }
}

impl Ticket {
    /// Saves the answer, in the transaction of the effect.
    ///
    /// # Errors
    /// Database errors.
    pub async fn save<M: Message>(self, conn: &mut PgConnection, response: &M) -> Result<(), Fault> {
        let Some((caller, method, id)) = self.0 else {
            return Ok(());
        };
        sqlx::query(
            "UPDATE idempotency_keys SET response = $4 WHERE caller = $1 AND method = $2 AND request_id = $3",
        )
        .bind(caller)
        .bind(method)
        .bind(id)
        .bind(response.encode_to_vec())
        .execute(conn)
        .await?;
        Ok(())
    }
}
