//! Each service and the gateway as a process of its own, on private PostgreSQL, Redis and RabbitMQ.
//!
//! Every service has a database role of its own that owns its schema and sees no other. A process that ends is started
//! again; at the end the edge goes first, then the services, then the servers.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    postgres::{NAME, Postgres, Use},
    process::{Child, Program, Signal, free_port},
    secrets::Secrets,
    servers::Servers,
    suite::{ADDRESS, ADMINISTRATOR, CRYPTO_KEY},
};

/// The services, in the order in which they start.
pub const SERVICES: [&str; 7] = [
    "identity",
    "documents",
    "contracts",
    "jobs",
    "events",
    "interviews",
    "push",
];

/// Sections of the settings that every service has: those variables of the environment are passed on.
const PASSED_ON: [&str; 3] = ["QIHANG_TELEMETRY__", "QIHANG_LIMITS__", "QIHANG_RELAY__"];
/// Prefix of the settings that the gateway alone knows.
const GATEWAYS_OWN: &str = "QIHANG_GATEWAY__";
/// First pause before a process that ended is started again; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest such pause.
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// Time that a process gets to end.
const END: Duration = Duration::from_secs(30);
/// Time that everything together gets to come up.
const START: Duration = Duration::from_secs(120);

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the programs `qihang-identity` and so on.
    pub programs: PathBuf,
    /// Where the gateway listens; `None` takes the usual port, or a free one when that is taken.
    pub http: Option<SocketAddr>,
    /// What the databases are for.
    pub purpose: Use,
    /// Settings on top of all, e.g. `QIHANG_TELEMETRY__OTLP_ENDPOINT`: of every process, those of the gateway of it alone.
    pub environment: Vec<(String, String)>,
}

/// The suite as processes.
pub struct Distributed {
    servers: Servers,
    services: Group,
    edge: Group,
    url: String,
}

/// Processes that are kept running until they are told to end.
struct Group {
    stop: CancellationToken,
    keepers: Vec<JoinHandle<()>>,
}

/// One process, to be started as often as it takes.
#[derive(Clone, Debug)]
struct Unit {
    name: String,
    path: PathBuf,
    environment: Vec<(String, String)>,
    log: PathBuf,
    ready: String,
}

/// What all processes share.
struct Ground<'a> {
    folder: &'a Path,
    secrets: &'a Secrets,
    servers: &'a Servers,
    options: &'a Options,
    ports: Vec<(&'static str, u16)>,
    http: SocketAddr,
}

/// Starts everything on a data folder and waits until it answers.
///
/// # Errors
/// When a server or a program is missing or does not come up; with the end of its log.
pub async fn start(folder: &Path, secrets: &Secrets, options: &Options) -> anyhow::Result<Distributed> {
    let logs = folder.join("log");
    fs::create_dir_all(&logs)?;
    let servers = Servers::start(&folder.join("servers"), options.purpose).await?;
    for service in SERVICES {
        own_schema(
            &servers.postgres,
            service,
            &secrets.password(&role_file(service))?,
        )
        .await?;
    }
    let ports = SERVICES
        .iter()
        .map(|service| Ok((*service, free_port()?)))
        .collect::<anyhow::Result<_>>()?;
    let ground = Ground {
        folder,
        secrets,
        servers: &servers,
        options,
        ports,
        http: options.http.map_or_else(free_address, Ok)?,
    };
    let mut services = Vec::new();
    for (service, port) in &ground.ports {
        services.push(ground.service(service, *port)?);
    }
    let http = ground.http;
    let edge = vec![ground.edge()?];
    let running = Distributed {
        services: Group::start(&services),
        edge: Group::start(&edge),
        servers,
        url: format!("http://{http}"),
    };
    for unit in services.iter().chain(&edge) {
        if let Err(error) = unit.until_ready().await {
            running.stop().await;
            return Err(error);
        }
    }
    Ok(running)
}

impl Distributed {
    /// Where the gateway listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The private servers.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Stops the edge, then the services, then the servers.
    pub async fn stop(self) {
        self.edge.stop().await;
        self.services.stop().await;
        self.servers.stop().await;
    }
}

impl Group {
    fn start(units: &[Unit]) -> Self {
        let stop = CancellationToken::new();
        let keepers = units
            .iter()
            .map(|unit| tokio::spawn(keep(unit.clone(), stop.clone())))
            .collect();
        Self { stop, keepers }
    }

    async fn stop(self) {
        self.stop.cancel();
        futures::future::join_all(self.keepers).await;
    }
}

/// Starts a process again and again until it is told to end.
async fn keep(unit: Unit, stop: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        match unit.start().await {
            Ok(child) => {
                tokio::select! {
                    () = stop.cancelled() => return child.stop(END).await,
                    () = child.ended() => tracing::error!(process = unit.name, "ended by itself. {}", child.tail()),
                }
            }
            Err(error) => tracing::error!(process = unit.name, "cannot be started: {error:#}"),
        }
        if begun.elapsed() > LAST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

impl Unit {
    async fn start(&self) -> anyhow::Result<Child> {
        Program {
            name: self.name.clone(),
            path: self.path.clone(),
            arguments: Vec::new(),
            environment: self.environment.clone(),
            hidden_prefix: Some("QIHANG_"),
            log: self.log.clone(),
            user: None,
            stop: Signal::Terminate,
        }
        .start()
        .await
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(3))
            .build()?;
        let begun = Instant::now();
        while begun.elapsed() < START {
            let answer = http.get(&self.ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("{} did not come up; see {}", self.name, self.log.display())
    }
}

impl Ground<'_> {
    fn service(&self, service: &'static str, port: u16) -> anyhow::Result<Unit> {
        let side = free_port()?;
        let database = format!(
            "postgres://{}@127.0.0.1:{}/{NAME}",
            role(service),
            self.servers.postgres.port()
        );
        let mut environment = self.shared();
        environment.extend(pairs([
            ("QIHANG_LISTEN", format!("127.0.0.1:{port}")),
            ("QIHANG_METRICS_LISTEN", format!("127.0.0.1:{side}")),
            ("QIHANG_DATABASE__URL", database),
            ("QIHANG_DATABASE__PASSWORD_FILE", self.secret(&role_file(service))),
            ("QIHANG_BUS__URL", self.servers.rabbit.url()),
            ("QIHANG_FILES__URL", format!("file://{}", self.path("files"))),
        ]));
        environment.extend(self.own(service));
        self.unit(service, environment, format!("http://127.0.0.1:{side}/readyz"))
    }

    fn edge(&self) -> anyhow::Result<Unit> {
        let http = self.http;
        let mut environment = self.shared();
        environment.extend(pairs([("QIHANG_GATEWAY__HTTP", http.to_string())]));
        environment.extend(self.more(|name| name.starts_with(GATEWAYS_OWN)));
        self.unit("gateway", environment, format!("http://{http}/readyz"))
    }

    fn unit(&self, name: &str, environment: Vec<(String, String)>, ready: String) -> anyhow::Result<Unit> {
        let path = self.options.programs.join(format!("qihang-{name}"));
        ensure!(
            path.is_file(),
            "{} is not there: build it with `cargo build --workspace --bins`",
            path.display()
        );
        Ok(Unit {
            name: name.to_owned(),
            path,
            environment,
            log: self.folder.join("log").join(format!("{name}.log")),
            ready,
        })
    }

    fn shared(&self) -> Vec<(String, String)> {
        let mut shared = pairs([
            ("QIHANG_CACHE__URL", self.servers.redis.url()),
            ("QIHANG_AUTH__SERVICE_SECRET_FILE", self.secret("service")),
            ("QIHANG_LIMITS__LAME_DUCK_MS", "0".to_owned()),
        ]);
        for (service, port) in &self.ports {
            let name = format!("QIHANG_PEERS__{}", service.to_uppercase());
            shared.push((name, format!("http://127.0.0.1:{port}")));
        }
        let passed_on = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| PASSED_ON.iter().any(|prefix| name.starts_with(prefix)));
        shared.extend(passed_on);
        shared.extend(self.more(|name| !name.starts_with(GATEWAYS_OWN)));
        shared
    }

    /// The settings on top whose names are wanted.
    fn more(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let more = self.options.environment.iter();
        more.filter(|(name, _)| wanted(name)).cloned().collect()
    }

    /// What only one service wants to know.
    fn own(&self, service: &str) -> Vec<(String, String)> {
        let crypto = [
            (
                format!("QIHANG_CRYPTO__KEYS__{}", CRYPTO_KEY.to_uppercase()),
                self.secrets.crypto_key.clone(),
            ),
            (
                "QIHANG_CRYPTO__INDEX_KEY_FILE".to_owned(),
                self.secret("index-key"),
            ),
        ];
        match service {
            "identity" => {
                let mut own = crypto.to_vec();
                own.extend(pairs([
                    ("QIHANG_BOOTSTRAP__LOGIN", ADMINISTRATOR.to_owned()),
                    (
                        "QIHANG_BOOTSTRAP__PASSWORD_FILE",
                        self.secret("bootstrap-password"),
                    ),
                    (
                        "QIHANG_BOOTSTRAP__TOTP_SECRET_FILE",
                        self.secret("bootstrap-totp"),
                    ),
                ]));
                own
            }
            "contracts" => {
                let mut own = crypto.to_vec();
                own.extend(pairs([(
                    "QIHANG_SIGNING__PUBLIC_URL",
                    format!("http://{}", self.http),
                )]));
                own
            }
            "documents" => pairs([("QIHANG_SIGNING__DEVELOPMENT_FOLDER", self.path("seal"))]),
            _ => Vec::new(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn secret(&self, name: &str) -> String {
        self.secrets.file(name).display().to_string()
    }
}

/// A role that owns one schema, and the database they share.
async fn own_schema(postgres: &Postgres, service: &str, password: &str) -> anyhow::Result<()> {
    let mut server = PgConnection::connect(&postgres.url("postgres")).await?;
    let exists = "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)";
    if !sqlx::query_scalar::<_, bool>(exists)
        .bind(NAME)
        .fetch_one(&mut server)
        .await?
    {
        sqlx::raw_sql("CREATE DATABASE qihang")
            .execute(&mut server)
            .await?;
    }
    server.close().await?;
    let mut database = PgConnection::connect(&postgres.url(NAME)).await?;
    let role = role(service);
    let known = "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)";
    let verb = if sqlx::query_scalar::<_, bool>(known)
        .bind(&role)
        .fetch_one(&mut database)
        .await?
    {
        "ALTER"
    } else {
        "CREATE"
    };
    // Names are constants of this program and the password is letters, digits, `-` and `_`: nothing to quote.
    let statements = format!(
        "{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{password}';
         CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {role};
         REVOKE ALL ON SCHEMA public FROM PUBLIC;
         REVOKE ALL ON DATABASE {NAME} FROM PUBLIC;
         GRANT CONNECT, TEMPORARY ON DATABASE {NAME} TO {role};"
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut database)
        .await
        .with_context(|| format!("role and schema of {service}"))?;
    Ok(database.close().await?)
}

fn role(service: &str) -> String {
    format!("qihang_{service}")
}

fn role_file(service: &str) -> String {
    format!("role-{service}")
}

fn pairs<const N: usize>(pairs: [(&str, String); N]) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn free_address() -> anyhow::Result<SocketAddr> {
    if std::net::TcpListener::bind(ADDRESS).is_ok() {
        return Ok(ADDRESS);
    }
    Ok(SocketAddr::new(ADDRESS.ip(), free_port()?))
}
