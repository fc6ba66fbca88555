//! Counters that limit attempts: the truth is here, so that it survives a restart and holds over replicas.

use qihang_kit::db;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::domain::throttle::Throttle;

/// Holds a subject of a bucket for this transaction, so that counting and adding are one.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection, bucket: &str, subject: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('identity.limits:' || $1 || encode($2, 'hex'), 0))",
        bucket,
        subject,
    )
    .fetch_one(conn)
    .await
    .map(drop)
}

/// How long to wait until fewer than `limit` events are within `window`; zero when that is so now.
///
/// # Errors
/// The database's.
pub(crate) async fn wait(
    conn: &mut PgConnection,
    bucket: &str,
    subject: &[u8],
    limit: i64,
    window: Duration,
) -> sqlx::Result<Duration> {
    let now = db::now(conn).await?;
    let deciding = sqlx::query_scalar!(
        r#"
        SELECT create_time
        FROM identity.limited_events
        WHERE bucket = $1 AND subject = $2 AND create_time > $3
        ORDER BY create_time DESC
        OFFSET $4 LIMIT 1
        "#,
        bucket,
        subject,
        now - window,
        limit - 1,
    )
    .fetch_optional(conn)
    .await?;
    Ok(deciding.map_or(Duration::ZERO, |time| (time + window - now).max(Duration::ZERO)))
}

/// Adds an event.
///
/// # Errors
/// The database's.
pub(crate) async fn add(conn: &mut PgConnection, bucket: &str, subject: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO identity.limited_events (bucket, subject, create_time) VALUES ($1, $2, identity.kit_now())",
        bucket,
        subject,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// A subject's failures. The subject must be locked.
///
/// # Errors
/// The database's.
pub(crate) async fn throttle(
    conn: &mut PgConnection,
    subject: &[u8],
    now: OffsetDateTime,
) -> sqlx::Result<Throttle> {
    let row = sqlx::query_as!(
        Throttle,
        r#"
        SELECT failures, window_start, window_failures, locks, last_failure_time, next_time, locked
        FROM identity.login_throttles
        WHERE subject = $1
        "#,
        subject,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.unwrap_or_else(|| Throttle::new(now)))
}

/// Saves a subject's failures. The subject must be locked.
///
/// # Errors
/// The database's.
pub(crate) async fn save_throttle(
    conn: &mut PgConnection,
    subject: &[u8],
    throttle: &Throttle,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.login_throttles
            (subject, failures, window_start, window_failures, locks, last_failure_time, next_time, locked)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (subject) DO UPDATE
        SET failures = excluded.failures, window_start = excluded.window_start,
            window_failures = excluded.window_failures, locks = excluded.locks,
            last_failure_time = excluded.last_failure_time, next_time = excluded.next_time, locked = excluded.locked
        "#,
        subject,
        throttle.failures,
        throttle.window_start,
        throttle.window_failures,
        throttle.locks,
        throttle.last_failure_time,
        throttle.next_time,
        throttle.locked,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Forgets a subject's failures.
///
/// # Errors
/// The database's.
pub(crate) async fn clear_throttle(conn: &mut PgConnection, subject: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM identity.login_throttles WHERE subject = $1", subject)
        .execute(conn)
        .await
        .map(drop)
}

/// Deletes counters that decide nothing any more, some at a time.
///
/// # Errors
/// The database's.
pub(crate) async fn purge(conn: &mut PgConnection, limit: i64) -> sqlx::Result<u64> {
    let events = sqlx::query!(
        r#"
        DELETE FROM identity.limited_events
        WHERE id IN (
            SELECT id FROM identity.limited_events
            WHERE create_time < identity.kit_now() - interval '2 days'
            ORDER BY create_time
            LIMIT $1
        )
        "#,
        limit,
    )
    .execute(&mut *conn)
    .await?;
    let throttles = sqlx::query!(
        r#"
        DELETE FROM identity.login_throttles
        WHERE subject IN (
            SELECT subject FROM identity.login_throttles
            WHERE last_failure_time < identity.kit_now() - interval '2 days' AND next_time < identity.kit_now()
            ORDER BY last_failure_time
            LIMIT $1
        )
        "#,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(events.rows_affected() + throttles.rows_affected())
}
