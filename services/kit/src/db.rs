//! PostgreSQL: pools whose search path is the service's schema, migrations, the database's clock.

use std::time::Duration;

use anyhow::Context as _;
use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::{Migration, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions, PgQueryResult},
};
use time::OffsetDateTime;

use crate::settings::DatabaseSettings;

/// kit's own tables; their versions are below 1000, a service's above.
static KIT: Migrator = sqlx::migrate!("./migrations");

/// Longest a statement may run before Postgres ends it.
const STATEMENT_TIMEOUT: &str = "30s";
/// Longest a statement waits for a lock, so that a stuck transaction cannot pile up all others.
const LOCK_TIMEOUT: &str = "10s";
/// Longest a transaction may sit idle, so that a lost client cannot hold locks.
const IDLE_TIMEOUT: &str = "60s";

/// A connection that was used this long ago is taken to be there without asking: on hot paths the question is a round trip
/// of each transaction. Where it is not, the call answers 503 and is made again.
const FRESH: Duration = Duration::from_secs(1);

/// An update met another number of rows than the one it was made for: somebody was faster.
#[derive(Debug, thiserror::Error)]
#[error("the row was changed by somebody else")]
pub struct Stale;

/// Opens a pool on the service's schema.
///
/// # Errors
/// When the URL is bad or the server cannot be reached within the acquire time-out.
pub async fn connect(settings: &DatabaseSettings, schema: &str) -> anyhow::Result<PgPool> {
    let mut options: PgConnectOptions = settings.url.parse().context("database.url")?;
    if let Some(password) = &settings.password {
        options = options.password(secrecy::ExposeSecret::expose_secret(password));
    }
    connect_with(
        options,
        settings.max_connections,
        Duration::from_millis(settings.acquire_timeout_ms),
        schema,
    )
    .await
}

/// Opens a pool from options; [`connect`] for those who have a URL.
///
/// # Errors
/// When the server cannot be reached within the time-out.
pub async fn connect_with(
    options: PgConnectOptions,
    max_connections: u32,
    acquire_timeout: Duration,
    schema: &str,
) -> anyhow::Result<PgPool> {
    let options = options.application_name(&format!("qihang-{schema}")).options([
        ("search_path", format!("{schema},public").as_str()),
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
    ]);
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .context("cannot connect to PostgreSQL")
}

/// Brings the service's schema to the newest version: kit's tables, then the service's. Replicas that start at once wait
/// for each other.
///
/// # Errors
/// When a migration fails or an applied one was changed.
pub async fn migrate(pool: &PgPool, schema: &str, migrator: &Migrator) -> anyhow::Result<()> {
    // A connection of its own, gone afterwards: waiting for another replica's migrations, or a long one, has no limit.
    let mut connection = pool.acquire().await?.detach();
    sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0")
        .execute(&mut connection)
        .await?;
    create_schema(&mut connection, schema).await?;
    migrations(migrator)
        .run(&mut connection)
        .await
        .with_context(|| format!("migrations of {schema}"))?;
    drop(connection.close().await);
    Ok(())
}

/// kit's and the service's migrations in one list.
#[must_use]
pub fn migrations(migrator: &Migrator) -> Migrator {
    let all: Vec<Migration> = KIT.iter().chain(migrator.iter()).cloned().collect();
    Migrator::with_migrations(all)
}

/// In production the schema exists and belongs to the service's role, which may not create schemas.
async fn create_schema(connection: &mut PgConnection, schema: &str) -> anyhow::Result<()> {
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)")
        .bind(schema)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        // CREATE SCHEMA IF NOT EXISTS fails when two come at once.
        sqlx::query("SELECT pg_advisory_lock(hashtextextended('qihang/schema', 0))")
            .execute(&mut *connection)
            .await?;
        let quoted: String = sqlx::query_scalar("SELECT quote_ident($1)")
            .bind(schema)
            .fetch_one(&mut *connection)
            .await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "CREATE SCHEMA IF NOT EXISTS {quoted}"
        )))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The time by which deadlines are judged: the database's, inside the caller's transaction.
///
/// # Errors
/// Database errors.
pub async fn now(conn: &mut PgConnection) -> Result<OffsetDateTime, sqlx::Error> {
    sqlx::query_scalar("SELECT kit_now()").fetch_one(conn).await
}

/// Name of the constraint that an error is about.
#[must_use]
pub fn constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|error| error.constraint())
}

/// Checks that an update met exactly one row.
///
/// # Errors
/// [`Stale`] otherwise.
pub fn one(result: &PgQueryResult) -> Result<(), Stale> {
    if result.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Stale)
    }
}
