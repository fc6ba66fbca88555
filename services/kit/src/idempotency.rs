//! Commands that may be sent twice: the first answer is kept under caller, method and `request_id` in the transaction of
//! the effect. A second caller at the same time waits on the row and gets the same answer.

use bytes::Bytes;
use prost::Message;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgExecutor, PgPool};
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

/// A call that may be sent twice: who calls which method under which `request_id`, and with what.
#[derive(Debug)]
pub struct Call<'a, R> {
    method: &'static str,
    caller: Uuid,
    request_id: &'a str,
    request: &'a R,
}

impl<'a, R: Message> Call<'a, R> {
    /// A call of one caller to one method. Without a `request_id` every call is fresh.
    #[must_use]
    pub fn new(method: &'static str, caller: Uuid, request_id: &'a str, request: &'a R) -> Self {
        Self {
            method,
            caller,
            request_id,
            request,
        }
    }

    /// Acts if this is the first time and keeps the answer in the same transaction; a repeat gets the first answer.
    ///
    /// # Errors
    /// As [`Self::claim`], and those of the act.
    pub async fn once<A: Message + Default>(
        &self,
        conn: &mut PgConnection,
        act: impl AsyncFnOnce(&mut PgConnection) -> Result<A, Fault>,
    ) -> Result<A, Fault> {
        match self.claim(conn).await?.fresh_or()? {
            Err(first) => Ok(first),
            Ok(ticket) => {
                let answer = act(conn).await?;
                ticket.save(conn, &answer).await?;
                Ok(answer)
            }
        }
    }

    /// Claims the `request_id`, for calls that answer a repeat in another way than the first time.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the same id came with another body; database errors.
    pub async fn claim(&self, conn: &mut PgConnection) -> Result<Claim, Fault> {
        let Some(id) = self.id()? else {
            return Ok(Claim::Fresh(Ticket(None)));
        };
        let inserted = sqlx::query(
            "INSERT INTO idempotency_keys (caller, method, request_id, request_hash) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(self.caller)
        .bind(self.method)
        .bind(id)
        .bind(self.hash())
        .execute(&mut *conn)
        .await?;
        if inserted.rows_affected() == 1 {
            return Ok(Claim::Fresh(Ticket(Some((self.caller, self.method, id)))));
        }
        let first = self.kept(conn, id).await?;
        // Whoever claimed it is done, and clearing away takes days: the row is there.
        first
            .map(Claim::Replay)
            .ok_or_else(|| Fault::internal(&sqlx::Error::RowNotFound))
    }

    /// The first answer, when this is a repeat. For calls with slow work that should not hold a connection: they look here
    /// first, and claim the `request_id` when the work is done.
    ///
    /// # Errors
    /// As [`Self::claim`]; INTERNAL when the saved answer cannot be read.
    pub async fn first_answer<A: Message + Default>(&self, pool: &PgPool) -> Result<Option<A>, Fault> {
        let Some(id) = self.id()? else {
            return Ok(None);
        };
        let first = self.kept(pool, id).await?.map(Claim::Replay);
        Ok(first.map(Claim::fresh_or).transpose()?.and_then(Result::err))
    }

    fn id(&self) -> Result<Option<Uuid>, Fault> {
        if self.request_id.is_empty() {
            return Ok(None);
        }
        let id = self.request_id.parse();
        id.map(Some)
            .map_err(|_| Fault::invalid("requestId", "REQUEST_ID_INVALID", "requestId 必须是 UUID"))
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.request.encode_to_vec()).to_vec()
    }

    /// What was answered under this id before.
    async fn kept(&self, from: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Bytes>, Fault> {
        let first: Option<(Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT request_hash, response FROM idempotency_keys WHERE caller = $1 AND method = $2 AND request_id = $3",
        )
        .bind(self.caller)
        .bind(self.method)
        .bind(id)
        .fetch_optional(from)
        .await?;
        match first {
            Some((hash, _)) if hash != self.hash() => Err(Fault::invalid(
                "requestId",
                "REQUEST_ID_REUSED",
                "这个 requestId 已用于另一次不同的请求，请为新的请求换一个",
            )),
            first => Ok(first.map(|(_, response)| response.unwrap_or_default().into())),
        }
    }
}

impl Claim {
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
