//! Background work of a service: run every so often, by one replica at a time, stepped by tests.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::FutureExt as _;
use rand::RngExt as _;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Work that is done again and again.
#[async_trait]
pub trait Task: Send + Sync + 'static {
    /// Name within the service.
    fn name(&self) -> &'static str;

    /// Pause between runs that found nothing more to do.
    fn period(&self) -> Duration;

    /// Does one portion; `true` when there is more to do at once.
    async fn run_once(&self) -> anyhow::Result<bool>;
}

/// Longest pause after failures.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Runs a task until `stop`; the portion in hand is finished.
pub fn spawn(
    service: &'static str,
    task: Arc<dyn Task>,
    pool: PgPool,
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut failures = 0u32;
        loop {
            let portion = AssertUnwindSafe(lead(service, task.as_ref(), &pool)).catch_unwind();
            // A panic is a failure like others: the task goes on.
            let outcome = portion
                .await
                .unwrap_or_else(|_| Err(anyhow::anyhow!("the task panicked")));
            let pause = match outcome {
                Ok(true) => {
                    failures = 0;
                    Duration::ZERO
                }
                Ok(false) => {
                    failures = 0;
                    jitter(task.period())
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(service, task = task.name(), failures, error = %format!("{error:#}"), "task failed");
                    jitter(task.period().saturating_mul(1 << failures.min(6)).min(MAX_PAUSE))
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    })
}

/// Runs one portion if no other replica is at it: a Postgres advisory lock, held by the transaction that dies with us.
///
/// # Errors
/// The task's, or the database's.
pub async fn lead(service: &str, task: &dyn Task, pool: &PgPool) -> anyhow::Result<bool> {
    let mut lease = pool.begin().await?;
    let leads: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("{service}/{}", task.name()))
        .fetch_one(&mut *lease)
        .await?;
    if !leads {
        return Ok(false);
    }
    // The lease only sits; a portion may take longer than an idle transaction is allowed to.
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0")
        .execute(&mut *lease)
        .await?;
    let more = task.run_once().await?;
    lease.rollback().await?;
    Ok(more)
}

/// Up to a tenth more, so that replicas do not march in step.
fn jitter(period: Duration) -> Duration {
    period.mul_f64(1.0 + rand::rng().random_range(0.0..0.1))
}

/// Deletes what kit keeps for a while: published messages, inbox rows, answers by request_id.
pub(crate) struct Sweep {
    pub(crate) pool: PgPool,
}

#[async_trait]
impl Task for Sweep {
    fn name(&self) -> &'static str {
        "kit_sweep"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(600)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        const PORTION: i64 = 5_000;
        let statements = [
            "DELETE FROM outbox WHERE sequence IN (SELECT sequence FROM outbox
             WHERE publish_time < now() - interval '7 days' LIMIT $1)",
            "DELETE FROM inbox WHERE (consumer, message_id) IN (SELECT consumer, message_id FROM inbox
             WHERE create_time < now() - interval '30 days' LIMIT $1)",
            "DELETE FROM idempotency_keys WHERE (caller, method, request_id) IN
             (SELECT caller, method, request_id FROM idempotency_keys
              WHERE create_time < now() - interval '7 days' LIMIT $1)",
        ];
        let mut more = false;
        for statement in statements {
            let deleted = sqlx::query(statement)
                .bind(PORTION)
                .execute(&self.pool)
                .await?
                .rows_affected();
            more |= deleted == PORTION.unsigned_abs();
        }
        Ok(more)
    }
}
