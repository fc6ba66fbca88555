//! Each service and the gateway as a process of its own, on private PostgreSQL, Redis and RabbitMQ.
//!
//! Every service has a database role of its own that owns its schema and sees no other. A process that ends is started
//! again; at the end the edge goes first, then the services, then the servers. A service may have several replicas, and what
//! the processes are told of where their servers are may be something in between.

mod member;

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

pub use self::member::Member;
use self::member::{Group, Unit};
use crate::{
    postgres::{NAME, Postgres, Use},
    process::free_port,
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
/// Longest pause before a process that ended is started again, unless somebody wants to see it back sooner.
pub const LAST_PAUSE: Duration = Duration::from_secs(10);
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
    /// Settings of every process on top of all, e.g. `QIHANG_TELEMETRY__OTLP_ENDPOINT`.
    pub environment: Vec<(String, String)>,
    /// Settings of one service's processes, or of `gateway`; of one of them by its number from the second on: `push-2`.
    pub environment_of: Vec<(&'static str, &'static str, String)>,
    /// Processes of each service, and gateways.
    pub replicas: usize,
    /// Longest pause before a process that ended is started again.
    pub last_pause: Duration,
}

/// Where the processes look for their servers and for each other.
#[derive(Clone, Debug)]
pub struct Places {
    /// Port of PostgreSQL on this machine.
    pub postgres: u16,
    /// URL of Redis.
    pub redis: String,
    /// URL of RabbitMQ.
    pub rabbit: String,
    /// Ports that the replicas of a service must listen on; others take free ones.
    pub ports: BTreeMap<&'static str, Vec<u16>>,
    /// Services that others reach at other addresses than their own.
    pub peers: BTreeMap<&'static str, String>,
}

/// The suite as processes, with its servers.
pub struct Distributed {
    servers: Servers,
    processes: Processes,
}

/// The suite as processes on servers of somebody else.
pub struct Processes {
    services: Group,
    edge: Group,
    url: String,
}

/// What all processes share.
struct Ground<'a> {
    folder: &'a Path,
    secrets: &'a Secrets,
    places: &'a Places,
    options: &'a Options,
    ports: Vec<(&'static str, Vec<u16>)>,
    http: SocketAddr,
}

/// Starts everything on a data folder and waits until it answers.
///
/// # Errors
/// When a server or a program is missing or does not come up; with the end of its log.
pub async fn start(folder: &Path, secrets: &Secrets, options: &Options) -> anyhow::Result<Distributed> {
    let servers = Servers::start(&folder.join("servers"), options.purpose).await?;
    own_schemas(&servers.postgres, secrets).await?;
    let places = Places {
        postgres: servers.postgres.port(),
        redis: servers.redis.url(),
        rabbit: servers.rabbit.url(),
        ports: BTreeMap::new(),
        peers: BTreeMap::new(),
    };
    let processes = Processes::start(folder, secrets, options, &places).await?;
    Ok(Distributed { servers, processes })
}

/// Gives every service a role that owns its schema.
///
/// # Errors
/// The database's.
pub async fn own_schemas(postgres: &Postgres, secrets: &Secrets) -> anyhow::Result<()> {
    for service in SERVICES {
        own_schema(postgres, service, &secrets.password(&role_file(service))?).await?;
    }
    Ok(())
}

impl Distributed {
    /// Where the gateway listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.processes.url
    }

    /// The private servers.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Stops the edge, then the services, then the servers.
    pub async fn stop(self) {
        self.processes.stop().await;
        self.servers.stop().await;
    }
}

impl Processes {
    /// Starts the services and the gateway and waits until all are ready.
    ///
    /// # Errors
    /// When a program is missing or does not come up.
    pub async fn start(
        folder: &Path,
        secrets: &Secrets,
        options: &Options,
        places: &Places,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder.join("log"))?;
        let ports = SERVICES.iter().map(|service| {
            let given = places.ports.get(service).cloned();
            let free = || {
                (0..options.replicas)
                    .map(|_| free_port())
                    .collect::<Result<_, _>>()
            };
            anyhow::Ok((*service, given.map_or_else(free, Ok)?))
        });
        let ground = Ground {
            folder,
            secrets,
            places,
            options,
            ports: ports.collect::<Result<_, _>>()?,
            http: options.http.map_or_else(free_address, Ok)?,
        };
        let mut services = Vec::new();
        for (service, ports) in &ground.ports {
            for (place, port) in ports.iter().enumerate() {
                services.push(ground.service(service, place + 1, *port)?);
            }
        }
        let mut edge = Vec::new();
        for place in 1..=options.replicas {
            edge.push(ground.edge(place)?);
        }
        let processes = Self {
            services: Group::start(services),
            edge: Group::start(edge),
            url: format!("http://{}", ground.http),
        };
        let ready = processes.until_ready().await;
        if let Err(error) = ready {
            processes.stop().await;
            return Err(error);
        }
        Ok(processes)
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        for member in self.members() {
            member.until_ready(START).await?;
        }
        Ok(())
    }

    /// Where the first gateway listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All processes, the gateways last.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.services.members.iter().chain(&self.edge.members)
    }

    /// Stops the edge, then the services.
    pub async fn stop(self) {
        self.edge.stop().await;
        self.services.stop().await;
    }
}

impl Ground<'_> {
    fn service(&self, service: &'static str, place: usize, port: u16) -> anyhow::Result<Unit> {
        let side = free_port()?;
        let database = format!(
            "postgres://{}@127.0.0.1:{}/{NAME}",
            role(service),
            self.places.postgres
        );
        let mut environment = self.shared();
        environment.extend(pairs([
            ("QIHANG_LISTEN", format!("127.0.0.1:{port}")),
            ("QIHANG_METRICS_LISTEN", format!("127.0.0.1:{side}")),
            ("QIHANG_DATABASE__URL", database),
            ("QIHANG_DATABASE__PASSWORD_FILE", self.secret(&role_file(service))),
            ("QIHANG_BUS__URL", self.places.rabbit.clone()),
            ("QIHANG_FILES__URL", format!("file://{}", self.path("files"))),
        ]));
        environment.extend(self.own(service));
        let ready = format!("http://127.0.0.1:{side}/readyz");
        self.unit(service, place, port, environment, ready)
    }

    /// The first gateway listens where it was told to, others on free ports beside it.
    fn edge(&self, place: usize) -> anyhow::Result<Unit> {
        let http = match place {
            1 => self.http,
            _ => SocketAddr::new(self.http.ip(), free_port()?),
        };
        let mut environment = self.shared();
        environment.extend(pairs([("QIHANG_GATEWAY__HTTP", http.to_string())]));
        let ready = format!("http://{http}/readyz");
        self.unit("gateway", place, http.port(), environment, ready)
    }

    fn unit(
        &self,
        name: &str,
        place: usize,
        port: u16,
        mut environment: Vec<(String, String)>,
        ready: String,
    ) -> anyhow::Result<Unit> {
        let numbered = format!("{name}-{place}");
        let more = self.options.environment_of.iter();
        let more = more.filter(|(whose, ..)| *whose == name || *whose == numbered);
        environment.extend(more.map(|(_, key, value)| ((*key).to_owned(), value.clone())));
        let path = self.options.programs.join(format!("qihang-{name}"));
        ensure!(
            path.is_file(),
            "{} is not there: build it with `cargo build --workspace --bins`",
            path.display()
        );
        let name = match place {
            1 => name.to_owned(),
            _ => numbered,
        };
        Ok(Unit {
            log: self.folder.join("log").join(format!("{name}.log")),
            name,
            port,
            path,
            environment,
            last_pause: self.options.last_pause,
            ready,
        })
    }

    fn shared(&self) -> Vec<(String, String)> {
        let mut shared = pairs([
            ("QIHANG_CACHE__URL", self.places.redis.clone()),
            ("QIHANG_AUTH__SERVICE_SECRET_FILE", self.secret("service")),
            ("QIHANG_LIMITS__LAME_DUCK_MS", "0".to_owned()),
        ]);
        for (service, ports) in &self.ports {
            let name = format!("QIHANG_PEERS__{}", service.to_uppercase());
            let own = ports.iter().map(|port| format!("http://127.0.0.1:{port}"));
            let place = self.places.peers.get(*service).cloned();
            shared.push((name, place.unwrap_or_else(|| own.collect::<Vec<_>>().join(","))));
        }
        let passed_on = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| PASSED_ON.iter().any(|prefix| name.starts_with(prefix)));
        shared.extend(passed_on);
        shared.extend(self.options.environment.iter().cloned());
        shared
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
