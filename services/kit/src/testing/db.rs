//! A database of each test's own, cloned from a template that is migrated once for each set of migrations.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool, migrate::Migrator, postgres::PgConnectOptions,
};

use super::setting;
use crate::{db, ids::Ids};

/// A database that is dropped with this value.
pub struct TestDb {
    /// Connections whose search path is the service's schema.
    pub pool: PgPool,
    options: PgConnectOptions,
    admin: PgConnectOptions,
    name: String,
}

impl TestDb {
    /// A database with kit's and the service's tables.
    ///
    /// # Panics
    /// When `QIHANG_TEST_DATABASE_URL` is not set or a migration fails.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn new(service: &'static str, migrator: &'static Migrator) -> Self {
        let admin: PgConnectOptions = setting("QIHANG_TEST_DATABASE_URL")
            .parse()
            .expect("QIHANG_TEST_DATABASE_URL is a postgres:// URL");
        let mut connection = PgConnection::connect_with(&admin)
            .await
            .expect("PostgreSQL for tests answers");
        let template = template(&mut connection, &admin, service, migrator).await;
        let name = format!("qihang_test_{}", Ids::random().new_id().simple());
        execute(
            &mut connection,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        let options = admin.clone().database(&name);
        let pool = pool(&options, service).await;
        Self {
            pool,
            options,
            admin,
            name,
        }
    }

    /// How to connect, for more pools on the same database.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// The database as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let (server, _) = match setting("QIHANG_TEST_DATABASE_URL").rsplit_once('/') {
            Some((server, database)) => (server.to_owned(), database.to_owned()),
            None => (String::new(), String::new()),
        };
        format!("{server}/{}", self.name)
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // A test's runtime may be going down, so dropping has a thread and a runtime of its own.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&admin).await.ok()?;
                let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                sqlx::raw_sql(AssertSqlSafe(statement))
                    .execute(&mut connection)
                    .await
                    .ok()
            })
        });
        drop(dropping.join());
    }
}

/// The template's name; whoever comes first makes it.
#[expect(clippy::expect_used, reason = "tests")]
async fn template(
    connection: &mut PgConnection,
    admin: &PgConnectOptions,
    service: &str,
    migrator: &'static Migrator,
) -> String {
    let mut hash = Sha256::new();
    for migration in db::migrations(migrator).iter() {
        hash.update(migration.version.to_be_bytes());
        hash.update(&migration.checksum);
    }
    let name = format!(
        "qihang_template_{service}_{}",
        hex::encode(hash.finalize().get(..8).unwrap_or_default())
    );
    let exists = "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)";
    if sqlx::query_scalar(exists)
        .bind(&name)
        .fetch_one(&mut *connection)
        .await
        .expect("a query")
    {
        return name;
    }
    // Test processes run at once; one makes the template and the others wait.
    sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
        .bind(&name)
        .execute(&mut *connection)
        .await
        .expect("a lock");
    let made: bool = sqlx::query_scalar(exists)
        .bind(&name)
        .fetch_one(&mut *connection)
        .await
        .expect("a query");
    if !made {
        let building = format!("{name}_new");
        execute(
            connection,
            format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)"),
        )
        .await;
        execute(connection, format!("CREATE DATABASE {building}")).await;
        let schema: &'static str = service.to_owned().leak();
        let pool = pool(&admin.clone().database(&building), schema).await;
        db::migrate(&pool, schema, migrator).await.expect("migrations");
        pool.close().await;
        execute(connection, format!("ALTER DATABASE {building} RENAME TO {name}")).await;
    }
    sqlx::query("SELECT pg_advisory_unlock(hashtextextended($1, 0))")
        .bind(&name)
        .execute(connection)
        .await
        .expect("a lock");
    name
}

#[expect(clippy::expect_used, reason = "tests")]
async fn pool(options: &PgConnectOptions, schema: &str) -> PgPool {
    db::connect_with(options.clone(), 8, Duration::from_secs(30), schema)
        .await
        .expect("a pool")
}

/// Statements on whole databases take no parameters; the names are made here.
#[expect(clippy::expect_used, reason = "tests")]
async fn execute(connection: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .expect("a statement on a database");
}
