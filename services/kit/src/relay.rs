//! Publishes the outbox: woken by the commit, with polling as a net, in order for each aggregate, any number of relays.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use opentelemetry::{KeyValue, metrics::Gauge};
use rand::RngExt as _;
use sqlx::{PgConnection, PgPool, postgres::PgListener};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    bus::{Bus, Outcome},
    consume::Delivery,
    outbox::{CHANNEL, OutboxSignal},
    settings::RelaySettings,
};

/// Longest pause before a message goes again that only waits for a part that is away.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How a transaction of the relay begins, in one round trip. It sits while the bus is at work; each publication has its own
/// limit of time. And an outbox is empty nearly always, which the planner's statistics say: it would read all of a long one
/// for each batch, where the indexes lead to the heads of the lines.
const BEGIN: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// Pause between two looks at how much waits.
const OBSERVE: Duration = Duration::from_secs(2);

/// Publishes one service's outbox.
pub struct Relay {
    service: &'static str,
    pool: PgPool,
    bus: Bus,
    signal: OutboxSignal,
    settings: RelaySettings,
    depth: Gauge<u64>,
    age: Gauge<f64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    id: Uuid,
    key: String,
    aggregate: Uuid,
    payload: Vec<u8>,
    traceparent: String,
    attempts: i32,
    create_time: OffsetDateTime,
}

impl Relay {
    /// The relay of one service.
    #[must_use]
    pub fn new(
        service: &'static str,
        pool: PgPool,
        bus: Bus,
        signal: OutboxSignal,
        settings: RelaySettings,
    ) -> Self {
        let meter = opentelemetry::global::meter("qihang");
        Self {
            service,
            pool,
            bus,
            signal,
            settings,
            depth: meter
                .u64_gauge("outbox_depth")
                .with_description("Messages that wait to be published")
                .build(),
            age: meter
                .f64_gauge("outbox_oldest_age_seconds")
                .with_description("Age of the oldest message that waits")
                .build(),
        }
    }

    /// Runs until told to stop; what is under way is finished first.
    pub async fn run(&self, stop: CancellationToken) {
        let mut listener = self.listen().await;
        let mut observed: Option<Instant> = None;
        while !stop.is_cancelled() {
            if observed.is_none_or(|at| at.elapsed() >= OBSERVE) {
                self.observe().await;
                observed = Some(Instant::now());
            }
            match self.drain(&stop).await {
                Ok(published) if published > 0 => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(service = self.service, error = %error, "relay could not read the outbox")
                }
            }
            if listener.is_none() {
                listener = self.listen().await;
            }
            self.wait(&mut listener, &stop).await;
        }
    }

    /// Publishes what is due now. Where that fills a batch there is a backlog, and a second lane reads and writes the database
    /// while the first one waits for the bus. Answers how many were published.
    async fn drain(&self, stop: &CancellationToken) -> Result<usize, sqlx::Error> {
        let first = self.run_once().await?;
        if !self.is_full(first) {
            return Ok(first);
        }
        // Both end before an error of one is told: a batch that is let go of half way is published again.
        let (one, other) = tokio::join!(self.lane(stop), self.lane(stop));
        Ok(first + one? + other?)
    }

    /// One batch after another until one is not full, or it is time to look how much waits.
    async fn lane(&self, stop: &CancellationToken) -> Result<usize, sqlx::Error> {
        let (begun, mut published) = (Instant::now(), 0);
        loop {
            let batch = self.run_once().await?;
            published += batch;
            if !self.is_full(batch) || stop.is_cancelled() || begun.elapsed() >= OBSERVE {
                return Ok(published);
            }
        }
    }

    fn is_full(&self, batch: usize) -> bool {
        i64::try_from(batch).unwrap_or(i64::MAX) >= self.settings.batch
    }

    /// Publishes what is due now, the head of each aggregate's line. Answers how many were published.
    ///
    /// # Errors
    /// Database errors; what the bus did not take stays for a later try.
    pub async fn run_once(&self) -> Result<usize, sqlx::Error> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        // Only the oldest waiting message of an aggregate may go, so that several relays cannot turn the order round.
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT sequence, id, key, aggregate, payload, traceparent, attempts, create_time FROM outbox AS row
             WHERE publish_time IS NULL AND due_time <= clock_timestamp()
               AND NOT EXISTS (SELECT 1 FROM outbox AS earlier
                               WHERE earlier.aggregate = row.aggregate AND earlier.publish_time IS NULL
                                 AND earlier.sequence < row.sequence)
             ORDER BY sequence LIMIT $1 FOR UPDATE SKIP LOCKED",
        )
        .bind(self.settings.batch)
        .fetch_all(&mut *transaction)
        .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let outcomes: Vec<(i64, i32, Outcome)> = futures::stream::iter(rows)
            .map(|row| self.publish(row))
            .buffer_unordered(self.bus.window())
            .collect()
            .await;
        let published: Vec<i64> = outcomes
            .iter()
            .filter(|(_, _, outcome)| matches!(outcome, Outcome::Done))
            .map(|(row, ..)| *row)
            .collect();
        sqlx::query("UPDATE outbox SET publish_time = clock_timestamp() WHERE sequence = ANY($1)")
            .bind(&published)
            .execute(&mut *transaction)
            .await?;
        self.put_off(&mut transaction, &outcomes).await?;
        transaction.commit().await?;
        Ok(published.len())
    }

    /// Moves back when a message that was not taken goes again. One that waits pauses for a quarter of its age.
    async fn put_off(
        &self,
        conn: &mut PgConnection,
        outcomes: &[(i64, i32, Outcome)],
    ) -> Result<(), sqlx::Error> {
        let base = self.settings.retry_base_ms;
        for (sequence, attempts, outcome) in outcomes {
            let query = match outcome {
                Outcome::Done => continue,
                Outcome::Later => sqlx::query(
                    "UPDATE outbox SET attempts = attempts + 1, due_time = clock_timestamp() + make_interval(secs => $2)
                     WHERE sequence = $1",
                )
                .bind(sequence)
                .bind(pause(*attempts, base).as_secs_f64()),
                Outcome::Wait => sqlx::query(
                    "UPDATE outbox SET due_time = clock_timestamp() + least(
                         greatest((clock_timestamp() - create_time) / 4, make_interval(secs => $2)),
                         make_interval(secs => $3))
                     WHERE sequence = $1",
                )
                .bind(sequence)
                .bind(pause(0, base).as_secs_f64())
                .bind(LONGEST_WAIT.as_secs_f64()),
            };
            query.execute(&mut *conn).await?;
        }
        Ok(())
    }

    async fn publish(&self, row: Row) -> (i64, i32, Outcome) {
        let delivery = Delivery {
            id: row.id,
            key: row.key,
            aggregate: row.aggregate.to_string(),
            time: row.create_time,
            payload: row.payload.into(),
            traceparent: row.traceparent,
        };
        let attempts = u32::try_from(row.attempts).unwrap_or_default();
        (
            row.sequence,
            row.attempts,
            self.bus.publish(self.service, &delivery, attempts).await,
        )
    }

    async fn listen(&self) -> Option<PgListener> {
        let mut listener = PgListener::connect_with(&self.pool).await.ok()?;
        let schema: String = sqlx::query_scalar("SELECT current_schema()::text")
            .fetch_one(&mut listener)
            .await
            .ok()?;
        listener.listen(&format!("{CHANNEL}{schema}")).await.ok()?;
        Some(listener)
    }

    async fn wait(&self, listener: &mut Option<PgListener>, stop: &CancellationToken) {
        // Up to a tenth more, so that replicas do not march in step.
        let poll = Duration::from_millis(self.settings.poll_ms).mul_f64(rand::rng().random_range(1.0..1.1));
        let lost = tokio::select! {
            () = stop.cancelled() => false,
            () = self.signal.woken() => false,
            () = tokio::time::sleep(poll) => false,
            notice = notified(listener) => notice.is_err(),
        };
        if lost {
            *listener = None;
        }
    }

    /// Feeds the gauges; deletes nothing.
    async fn observe(&self) {
        let row: Result<(i64, Option<f64>), _> = sqlx::query_as(
            "SELECT count(*), extract(epoch FROM clock_timestamp() - min(create_time))::float8
             FROM outbox WHERE publish_time IS NULL",
        )
        .fetch_one(&self.pool)
        .await;
        if let Ok((depth, age)) = row {
            let labels = [KeyValue::new("service", self.service)];
            self.depth.record(depth.unsigned_abs(), &labels);
            self.age.record(age.unwrap_or_default(), &labels);
        }
    }
}

async fn notified(listener: &mut Option<PgListener>) -> Result<(), sqlx::Error> {
    match listener {
        Some(listener) => listener.recv().await.map(|_| ()),
        None => std::future::pending().await,
    }
}

/// Pause before the next try: doubling, at most a minute.
fn pause(attempts: i32, base_ms: u64) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or_default().min(16);
    Duration::from_millis(base_ms.saturating_mul(1 << doublings).min(60_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        assert_eq!(pause(0, 200), Duration::from_millis(200));
        assert_eq!(pause(3, 200), Duration::from_millis(1600));
        assert_eq!(pause(40, 200), Duration::from_secs(60));
    }
}
