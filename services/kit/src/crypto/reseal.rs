//! Sealing again what another key than the active one sealed, in the background, a portion at a time.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    Sealer,
    cipher::{self, Layout},
    data_keys,
};
use crate::tasks::Task;

/// Values that are sealed again in one portion.
const PORTION: i64 = 200;
/// How long a key seals before everything is sealed with it: longer than anything is under way that took the old one.
const SETTLE: Duration = Duration::from_secs(3600);

/// How long nothing may be left with an old key before it is deleted: longer than anything lasts that read a value sealed
/// with it.
const QUIET: Duration = Duration::from_secs(300);

/// How a row's key goes into what a value is tied to.
#[derive(Debug, Clone, Copy)]
pub enum Tie {
    /// The 16 bytes of a UUID.
    Bytes,
    /// Its text.
    Text,
}

/// A column of sealed values.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The table, without its schema.
    pub table: &'static str,
    /// The column that a value is tied to.
    pub key: &'static str,
    /// The column of the sealed values.
    pub column: &'static str,
    /// What stands before the key in what a value is tied to.
    pub prefix: &'static str,
    /// How the key follows.
    pub tie: Tie,
}

impl Column {
    /// What a value of a row is tied to; `key` is the row's as text.
    fn tied(&self, key: &str) -> anyhow::Result<Vec<u8>> {
        let prefix = self.prefix.as_bytes();
        Ok(match self.tie {
            Tie::Text => [prefix, key.as_bytes()].concat(),
            Tie::Bytes => [prefix, Uuid::parse_str(key)?.as_bytes()].concat(),
        })
    }
}

/// What a service seals.
#[derive(Clone)]
pub struct Sealed {
    /// The service's sealer.
    pub sealer: Sealer,
    /// Every column that it seals.
    pub columns: &'static [Column],
}

impl Sealed {
    /// How many values are sealed with a key, by its id.
    ///
    /// # Errors
    /// The database's.
    pub async fn count(&self, pool: &PgPool, id: &str) -> sqlx::Result<u64> {
        let head = cipher::head(Layout::Data, id);
        let mut count = 0;
        for Column { table, column, .. } in self.columns {
            let found: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT count(*) FROM {table} WHERE substring({column} FROM 1 FOR length($1)) = $1"
            )))
            .bind(&head)
            .fetch_one(pool)
            .await?;
            count += found.unsigned_abs();
        }
        Ok(count)
    }

    /// Deletes a key that nothing is sealed with any more.
    ///
    /// # Errors
    /// When it is unknown, in use or not yet in use, or the active key has not sealed everything; the database's.
    pub async fn drop_key(&self, pool: &PgPool, id: &str) -> anyhow::Result<()> {
        let keys = data_keys::list(pool).await?;
        let at = keys.iter().position(|key| key.id == id);
        let active = keys.iter().position(|key| key.active);
        let (Some(at), Some(active)) = (at, active) else {
            anyhow::bail!("there is no data key {id}");
        };
        anyhow::ensure!(at < active, "the data key {id} is in use, or will be");
        let complete = keys.get(active).is_some_and(|key| key.complete_time.is_some());
        anyhow::ensure!(complete, "the active key has not sealed everything yet");
        anyhow::ensure!(
            data_keys::is_quiet(pool, QUIET).await?,
            "everything was sealed with the active key less than {} minutes ago: who read a value before that may still \
             write it back, try again then",
            QUIET.as_secs() / 60
        );
        let count = self.count(pool, id).await?;
        if count > 0 {
            // Written back by what had read them before: another sweep finds them.
            data_keys::reopen(pool).await?;
            anyhow::bail!("{count} values are sealed with the data key {id}; they are sealed anew now");
        }
        Ok(data_keys::delete(pool, id).await?)
    }

    /// Seals one portion of a column's stale values again. Rows come in the order in which they lie in the table, after a
    /// place; gives the last place, or nothing when the column is through.
    async fn portion(&self, pool: &PgPool, column: &Column, after: &str) -> anyhow::Result<Option<String>> {
        let Column {
            table,
            key,
            column: name,
            ..
        } = column;
        let rows: Vec<(String, String, Vec<u8>)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT ctid::text, {key}::text, {name} FROM {table}
             WHERE ctid > $2::text::tid AND substring({name} FROM 1 FOR length($1)) <> $1
             LIMIT $3"
        )))
        .bind(self.sealer.head())
        .bind(after)
        .bind(PORTION)
        .fetch_all(pool)
        .await?;
        let last = rows.last().map(|(place, ..)| place.clone());
        let (mut places, mut before, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
        let mut broken = 0;
        for (place, key, old) in rows {
            let tied = column.tied(&key)?;
            let Ok(plain) = self.sealer.open(&old, &tied) else {
                broken += 1;
                continue;
            };
            sealed.push(self.sealer.seal(&plain, &tied)?);
            places.push(place);
            before.push(old);
        }
        if broken > 0 {
            tracing::error!(broken, table, column = name, "values do not open");
        }
        // A row that somebody changed meanwhile lies elsewhere: it is met again by the next sweep.
        sqlx::query(AssertSqlSafe(format!(
            "UPDATE {table} SET {name} = given.sealed
             FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS given (place, before, sealed)
             WHERE {table}.ctid = given.place::tid AND {table}.{name} = given.before"
        )))
        .bind(places)
        .bind(before)
        .bind(sealed)
        .execute(pool)
        .await?;
        Ok(last)
    }
}

/// How far a sweep over the columns is.
#[derive(Default)]
struct Position {
    /// The key that it seals with: another one begins anew.
    key: String,
    column: usize,
    after: Option<String>,
    /// Something stale was seen, so that another sweep must see nothing.
    met: bool,
}

/// Seals everything with the active key, as long as that is not so.
pub struct Reseal {
    sealed: Sealed,
    pool: PgPool,
    settle: Duration,
    position: Mutex<Position>,
}

impl Reseal {
    /// The task, at its beginning.
    #[must_use]
    pub fn new(sealed: Sealed, pool: PgPool) -> Self {
        Self {
            sealed,
            pool,
            settle: SETTLE,
            position: Mutex::default(),
        }
    }

    /// The same, but a key need not have been in use for a while.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn at_once(mut self) -> Self {
        self.settle = Duration::ZERO;
        self
    }

    /// The active key, when not everything is known to be sealed with it.
    async fn unfinished(&self) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT id FROM (SELECT * FROM data_keys WHERE activate_time <= now()
                             ORDER BY activate_time DESC, id DESC LIMIT 1) AS active
             WHERE complete_time IS NULL AND activate_time <= now() - $1",
        )
        .bind(self.settle)
        .fetch_optional(&self.pool)
        .await
    }
}

#[async_trait::async_trait]
impl Task for Reseal {
    fn name(&self) -> &'static str {
        "kit_reseal"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(120)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let Some(id) = self.unfinished().await? else {
            return Ok(false);
        };
        data_keys::refresh(&self.sealed.sealer, &self.pool).await?;
        let mut position = self.position.lock().await;
        if position.key != id {
            *position = Position {
                key: id.clone(),
                ..Position::default()
            };
        }
        let Some(column) = self.sealed.columns.get(position.column) else {
            let met = std::mem::take(&mut *position).met;
            if !met {
                data_keys::complete(&self.pool, &id).await?;
                tracing::info!(data_key.id = %id, "everything is sealed with the active key");
            }
            return Ok(met);
        };
        let after = position.after.as_deref().unwrap_or("(0,0)");
        position.after = self.sealed.portion(&self.pool, column, after).await?;
        position.met |= position.after.is_some();
        if position.after.is_none() {
            position.column += 1;
        }
        Ok(true)
    }
}
