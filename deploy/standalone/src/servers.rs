//! Private PostgreSQL, Redis and RabbitMQ on free ports with folders of their own, for tests and for the distributed suite.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use tokio::net::TcpStream;

use crate::{
    postgres::{Postgres, Use},
    process::{Child, Program, Signal, find, free_port},
};

/// What to do when a server's program is missing.
const INSTALL: &str = "is not installed: `make run-distributed` and `make test` install it, or \
     `apt-get install redis-server rabbitmq-server`";
/// Longest that Redis may take to come up.
const REDIS_START: Duration = Duration::from_secs(15);
/// Longest that RabbitMQ may take to come up; Erlang on a busy machine is slow.
const RABBIT_START: Duration = Duration::from_secs(120);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// All three.
#[derive(Debug)]
pub struct Servers {
    /// PostgreSQL.
    pub postgres: Postgres,
    /// Redis.
    pub redis: Redis,
    /// RabbitMQ.
    pub rabbit: Rabbit,
}

/// A private Redis.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    port: u16,
}

/// A private RabbitMQ node with its own port mapper.
#[derive(Debug)]
pub struct Rabbit {
    child: Child,
    mapper: Child,
    port: u16,
    environment: Vec<(String, String)>,
}

impl Servers {
    /// Starts all three below a folder, at the same time.
    ///
    /// # Errors
    /// When a program is missing or a server does not come up; the message says which and how its log ends.
    pub async fn start(folder: &Path, purpose: Use) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (postgres, redis, rabbit) = (
            folder.join("postgres"),
            folder.join("redis"),
            folder.join("rabbitmq"),
        );
        let (postgres, redis, rabbit) = tokio::try_join!(
            Postgres::start(&postgres, purpose),
            Redis::start(&redis),
            Rabbit::start(&rabbit),
        )?;
        Ok(Self {
            postgres,
            redis,
            rabbit,
        })
    }

    /// Stops all three.
    pub async fn stop(self) {
        tokio::join!(self.postgres.stop(), self.redis.stop(), self.rabbit.stop());
    }
}

impl Redis {
    /// Starts a server that keeps nothing on the disk: what is in a cache may be lost.
    ///
    /// # Errors
    /// When the program is missing or does not come up.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let path = find("redis-server").with_context(|| format!("Redis {INSTALL}"))?;
        fs::create_dir_all(folder)?;
        let port = free_port()?;
        let arguments = [
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            &folder.display().to_string(),
        ];
        let child = Program {
            name: "redis".to_owned(),
            path,
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            hidden_prefix: None,
            log: folder.join("redis.log"),
            user: None,
            stop: Signal::Terminate,
        }
        .start()
        .await?;
        listening(&child, port, REDIS_START).await?;
        Ok(Self { child, port })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Stops it.
    pub async fn stop(self) {
        self.child.stop(Duration::from_secs(5)).await;
    }

    /// Kills it.
    pub async fn kill(self) {
        self.child.kill().await;
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Rabbit {
    /// Starts a node: own name, own folders, own Erlang port mapper, so that no other node of this machine is met.
    ///
    /// # Errors
    /// When programs are missing or the node does not come up.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let server = server().with_context(|| format!("RabbitMQ {INSTALL}"))?;
        let mapper = find("epmd").with_context(|| format!("Erlang, for RabbitMQ, {INSTALL}"))?;
        let folder = std::path::absolute(folder)?;
        for name in ["mnesia", "log", "home"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let (port, mapper_port, cluster_port) = (free_port()?, free_port()?, free_port()?);
        let mapper = Program {
            name: "epmd".to_owned(),
            path: mapper,
            arguments: ["-port", &mapper_port.to_string(), "-address", "127.0.0.1"]
                .map(str::to_owned)
                .to_vec(),
            environment: Vec::new(),
            hidden_prefix: None,
            log: folder.join("epmd.log"),
            user: None,
            stop: Signal::Terminate,
        }
        .start()
        .await?;
        listening(&mapper, mapper_port, REDIS_START).await?;
        let environment = environment(&folder, port, mapper_port, cluster_port)?;
        let child = Program {
            name: "rabbitmq".to_owned(),
            path: server,
            arguments: Vec::new(),
            environment: environment.clone(),
            hidden_prefix: Some("RABBITMQ_"),
            log: folder.join("rabbitmq.log"),
            user: None,
            stop: Signal::Terminate,
        }
        .start()
        .await?;
        listening(&child, port, RABBIT_START).await?;
        Ok(Self {
            child,
            mapper,
            port,
            environment,
        })
    }

    /// Runs `rabbitmqctl` on this node; what it printed.
    ///
    /// # Errors
    /// When it is missing or fails; with what it said of that.
    pub async fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let server = server().with_context(|| format!("RabbitMQ {INSTALL}"))?;
        let output = tokio::process::Command::new(server.with_file_name("rabbitmqctl"))
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "rabbitmqctl {}: {text}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    }

    /// Its URL: the user that may come from this machine alone, the default virtual host.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it. A start in the same folder brings back what was confirmed.
    pub async fn kill(self) {
        self.child.kill().await;
        self.mapper.kill().await;
    }

    /// Stops it.
    pub async fn stop(self) {
        self.child.stop(Duration::from_secs(20)).await;
        self.mapper.stop(Duration::from_secs(2)).await;
    }
}

/// The server's own start script: Debian's wrapper in the PATH insists on a user of its own.
fn server() -> Option<PathBuf> {
    let below =
        |root: &Path| Some(root.join("usr/lib/rabbitmq/bin/rabbitmq-server")).filter(|path| path.exists());
    below(Path::new("/"))
        .or_else(|| {
            // Unpacked without root: beside the port mapper, which is then in the PATH.
            let mapper = find("epmd")?;
            mapper.ancestors().find_map(below)
        })
        .or_else(|| find("rabbitmq-server"))
}

fn environment(
    folder: &Path,
    port: u16,
    mapper_port: u16,
    cluster_port: u16,
) -> anyhow::Result<Vec<(String, String)>> {
    let path = |name: &str| folder.join(name).display().to_string();
    let configuration = format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         log.console = true\n\
         log.console.level = warning\n\
         log.file = false\n\
         vm_memory_high_watermark.relative = 0.4\n\
         disk_free_limit.absolute = 50MB\n"
    );
    fs::write(folder.join("rabbitmq.conf"), configuration)?;
    fs::write(folder.join("plugins"), "[].\n")?;
    // A node that is to be replaced by nothing else needs a name that stays, or its queues are another's.
    let node = fs::read_to_string(folder.join("node")).unwrap_or_else(|_| format!("qihang-{port}@localhost"));
    fs::write(folder.join("node"), &node)?;
    let variables = [
        ("HOME", path("home")),
        ("RABBITMQ_NODENAME", node),
        ("RABBITMQ_MNESIA_BASE", path("mnesia")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins")),
        ("RABBITMQ_CONF_ENV_FILE", path("none")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", path("none.config")),
        ("RABBITMQ_DIST_PORT", cluster_port.to_string()),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
        ),
        ("ERL_EPMD_PORT", mapper_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        // Makes the start script become the node itself, so that signals reach it.
        ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
        ("NOTIFY_SOCKET", String::new()),
    ];
    Ok(variables.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

/// Waits until somebody listens on a port.
async fn listening(child: &Child, port: u16, patience: Duration) -> anyhow::Result<()> {
    let waiting = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            child.check()?;
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(patience, waiting).await {
        Ok(outcome) => outcome,
        Err(_) => bail!("{} did not come up in time. {}", child.name(), child.tail()),
    }
}
