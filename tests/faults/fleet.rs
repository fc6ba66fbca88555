//! The suite as processes, two of each service, on servers that may be killed, each behind a link that may be bad.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use qihang_standalone::{
    distributed::{Member, Options, Places, Processes, own_schemas},
    postgres::{NAME, Postgres, Use},
    process::{Signal, free_port},
    secrets::Secrets,
    servers::{Rabbit, Redis, Servers},
};
use qihang_tests::{Scratch, programs};
use sqlx::{Connection as _, PgConnection};

use crate::{
    front::Front,
    host::{self, Host},
    link::Link,
};

/// Processes of each service.
const REPLICAS: usize = 2;
/// Longest that a process may take to be back; the goal is three seconds.
const RESTART: Duration = Duration::from_secs(60);
/// Longest that a server's leftovers may be in the way of its next start.
const LEFTOVERS: Duration = Duration::from_secs(20);

/// Everything that runs.
pub(crate) struct Fleet {
    pub(crate) processes: Processes,
    pub(crate) links: Links,
    pub(crate) hosts: Hosts,
    /// Stands before the gateways.
    pub(crate) front: Front,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    rabbit: Option<Rabbit>,
    folder: Scratch,
}

/// What stands between the processes and their servers, and before one of the services.
pub(crate) struct Links {
    pub(crate) postgres: Link,
    pub(crate) redis: Link,
    pub(crate) rabbit: Link,
    pub(crate) documents: [Link; REPLICAS],
}

/// The machines that may be bad.
pub(crate) struct Hosts {
    /// Where the processes of identity and contracts run, each first one and each second one.
    pub(crate) services: [Host; REPLICAS],
    /// Where PostgreSQL runs.
    pub(crate) database: Host,
}

impl Fleet {
    pub(crate) async fn start(name: &str) -> anyhow::Result<(Self, Secrets)> {
        let folder = Scratch::new(name)?;
        let secrets = Secrets::open(&folder.path().join("secrets"))?;
        let library = host::library(folder.path())?;
        let host = |name| Host::new(&library, name);
        let hosts = Hosts {
            services: [host("first")?, host("second")?],
            database: host("database")?,
        };
        let servers = start_servers(&folder.path().join("servers"), &hosts.database).await?;
        own_schemas(&servers.postgres, &secrets).await?;
        let links = Links {
            postgres: Link::open().await?,
            redis: Link::open().await?,
            rabbit: Link::open().await?,
            documents: [Link::open().await?, Link::open().await?],
        };
        links.postgres.lead_to(servers.postgres.port());
        links.redis.lead_to(servers.redis.port());
        links.rabbit.lead_to(servers.rabbit.port());
        let mut ports = Vec::new();
        for link in &links.documents {
            ports.push(free_port()?);
            link.lead_to(ports.last().copied().unwrap_or_default());
        }
        let documents: Vec<String> = links
            .documents
            .iter()
            .map(|link| format!("http://127.0.0.1:{}", link.port()))
            .collect();
        let places = Places {
            postgres: links.postgres.port(),
            redis: format!("redis://127.0.0.1:{}", links.redis.port()),
            rabbit: format!("amqp://guest:guest@127.0.0.1:{}/%2f", links.rabbit.port()),
            ports: BTreeMap::from([("documents", ports)]),
            peers: BTreeMap::from([("documents", documents.join(","))]),
        };
        let processes = Processes::start(folder.path(), &secrets, &options(&hosts)?, &places).await?;
        let fleet = Self {
            front: Front::open(&processes).await?,
            processes,
            links,
            hosts,
            postgres: Some(servers.postgres),
            redis: Some(servers.redis),
            rabbit: Some(servers.rabbit),
            folder,
        };
        Ok((fleet, secrets))
    }

    pub(crate) fn members(&self, service: &str) -> Vec<&Member> {
        let replica = format!("{service}-");
        let all = self.processes.members();
        all.filter(|member| member.name() == service || member.name().starts_with(&replica))
            .collect()
    }

    /// Kills processes at the same time; how long each took to be ready again.
    pub(crate) async fn kill(&self, members: &[&Member]) -> anyhow::Result<Vec<Duration>> {
        let killed = members.iter().map(|member| member.replace(Signal::Kill, RESTART));
        futures::future::try_join_all(killed).await
    }

    /// A connection past the links, as the owner of everything.
    pub(crate) async fn database(&self) -> anyhow::Result<PgConnection> {
        let postgres = self.postgres.as_ref().context("PostgreSQL is down")?;
        Ok(PgConnection::connect(&postgres.url(NAME)).await?)
    }

    pub(crate) async fn stop_postgres(&mut self, signal: Signal) {
        if let Some(postgres) = self.postgres.take() {
            match signal {
                Signal::Kill => postgres.kill().await,
                _ => postgres.stop().await,
            }
        }
    }

    /// Whether its first process has ended.
    pub(crate) async fn postgres_gave_up(&self) -> bool {
        match &self.postgres {
            Some(postgres) => tokio::time::timeout(Duration::ZERO, postgres.ended())
                .await
                .is_ok(),
            None => true,
        }
    }

    pub(crate) async fn start_postgres(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let environment = self.hosts.database.environment();
            match Postgres::start_with(&self.server("postgres"), Use::Keep, &environment).await {
                Ok(postgres) => {
                    self.links.postgres.lead_to(postgres.port());
                    self.postgres = Some(postgres);
                    return Ok(());
                }
                // The processes of the one before hold its memory until they notice.
                Err(error) if begun.elapsed() > LEFTOVERS => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    pub(crate) async fn kill_redis(&mut self) {
        if let Some(redis) = self.redis.take() {
            redis.kill().await;
        }
    }

    pub(crate) async fn start_redis(&mut self) -> anyhow::Result<()> {
        let redis = Redis::start(&self.server("redis")).await?;
        self.links.redis.lead_to(redis.port());
        self.redis = Some(redis);
        Ok(())
    }

    pub(crate) async fn kill_rabbit(&mut self) {
        if let Some(rabbit) = self.rabbit.take() {
            rabbit.kill().await;
        }
    }

    pub(crate) async fn start_rabbit(&mut self) -> anyhow::Result<()> {
        let rabbit = Rabbit::start(&self.server("rabbitmq")).await?;
        self.links.rabbit.lead_to(rabbit.port());
        self.rabbit = Some(rabbit);
        Ok(())
    }

    pub(crate) fn rabbit(&self) -> anyhow::Result<&Rabbit> {
        self.rabbit.as_ref().context("RabbitMQ is down")
    }

    pub(crate) fn redis(&self) -> anyhow::Result<&Redis> {
        self.redis.as_ref().context("Redis is down")
    }

    /// What the processes logged as errors of their own, the last of each.
    pub(crate) fn troubles(&self) -> String {
        let mut told = String::new();
        for entry in fs::read_dir(self.folder.path().join("log"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let errors: Vec<&str> = text
                .lines()
                .filter(|line| line.contains("ERROR qihang"))
                .collect();
            let last = errors.len().saturating_sub(6);
            for line in errors.into_iter().skip(last) {
                told.push_str(&format!("{}: {line}\n", entry.file_name().display()));
            }
        }
        told
    }

    pub(crate) async fn stop(self) {
        self.processes.stop().await;
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
        if let Some(redis) = self.redis {
            redis.stop().await;
        }
        if let Some(rabbit) = self.rabbit {
            rabbit.stop().await;
        }
        drop(self.folder);
    }

    fn server(&self, name: &str) -> PathBuf {
        self.folder.path().join("servers").join(name)
    }
}

/// Not a throwaway cluster: what PostgreSQL confirmed must be there after it was killed.
async fn start_servers(folder: &Path, database: &Host) -> anyhow::Result<Servers> {
    fs::create_dir_all(folder)?;
    let (postgres, redis, rabbit) = (
        folder.join("postgres"),
        folder.join("redis"),
        folder.join("rabbitmq"),
    );
    let environment = database.environment();
    let (postgres, redis, rabbit) = tokio::try_join!(
        Postgres::start_with(&postgres, Use::Keep, &environment),
        Redis::start(&redis),
        Rabbit::start(&rabbit),
    )?;
    Ok(Servers {
        postgres,
        redis,
        rabbit,
    })
}

fn options(hosts: &Hosts) -> anyhow::Result<Options> {
    let trusted = r#"["127.0.0.1"]"#.to_owned();
    let mut environment_of = vec![
        // Each client calls from an address of its own, as in life.
        ("gateway", "QIHANG_GATEWAY__TRUSTED_PROXIES", trusted),
        ("gateway", "QIHANG_GATEWAY__RATE_PER_MINUTE", "100000".to_owned()),
        ("gateway", "QIHANG_GATEWAY__LAME_DUCK_MS", "1000".to_owned()),
        ("identity", "QIHANG_CAPTCHA__DIFFICULTY", "8".to_owned()),
        // A run of a thousand kills outlasts a quarter of an hour.
        ("identity", "QIHANG_TOKENS__ACCESS_MINUTES", "600".to_owned()),
    ];
    let [first, second] = &hosts.services;
    // What is said of a number comes after what is said of all, and wins.
    for (process, host) in [
        ("identity", first),
        ("identity-2", second),
        ("contracts", first),
        ("contracts-2", second),
    ] {
        environment_of.extend(host.environment().map(|(name, value)| (process, name, value)));
    }
    Ok(Options {
        programs: programs(),
        http: Some(([127, 0, 0, 1], free_port()?).into()),
        purpose: Use::Keep,
        environment: vec![("QIHANG_LIMITS__LAME_DUCK_MS".to_owned(), "500".to_owned())],
        environment_of,
        replicas: REPLICAS,
        last_pause: Duration::from_millis(100),
    })
}
