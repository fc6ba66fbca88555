//! Messages to others, written in the transaction of the change they tell of; [`crate::relay`] publishes them after.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{status::Fault, telemetry};

/// How the name of the Postgres channel begins that wakes the relay of a service; the schema ends it, so that services which
/// share a database do not wake each other.
pub(crate) const CHANNEL: &str = "qihang_outbox_";

/// Wakes this process's relay at once, before the database's notice arrives.
#[derive(Clone, Debug, Default)]
pub struct OutboxSignal(Arc<Notify>);

/// A message to be published.
#[derive(Debug)]
pub struct Outgoing {
    id: Uuid,
    key: &'static str,
    aggregate: Uuid,
    payload: Bytes,
}

impl OutboxSignal {
    /// Wakes the relay.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.0.notified().await;
    }
}

impl Outgoing {
    /// A message of one aggregate. `key` is the routing key, e.g. `contracts.agreement.accepted.v1`.
    #[must_use]
    pub fn new(id: Uuid, key: &'static str, aggregate: Uuid, message: &impl Message) -> Self {
        Self {
            id,
            key,
            aggregate,
            payload: message.encode_to_vec().into(),
        }
    }
}

/// Writes a message in the caller's transaction. It is published after the commit, in order with others of its aggregate.
///
/// # Errors
/// Database errors.
pub async fn publish(conn: &mut PgConnection, message: Outgoing) -> Result<(), Fault> {
    sqlx::query(
        "WITH written AS (
             INSERT INTO outbox (id, key, aggregate, payload, traceparent) VALUES ($1, $2, $3, $4, $5)
         )
         SELECT pg_notify($6::text || current_schema(), '')",
    )
    .bind(message.id)
    .bind(message.key)
    .bind(message.aggregate)
    .bind(message.payload.as_ref())
    .bind(telemetry::current_traceparent())
    .bind(CHANNEL)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has everything published again that was written since `since` and is still kept; answers how much that is. Consumers pass
/// over what they acted on before.
///
/// # Errors
/// Database errors.
pub async fn republish(pool: &PgPool, since: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let again = sqlx::query(
        "UPDATE outbox SET publish_time = NULL, attempts = 0, due_time = clock_timestamp()
         WHERE create_time >= $1 AND publish_time IS NOT NULL",
    )
    .bind(since)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("SELECT pg_notify($1::text || current_schema(), '')")
        .bind(CHANNEL)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(again.rows_affected())
}
