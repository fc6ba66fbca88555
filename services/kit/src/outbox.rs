//! Messages to others, written in the transaction of the change they tell of; [`crate::relay`] publishes them after.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use sqlx::PgConnection;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{status::Fault, telemetry};

/// Postgres channel that wakes the relay of a service; the payload is the schema.
pub(crate) const CHANNEL: &str = "qihang_outbox";

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
         SELECT pg_notify($6, current_schema())",
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
