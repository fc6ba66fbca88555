//! Acting on others' messages: each consumer has its effect once, whatever is delivered twice.

use std::{
    collections::{BTreeMap, HashSet},
    panic::AssertUnwindSafe,
    slice,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use prost::Message;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tonic::Code;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    status::{self, Fault},
    telemetry,
};

/// Longest one handling may take; then it is rolled back and tried again, so that it cannot hold up all behind it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Messages that share a transaction unless a consumer says otherwise.
const AT_ONCE: usize = 128;

/// Acts on messages of some keys.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Name within the service; the queue is `qihang.<service>.<name>`. Never changed, or messages wait in the old queue.
    fn name(&self) -> &'static str;

    /// Routing keys, with `*` for one word and `#` for any number.
    fn keys(&self) -> &'static [&'static str];

    /// Most messages that may share a transaction when many wait. One for a consumer that asks other services: its effect
    /// there would be had again for all of them when one fails.
    fn at_once(&self) -> usize {
        AT_ONCE
    }

    /// Acts on one message inside an open transaction, in which the inbox row stands already.
    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError>;
}

/// A message as it arrives.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Id, the same at every delivery.
    pub id: Uuid,
    /// Routing key.
    pub key: String,
    /// Id of the aggregate; messages of one come in order.
    pub aggregate: String,
    /// When it was written.
    pub time: OffsetDateTime,
    /// Encoded message of `qihang.messages.v1`.
    pub payload: Bytes,
    /// W3C trace context of its cause.
    pub traceparent: String,
}

/// Why a message was not acted on.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// A part that it needs is away: tried with growing pauses for as long as that lasts, and never a dead letter.
    #[error("waits: {0:#}")]
    Wait(anyhow::Error),
    /// May pass: tried again a few times with growing pauses.
    #[error("will be tried again: {0:#}")]
    Retry(anyhow::Error),
    /// Never will: becomes a dead letter at once.
    #[error("rejected: {0:#}")]
    Reject(anyhow::Error),
}

impl Delivery {
    /// Decodes the payload.
    ///
    /// # Errors
    /// Rejects a payload of another shape.
    pub fn decode<M: Message + Default>(&self) -> Result<M, ConsumeError> {
        M::decode(self.payload.clone()).map_err(|error| ConsumeError::Reject(error.into()))
    }
}

impl From<sqlx::Error> for ConsumeError {
    fn from(error: sqlx::Error) -> Self {
        if status::passes(&error) {
            Self::Wait(error.into())
        } else {
            Self::Retry(error.into())
        }
    }
}

impl From<Fault> for ConsumeError {
    fn from(fault: Fault) -> Self {
        if is_away(fault.code()) {
            Self::Wait(fault.into())
        } else {
            Self::Retry(fault.into())
        }
    }
}

impl From<tonic::Status> for ConsumeError {
    fn from(status: tonic::Status) -> Self {
        let error = anyhow::anyhow!("peer answered {:?}", status.code());
        if is_away(status.code()) {
            Self::Wait(error)
        } else {
            Self::Retry(error)
        }
    }
}

/// True for answers that say nothing of the message, only that somebody could not be asked in time.
fn is_away(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::DeadlineExceeded)
}

/// A consumer with the service and the store it belongs to.
#[derive(Clone)]
pub struct Subscription {
    /// Name of the service.
    pub service: &'static str,
    /// The consumer.
    pub consumer: Arc<dyn Consumer>,
    /// Pool of the service.
    pub pool: PgPool,
}

impl Subscription {
    /// Name of its queue.
    #[must_use]
    pub fn queue(&self) -> String {
        format!("qihang.{}.{}", self.service, self.consumer.name())
    }

    /// True when the consumer wants this routing key.
    #[must_use]
    pub fn wants(&self, key: &str) -> bool {
        self.consumer.keys().iter().any(|pattern| matches(pattern, key))
    }

    /// Hands one message over: inbox row, effect and commit in one transaction; a message that was acted on before is
    /// passed over.
    ///
    /// # Errors
    /// The consumer's, or as [`ConsumeError::Retry`] the database's, a panic, or that it took too long.
    pub async fn handle(&self, delivery: &Delivery) -> Result<(), ConsumeError> {
        self.handle_all(slice::from_ref(delivery)).await
    }

    /// Hands several over in their order, all in one transaction: one that fails undoes all, and they go one by one then.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub async fn handle_all(&self, deliveries: &[Delivery]) -> Result<(), ConsumeError> {
        // A panic or a hang of one consumer must not end the relay or the lane that all others share.
        let acting = AssertUnwindSafe(self.act(deliveries)).catch_unwind();
        match tokio::time::timeout(TIMEOUT, acting).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ConsumeError::Retry(anyhow::anyhow!("the consumer panicked"))),
            Err(_) => Err(ConsumeError::Retry(anyhow::anyhow!("the consumer took too long"))),
        }
    }

    async fn act(&self, deliveries: &[Delivery]) -> Result<(), ConsumeError> {
        let ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.id).collect();
        let mut transaction = self.pool.begin().await?;
        let fresh: Vec<Uuid> = sqlx::query_scalar(
            "INSERT INTO inbox (consumer, message_id) SELECT $1, unnest($2::uuid[])
             ON CONFLICT DO NOTHING RETURNING message_id",
        )
        .bind(self.consumer.name())
        .bind(&ids)
        .fetch_all(&mut *transaction)
        .await?;
        let mut fresh: HashSet<Uuid> = fresh.into_iter().collect();
        for delivery in deliveries {
            let span = self.span(delivery);
            if !fresh.remove(&delivery.id) {
                span.in_scope(|| tracing::debug!("message was acted on before"));
                continue;
            }
            self.consumer
                .consume(&mut transaction, delivery)
                .instrument(span)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    fn span(&self, delivery: &Delivery) -> tracing::Span {
        let span = tracing::info_span!(
            "consume",
            otel.name = %format!("{} process", self.queue()),
            otel.kind = "consumer",
            messaging.destination = %self.queue(),
            message.id = %delivery.id,
            message.key = %delivery.key,
        );
        telemetry::set_parent(&span, &delivery.traceparent);
        span
    }

    /// Keeps a message that was given up on.
    ///
    /// # Errors
    /// Database errors.
    pub async fn bury(
        &self,
        delivery: &Delivery,
        attempts: u32,
        error: &ConsumeError,
    ) -> Result<(), sqlx::Error> {
        tracing::error!(
            consumer = self.consumer.name(),
            message.id = %delivery.id,
            message.key = %delivery.key,
            attempts,
            error = %error,
            "message became a dead letter"
        );
        sqlx::query(
            "INSERT INTO dead_letters
                 (id, consumer, message_id, key, aggregate, payload, traceparent, message_time, attempts, error)
             VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (consumer, message_id)
             DO UPDATE SET attempts = dead_letters.attempts + excluded.attempts, error = excluded.error, replay_time = NULL",
        )
        .bind(self.consumer.name())
        .bind(delivery.id)
        .bind(&delivery.key)
        .bind(&delivery.aggregate)
        .bind(delivery.payload.as_ref())
        .bind(&delivery.traceparent)
        .bind(delivery.time)
        .bind(i32::try_from(attempts.max(1)).unwrap_or(i32::MAX))
        .bind(error.to_string().chars().take(2000).collect::<String>())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// AMQP topic matching: `*` is one word, `#` any number of words.
fn matches(pattern: &str, key: &str) -> bool {
    fn words(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), _) => {
                words(rest, key) || key.split_first().is_some_and(|(_, key)| words(pattern, key))
            }
            (Some((&"*", rest)), Some((_, key))) => words(rest, key),
            (Some((word, rest)), Some((other, key))) => word == other && words(rest, key),
            _ => false,
        }
    }
    words(
        &pattern.split('.').collect::<Vec<_>>(),
        &key.split('.').collect::<Vec<_>>(),
    )
}

/// A message that was given up on, as an operator sees it.
#[derive(Debug, sqlx::FromRow)]
pub struct DeadLetter {
    /// Id of the dead letter.
    pub id: Uuid,
    /// Consumer that gave up.
    pub consumer: String,
    /// Id of the message.
    pub message_id: Uuid,
    /// Routing key.
    pub key: String,
    /// Tries so far.
    pub attempts: i32,
    /// The last error.
    pub error: String,
    /// When it was given up on.
    pub create_time: OffsetDateTime,
}

/// Dead letters that wait for an operator, oldest first, at most 500.
///
/// # Errors
/// Database errors.
pub async fn dead_letters(pool: &PgPool) -> Result<Vec<DeadLetter>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, consumer, message_id, key, attempts, error, create_time FROM dead_letters
         WHERE replay_time IS NULL ORDER BY create_time, id LIMIT 500",
    )
    .fetch_all(pool)
    .await
}

/// Gives a dead letter up; false when it does not wait.
///
/// # Errors
/// Database errors.
pub async fn drop_dead_letter(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let dropped = sqlx::query("DELETE FROM dead_letters WHERE id = $1 AND replay_time IS NULL")
        .bind(id)
        .execute(pool)
        .await?;
    Ok(dropped.rows_affected() == 1)
}

/// Tries a dead letter again; all of a service when `id` is `None`. Answers how many had their effect. One that fails
/// again stays and holds back only those of its own aggregate and consumer.
///
/// # Errors
/// The last consumer's error, or the database's; those that had their effect are done.
pub async fn replay(
    subscriptions: &[Subscription],
    pool: &PgPool,
    id: Option<Uuid>,
) -> anyhow::Result<usize> {
    type Row = (
        Uuid,
        String,
        Uuid,
        String,
        String,
        Vec<u8>,
        String,
        OffsetDateTime,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, consumer, message_id, key, aggregate, payload, traceparent, message_time FROM dead_letters
         WHERE replay_time IS NULL AND ($1::uuid IS NULL OR id = $1) ORDER BY create_time, id",
    )
    .bind(id)
    .fetch_all(pool)
    .await?;
    let mut done = 0;
    let mut failed = BTreeMap::new();
    for (letter, consumer, message, key, aggregate, payload, traceparent, time) in rows {
        let Some(subscription) = subscriptions.iter().find(|one| one.consumer.name() == consumer) else {
            anyhow::bail!("no consumer {consumer} in this service");
        };
        let delivery = Delivery {
            id: message,
            key,
            aggregate,
            time,
            payload: payload.into(),
            traceparent,
        };
        let line = (consumer, delivery.aggregate.clone());
        if failed.contains_key(&line) {
            continue;
        }
        if let Err(error) = subscription.handle(&delivery).await {
            subscription.bury(&delivery, 1, &error).await?;
            failed.insert(line, error);
            continue;
        }
        sqlx::query("UPDATE dead_letters SET replay_time = now() WHERE id = $1")
            .bind(letter)
            .execute(pool)
            .await?;
        done += 1;
    }
    match failed.into_values().next_back() {
        Some(error) => Err(anyhow::Error::new(error).context(format!("{done} done, others failed again"))),
        None => Ok(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_nothing_of_the_message_is_waited_for() {
        let waits = |error| matches!(error, ConsumeError::Wait(_));
        assert!(waits(sqlx::Error::PoolTimedOut.into()));
        assert!(!waits(sqlx::Error::RowNotFound.into()));
        assert!(waits(Fault::unavailable("PEER_UNAVAILABLE", "稍后再试").into()));
        assert!(!waits(Fault::not_found("X_NOT_FOUND", "没有").into()));
        let late = tonic::Status::from(Fault::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "超时"));
        assert!(waits(late.into()));
    }

    #[test]
    fn keys_match_as_in_amqp() {
        assert!(matches(
            "contracts.agreement.*.v1",
            "contracts.agreement.accepted.v1"
        ));
        assert!(matches("contracts.#", "contracts.agreement.accepted.v1"));
        assert!(matches("#", "a.b"));
        assert!(matches("a.#.v1", "a.v1"));
        assert!(!matches("contracts.*.v1", "contracts.agreement.accepted.v1"));
        assert!(!matches(
            "contracts.agreement.accepted.v1",
            "contracts.agreement.accepted.v2"
        ));
    }
}
