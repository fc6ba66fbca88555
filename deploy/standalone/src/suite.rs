//! Every service and the gateway in this process.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use anyhow::Context as _;
use qihang_gateway as gateway;
use qihang_kit::{
    Context, Service,
    cache::Cache,
    ids::Ids,
    run::Suite,
    settings::{Common, Loaded, Loader, Unknown},
    telemetry::Metrics,
};
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    postgres::{NAME, Postgres, Use},
    secrets::Secrets,
};

/// Where the gateway listens unless it is told.
pub const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Ports that are tried when that one is taken.
const MORE_PORTS: u16 = 50;
/// Login of the first administrator of the province.
pub const ADMINISTRATOR: &str = "province.admin";
/// Name of the key that seals personal data.
pub const CRYPTO_KEY: &str = "local";

/// What a suite is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the gateway listens; `None` takes [`ADDRESS`] or the next free port.
    pub http: Option<SocketAddr>,
    /// What the private database is for.
    pub purpose: Use,
    /// Settings on top of everything, e.g. `telemetry.otlp_endpoint`.
    pub settings: Vec<(String, String)>,
    /// Whether it takes and sends messages and does its background work; commands of operators do without.
    pub at_work: bool,
}

/// A suite that runs in this process.
pub struct Running {
    suite: Suite,
    postgres: Option<Postgres>,
    gateway: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
    url: String,
}

/// Settings of all services and of the gateway on one machine.
struct Settings<'a> {
    folder: &'a Path,
    secrets: &'a Secrets,
    database: String,
    address: SocketAddr,
    more: &'a [(String, String)],
    at_work: bool,
}

/// Starts the suite on a data folder.
///
/// # Errors
/// When PostgreSQL is missing or a part does not start; the message says which.
pub async fn start(
    folder: &Path,
    secrets: &Secrets,
    options: Options,
    metrics: Metrics,
) -> anyhow::Result<Running> {
    let outside = common(&options.settings)?;
    let postgres = if outside.database.url.is_empty() {
        Some(Postgres::start(&folder.join("postgres"), options.purpose).await?)
    } else {
        None
    };
    let database = match &postgres {
        Some(postgres) => prepared(postgres).await?,
        None => outside.database.url.to_string(),
    };
    let listener = listen(options.http).await?;
    let address = listener.local_addr()?;
    let settings = Settings {
        folder,
        secrets,
        database,
        address,
        more: &options.settings,
        at_work: options.at_work,
    };
    let suite = services(&settings).await?;
    let stop = CancellationToken::new();
    let gateway = tokio::spawn(edge(&settings, &suite, listener, metrics, stop.clone()).await?);
    Ok(Running {
        suite,
        postgres,
        gateway,
        stop,
        url: format!("http://{address}"),
    })
}

impl Running {
    /// Where the gateway listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The private database, when there is one.
    #[must_use]
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// The services, for commands of operators.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.suite
    }

    /// Waits until the gateway or the database has ended by itself.
    pub async fn failed(&mut self) -> anyhow::Error {
        let database = async {
            match &self.postgres {
                Some(postgres) => postgres.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = &mut self.gateway => match outcome {
                Ok(Ok(())) => anyhow::anyhow!("the gateway ended"),
                Ok(Err(error)) => error.context("the gateway ended"),
                Err(error) => anyhow::Error::from(error).context("the gateway ended"),
            },
            () = database => anyhow::anyhow!("PostgreSQL ended"),
        }
    }

    /// Stops in order: the edge, the services with what they have in hand, the database.
    pub async fn stop(self) {
        self.stop.cancel();
        if !self.gateway.is_finished()
            && let Err(error) = self.gateway.await
        {
            tracing::warn!(%error, "the gateway did not end well");
        }
        self.suite.shutdown().await;
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

/// Settings that the environment and the options give every service, before a database is known.
///
/// # Errors
/// When one of them is wrong.
pub fn common(more: &[(String, String)]) -> anyhow::Result<Common> {
    let mut loader = Loader::new("")?.environment(Unknown::Ignore)?;
    for (key, value) in more {
        if let Ok(set) = loader.clone().set(key, value.clone()) {
            loader = set;
        }
    }
    Ok(loader.load::<serde::de::IgnoredAny>()?.common)
}

async fn services(settings: &Settings<'_>) -> anyhow::Result<Suite> {
    let first = settings.load::<serde::de::IgnoredAny>("", &[])?;
    let mut suite = Suite::new(&first.common)?;
    let crypto = settings.crypto();
    let identity = [crypto.clone(), settings.bootstrap()].concat();
    add(&mut suite, settings, &IDENTITY, &identity, qihang_identity::build).await?;
    let seal = [("signing.development_folder".to_owned(), settings.path("seal"))];
    add(&mut suite, settings, &DOCUMENTS, &seal, qihang_documents::build).await?;
    let contracts = [crypto, settings.public_url()].concat();
    add(
        &mut suite,
        settings,
        &CONTRACTS,
        &contracts,
        qihang_contracts::build,
    )
    .await?;
    add(&mut suite, settings, &JOBS, &[], qihang_jobs::build).await?;
    add(&mut suite, settings, &EVENTS, &[], qihang_events::build).await?;
    add(&mut suite, settings, &INTERVIEWS, &[], qihang_interviews::build).await?;
    add(&mut suite, settings, &PUSH, &[], qihang_push::build).await?;
    if settings.at_work {
        suite.start_work();
        suite.wait_for_bus().await;
    }
    Ok(suite)
}

/// What is known of a service before it is built.
struct Room {
    name: &'static str,
    migrator: &'static Migrator,
    defaults: &'static str,
}

macro_rules! rooms {
    ($($constant:ident = $name:literal, $krate:ident, $defaults:literal;)*) => {
        $(
            static $constant: Room = Room {
                name: $name,
                migrator: &$krate::MIGRATOR,
                defaults: include_str!($defaults),
            };
        )*
    };
}

rooms! {
    IDENTITY = "identity", qihang_identity, "../../../services/identity/defaults.toml";
    DOCUMENTS = "documents", qihang_documents, "../../../services/documents/defaults.toml";
    CONTRACTS = "contracts", qihang_contracts, "../../../services/contracts/defaults.toml";
    JOBS = "jobs", qihang_jobs, "../../../services/jobs/defaults.toml";
    EVENTS = "events", qihang_events, "../../../services/events/defaults.toml";
    INTERVIEWS = "interviews", qihang_interviews, "../../../services/interviews/defaults.toml";
    PUSH = "push", qihang_push, "../../../services/push/defaults.toml";
}

async fn add<C, F, R>(
    suite: &mut Suite,
    settings: &Settings<'_>,
    room: &Room,
    own: &[(String, String)],
    build: F,
) -> anyhow::Result<()>
where
    C: DeserializeOwned,
    F: FnOnce(Context, C) -> R,
    R: Future<Output = anyhow::Result<Service>>,
{
    let loaded = settings
        .load::<C>(room.defaults, own)
        .with_context(|| format!("settings of {}", room.name))?;
    suite
        .add(room.name, room.migrator, loaded, build)
        .await
        .with_context(|| format!("starting {}", room.name))?;
    Ok(())
}

impl Settings<'_> {
    /// Embedded defaults, then what this machine gives, then the environment, then the options.
    fn load<C: DeserializeOwned>(
        &self,
        defaults: &str,
        own: &[(String, String)],
    ) -> anyhow::Result<Loaded<C>> {
        let mut loader = Loader::new(defaults)?
            .set("database.url", self.database.clone())?
            .set("auth.service_secret", self.secrets.service.clone())?
            .set("files.url", format!("file://{}", self.path("files")))?;
        for (key, value) in own {
            loader = loader.set(key, value.clone())?;
        }
        loader = loader.environment(Unknown::Ignore)?;
        for (key, value) in self.more {
            if let Ok(set) = loader.clone().set(key, value.clone()) {
                loader = set;
            }
        }
        Ok(loader.load()?)
    }

    fn crypto(&self) -> Vec<(String, String)> {
        vec![
            (
                format!("crypto.keys.{CRYPTO_KEY}"),
                self.secrets.crypto_key.clone(),
            ),
            ("crypto.index_key".to_owned(), self.secrets.index_key.clone()),
        ]
    }

    fn bootstrap(&self) -> Vec<(String, String)> {
        vec![
            ("bootstrap.login".to_owned(), ADMINISTRATOR.to_owned()),
            (
                "bootstrap.password".to_owned(),
                self.secrets.bootstrap_password.clone(),
            ),
            (
                "bootstrap.totp_secret".to_owned(),
                self.secrets.bootstrap_totp.clone(),
            ),
        ]
    }

    /// Where the codes printed on documents lead.
    fn public_url(&self) -> Vec<(String, String)> {
        vec![(
            "signing.public_url".to_owned(),
            format!("http://{}", self.address),
        )]
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// The database of the suite in a private cluster.
async fn prepared(postgres: &Postgres) -> anyhow::Result<String> {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(&postgres.url("postgres")).await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(NAME)
        .fetch_one(&mut connection)
        .await?;
    if !exists {
        sqlx::raw_sql("CREATE DATABASE qihang")
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(postgres.url(NAME))
}

async fn listen(wanted: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    if let Some(address) = wanted {
        return TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"));
    }
    for port in ADDRESS.port()..ADDRESS.port() + MORE_PORTS {
        if let Ok(listener) = TcpListener::bind((ADDRESS.ip(), port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind((ADDRESS.ip(), 0))
        .await
        .context("no port is free for the gateway")
}

async fn edge(
    settings: &Settings<'_>,
    suite: &Suite,
    listener: TcpListener,
    metrics: Metrics,
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = anyhow::Result<()>> + Send + 'static + use<>> {
    let address = ("gateway.http".to_owned(), settings.address.to_string());
    let loaded = settings.load::<gateway::Config>(gateway::DEFAULTS, &[address])?;
    let parts = gateway::Parts {
        channels: suite.channels("gateway", &loaded.common)?,
        cache: Cache::open(&loaded.common.cache.url).await?,
        clock: suite.clock(),
        ids: Ids::random(),
        metrics,
    };
    let gateway = gateway::build(loaded.own.gateway, &loaded.common.auth.service_secret, parts)?;
    Ok(async move { gateway::serve(gateway, listener, async move { stop.cancelled().await }).await })
}
