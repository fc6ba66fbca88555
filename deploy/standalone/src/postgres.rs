//! A private PostgreSQL: an own cluster in an own folder, on 127.0.0.1, gone with its parent.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use qihang_kit::ids::Ids;
use sha2::{Digest as _, Sha256};

use crate::process::{Child, Program, Signal, User, find, free_port, is_root};

/// What to do when PostgreSQL's programs are missing.
pub const INSTALL: &str = "PostgreSQL is not installed: run `make run`, which installs it, or `apt-get install postgresql` \
     (macOS: `brew install postgresql`)";

/// Name of the cluster's owner and of its database.
pub const NAME: &str = "qihang";

/// Longest that a start may take; a first one on a slow disk, or one after a crash.
const START: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Longest that a fast shutdown may take.
const STOP: Duration = Duration::from_secs(20);
/// Longest name of a socket that every Unix takes, less the file's own name.
const SOCKET_PATH: usize = 80;

/// What a cluster is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Data that must survive a crash of the machine.
    Keep,
    /// Tests: nothing is synced to the disk.
    Throwaway,
}

/// A running private cluster.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    home: PathBuf,
    port: u16,
    password: String,
}

/// Where a cluster lives and who runs it.
#[derive(Debug)]
struct Home {
    folder: PathBuf,
    user: Option<User>,
}

impl Postgres {
    /// Starts the cluster in a folder, making it at the first start.
    ///
    /// # Errors
    /// When PostgreSQL is not installed ([`INSTALL`]) or does not come up; then with the end of its log.
    pub async fn start(folder: &Path, purpose: Use) -> anyhow::Result<Self> {
        Self::start_with(folder, purpose, &[]).await
    }

    /// The same with variables of the environment for the server.
    ///
    /// # Errors
    /// Those of [`Postgres::start`].
    pub async fn start_with(
        folder: &Path,
        purpose: Use,
        environment: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let programs = programs().context(INSTALL)?;
        let home = Home::prepare(folder)?;
        let password = home.password()?;
        let data = home.folder.join("data");
        if !data.join("PG_VERSION").is_file() {
            home.create(&programs, &data, purpose).await?;
        }
        // Another program may take the port between the look and the start.
        let mut last = None;
        for _ in 0..3 {
            let port = free_port()?;
            let mut server = home.server(&programs, &data, port, purpose);
            let more = environment.iter();
            server
                .environment
                .extend(more.map(|(name, value)| ((*name).to_owned(), value.clone())));
            wait_for_the_one_before(&data).await;
            let child = server.start().await?;
            match ready(&child, &data).await {
                Ok(()) => {
                    return Ok(Self {
                        child,
                        home: home.folder,
                        port,
                        password,
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("PostgreSQL did not start")))
    }

    /// URL for the cluster's owner and one database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_for(NAME, &self.password, database)
    }

    /// URL for another role.
    #[must_use]
    pub fn url_for(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Where it lives; not always where it was asked to, see [`Postgres::start`].
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        self.child.ended().await;
    }

    /// Kills the server's first process; the others end when they notice.
    pub async fn kill(self) {
        self.child.kill().await;
    }

    /// Stops it: open transactions are rolled back, nothing that was committed is lost.
    pub async fn stop(self) {
        self.child.stop(STOP).await;
    }
}

impl Home {
    /// Makes the folder. As root PostgreSQL runs as another user, who must be able to reach it.
    fn prepare(folder: &Path) -> anyhow::Result<Self> {
        let user = is_root().then(unprivileged).transpose()?;
        let folder = std::path::absolute(folder)?;
        let folder = match &user {
            Some(_) if !reachable(&folder) => {
                let other = elsewhere(&folder);
                tracing::info!(
                    asked = %folder.display(),
                    database = %other.display(),
                    "PostgreSQL does not run as root and cannot reach the data folder; its cluster lives elsewhere"
                );
                other
            }
            _ => folder,
        };
        if !folder.is_dir() {
            let parent = folder.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            fs::DirBuilder::new()
                .mode(0o700)
                .create(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let home = Self { folder, user };
        home.hand_over(&home.folder)?;
        Ok(home)
    }

    fn hand_over(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(user) = &self.user {
            chown(path, Some(user.uid), Some(user.gid))
                .with_context(|| format!("cannot give {} to PostgreSQL's user", path.display()))?;
        }
        Ok(())
    }

    /// The owner's password, made once.
    fn password(&self) -> anyhow::Result<String> {
        let path = self.folder.join("password");
        match fs::read_to_string(&path) {
            Ok(password) if !password.is_empty() => Ok(password),
            _ => {
                let password = hex::encode(Ids::random().bytes::<24>());
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&path)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                file.write_all(password.as_bytes())?;
                self.hand_over(&path)?;
                Ok(password)
            }
        }
    }

    /// Makes a cluster beside its place and moves it there when it is whole.
    async fn create(&self, programs: &Path, data: &Path, purpose: Use) -> anyhow::Result<()> {
        let draft = self.folder.join("data.new");
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        let log = self.folder.join("initdb.log");
        let mut arguments = vec![
            format!("--pgdata={}", draft.display()),
            format!("--username={NAME}"),
            format!("--pwfile={}", self.folder.join("password").display()),
            "--auth=scram-sha-256".to_owned(),
            "--encoding=UTF8".to_owned(),
            "--locale=C".to_owned(),
        ];
        if purpose == Use::Throwaway {
            arguments.push("--no-sync".to_owned());
        }
        let initdb = self
            .program("initdb", programs, arguments, log, Signal::Terminate)
            .start()
            .await?;
        initdb.ended().await;
        if !draft.join("PG_VERSION").is_file() || !draft.join("global/pg_control").is_file() {
            bail!("initdb failed. {}", initdb.tail());
        }
        fs::rename(&draft, data)?;
        Ok(())
    }

    fn server(&self, programs: &Path, data: &Path, port: u16, purpose: Use) -> Program {
        let sockets = self.folder.to_string_lossy();
        let sockets = if sockets.len() <= SOCKET_PATH {
            &*sockets
        } else {
            ""
        };
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={sockets}"),
            "max_connections=300".to_owned(),
            "jit=off".to_owned(),
            "timezone=UTC".to_owned(),
        ];
        if purpose == Use::Throwaway {
            settings.extend(
                [
                    "fsync=off",
                    "full_page_writes=off",
                    "synchronous_commit=off",
                    "autovacuum=off",
                ]
                .map(str::to_owned),
            );
        }
        let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
        for setting in settings {
            arguments.extend(["-c".to_owned(), setting]);
        }
        let log = self.folder.join("postgres.log");
        self.program("postgres", programs, arguments, log, Signal::Interrupt)
    }

    fn program(
        &self,
        name: &str,
        programs: &Path,
        arguments: Vec<String>,
        log: PathBuf,
        stop: Signal,
    ) -> Program {
        Program {
            name: name.to_owned(),
            path: programs.join(name),
            arguments,
            environment: vec![("LC_ALL".to_owned(), "C".to_owned())],
            hidden_prefix: Some("PG"),
            log,
            user: self.user.clone(),
            stop,
        }
    }
}

/// A cluster whose last owner was killed may still be on its way down.
async fn wait_for_the_one_before(data: &Path) {
    for _ in 0..250 {
        let Some(pid) = fs::read_to_string(data.join("postmaster.pid"))
            .ok()
            .and_then(|text| text.lines().next().map(str::to_owned))
        else {
            return;
        };
        let alive = Command::new("sh")
            .args(["-c", &format!("kill -0 {pid}")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !alive {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the server writes that it takes connections: the eighth line of its pid file.
async fn ready(child: &Child, data: &Path) -> anyhow::Result<()> {
    let waiting = async {
        loop {
            child.check()?;
            let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            let mut lines = file.lines();
            let ours = lines.next().and_then(|line| line.trim().parse().ok()) == Some(child.pid());
            if ours && lines.nth(6).is_some_and(|status| status.trim() == "ready") {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout(START, waiting).await {
        Ok(outcome) => outcome,
        Err(_) => bail!("PostgreSQL did not come up in time. {}", child.tail()),
    }
}

/// The folder of PostgreSQL's programs, newest version first.
#[must_use]
pub fn programs() -> Option<PathBuf> {
    let whole = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let mut folders: Vec<(u32, PathBuf)> = Vec::new();
    for (root, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ] {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(version) = name.strip_prefix(prefix).and_then(|version| version.parse().ok()) {
                folders.push((version, entry.path().join("bin")));
            }
        }
    }
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.0));
    let in_path = || find("initdb").and_then(|path| path.parent().map(Path::to_owned));
    folders
        .into_iter()
        .map(|(_, folder)| folder)
        .find(whole)
        .or_else(|| in_path().filter(whole))
        .or_else(|| bindir().filter(whole))
}

fn bindir() -> Option<PathBuf> {
    let output = Command::new(find("pg_config")?).arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Somebody who is not root.
fn unprivileged() -> anyhow::Result<User> {
    let users = fs::read_to_string("/etc/passwd")?;
    let user = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some(User {
            uid: fields.next()?.ok()?,
            gid: fields.next()?.ok()?,
        })
    };
    anyhow::ensure!(
        find("setpriv").is_some(),
        "PostgreSQL does not run as root, and `setpriv` (util-linux) is not there to change that: run as an ordinary user"
    );
    user("postgres")
        .or_else(|| user("nobody"))
        .context("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

/// Whether somebody else may pass through every folder above.
fn reachable(folder: &Path) -> bool {
    folder
        .ancestors()
        .skip(1)
        .filter_map(|parent| fs::metadata(parent).ok())
        .all(|metadata| metadata.permissions().mode() & 0o001 != 0)
}

/// A folder that anybody may reach, a different one for each that was asked for.
fn elsewhere(folder: &Path) -> PathBuf {
    let hash = hex::encode(Sha256::digest(folder.as_os_str().as_encoded_bytes()));
    Path::new("/var/lib/qihang").join(hash.get(..12).unwrap_or("default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_below_roots_home_is_not_reachable_and_gets_a_stand_in() {
        let private = std::env::temp_dir().join(format!("qihang-private-{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&private).unwrap();
        let folder = private.join("postgres");
        assert!(!reachable(&folder));
        assert!(elsewhere(&folder).starts_with("/var/lib/qihang"));
        assert_ne!(elsewhere(&folder), elsewhere(&private));
        fs::remove_dir(private).unwrap();
    }
}
