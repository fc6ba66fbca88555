//! The data keys of a service: a table of them, wrapped under the master keys, read again and again by every replica.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::{
    CryptoError, Sealer,
    cipher::{self, Key, Layout, NamedKeys},
};
use crate::{ids::Ids, tasks::Task};

/// How long a new key is known before it seals: many times [`REFRESH`], so that no replica meets a value whose key it has not read.
pub const ACTIVATION_DELAY: Duration = Duration::from_secs(600);
/// Pause between readings of the table.
const REFRESH: Duration = Duration::from_secs(30);
/// What a wrapped key belongs to, before its id.
const TIE: &[u8] = b"kit.data_keys.wrapped";

/// A data key as operators see it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DataKey {
    /// Name: twelve hexadecimal digits.
    pub id: String,
    /// Seals from then on.
    pub activate_time: OffsetDateTime,
    /// When every value was found to be sealed with it.
    pub complete_time: Option<OffsetDateTime>,
    /// True for the one that seals now.
    pub active: bool,
}

/// Makes the first key where there is none, wraps anew what an old master key wrapped, and reads the keys.
pub(super) async fn begin(sealer: &Sealer, pool: &PgPool) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    lock(&mut transaction).await?;
    let some: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM data_keys)")
        .fetch_one(&mut *transaction)
        .await?;
    if !some {
        insert(sealer, &mut transaction, Duration::ZERO).await?;
    }
    wrap_anew(sealer, &mut transaction).await?;
    transaction.commit().await?;
    refresh(sealer, pool).await
}

/// Adds a key that seals after `delay`. What was sealed until then is sealed again in the background.
///
/// # Errors
/// The database's; when the master key does not work.
pub async fn rotate(sealer: &Sealer, pool: &PgPool, delay: Duration) -> anyhow::Result<String> {
    let mut transaction = pool.begin().await?;
    lock(&mut transaction).await?;
    let id = insert(sealer, &mut transaction, delay).await?;
    transaction.commit().await?;
    Ok(id)
}

/// The keys, oldest first.
///
/// # Errors
/// The database's.
pub async fn list(pool: &PgPool) -> sqlx::Result<Vec<DataKey>> {
    sqlx::query_as(
        "SELECT id, activate_time, complete_time,
                id IS NOT DISTINCT FROM (SELECT id FROM data_keys WHERE activate_time <= now()
                                         ORDER BY activate_time DESC, id DESC LIMIT 1) AS active
         FROM data_keys ORDER BY activate_time, id",
    )
    .fetch_all(pool)
    .await
}

/// Deletes a key for good. The caller has made sure that nothing is sealed with it.
pub(super) async fn delete(pool: &PgPool, id: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM data_keys WHERE id = $1")
        .bind(id)
        .execute(pool)
        .await
        .map(drop)
}

/// Notes that everything is sealed with the key.
pub(super) async fn complete(pool: &PgPool, id: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE data_keys SET complete_time = now() WHERE id = $1")
        .bind(id)
        .execute(pool)
        .await
        .map(drop)
}

/// True when everything has been sealed with the newest key for so long.
pub(super) async fn is_quiet(pool: &PgPool, quiet: Duration) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT coalesce(max(complete_time) <= now() - $1, false) FROM data_keys")
        .bind(quiet)
        .fetch_one(pool)
        .await
}

/// Notes that not everything is sealed with the newest key after all.
pub(super) async fn reopen(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::query("UPDATE data_keys SET complete_time = NULL WHERE complete_time IS NOT NULL")
        .execute(pool)
        .await
        .map(drop)
}

/// Reads the keys into the sealer.
///
/// # Errors
/// The database's; when a key opens with no master key. The sealer then keeps those that it has.
pub async fn refresh(sealer: &Sealer, pool: &PgPool) -> anyhow::Result<()> {
    let rows: Vec<(String, Vec<u8>, bool)> = sqlx::query_as(
        "SELECT id, wrapped, activate_time <= now() FROM data_keys ORDER BY activate_time, id",
    )
    .fetch_all(pool)
    .await?;
    let mut keys = NamedKeys::default();
    for (id, wrapped, may_seal) in rows {
        keys.add(&id, &unwrap(sealer, &id, &wrapped)?)?;
        if may_seal {
            keys.activate(&id)?;
        }
    }
    anyhow::ensure!(!keys.active().is_empty(), "no data key is active");
    sealer.data.store(Arc::new(keys));
    Ok(())
}

/// One at a time changes the table; it can be read meanwhile.
async fn lock(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("LOCK TABLE data_keys IN SHARE ROW EXCLUSIVE MODE")
        .execute(conn)
        .await
        .map(drop)
}

async fn insert(sealer: &Sealer, conn: &mut PgConnection, delay: Duration) -> anyhow::Result<String> {
    let id = hex::encode(Ids::random().bytes::<6>());
    let wrapped = sealer
        .masters
        .seal(Layout::Master, &cipher::new_key(), &tie(&id))?;
    sqlx::query("INSERT INTO data_keys (id, wrapped, activate_time) VALUES ($1, $2, now() + $3)")
        .bind(&id)
        .bind(wrapped)
        .bind(delay)
        .execute(conn)
        .await?;
    Ok(id)
}

async fn wrap_anew(sealer: &Sealer, conn: &mut PgConnection) -> anyhow::Result<()> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as("SELECT id, wrapped FROM data_keys")
        .fetch_all(&mut *conn)
        .await?;
    let head = cipher::head(Layout::Master, sealer.masters.active());
    for (id, wrapped) in rows
        .into_iter()
        .filter(|(_, wrapped)| !wrapped.starts_with(&head))
    {
        let key = unwrap(sealer, &id, &wrapped)?;
        let wrapped = sealer.masters.seal(Layout::Master, &key, &tie(&id))?;
        sqlx::query("UPDATE data_keys SET wrapped = $2 WHERE id = $1")
            .bind(&id)
            .bind(wrapped)
            .execute(&mut *conn)
            .await?;
        tracing::info!(data_key.id = %id, master_key = sealer.masters.active(), "data key wrapped anew");
    }
    Ok(())
}

fn unwrap(sealer: &Sealer, id: &str, wrapped: &[u8]) -> anyhow::Result<Key> {
    let plain = sealer
        .masters
        .open(wrapped, &tie(id))
        .with_context(|| format!("the data key {id} does not open with the keys in crypto.keys"))?;
    Ok(plain.try_into().map_err(|_| CryptoError::Broken)?)
}

fn tie(id: &str) -> Vec<u8> {
    [TIE, id.as_bytes()].concat()
}

/// Reads the keys that other replicas made.
pub(crate) struct Refresh {
    pub(crate) sealer: Sealer,
    pub(crate) pool: PgPool,
}

#[async_trait::async_trait]
impl Task for Refresh {
    fn name(&self) -> &'static str {
        "kit_data_keys"
    }

    fn period(&self) -> Duration {
        REFRESH
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        refresh(&self.sealer, &self.pool).await?;
        Ok(false)
    }
}
