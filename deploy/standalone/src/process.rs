//! Child processes that end with this one.
//!
//! On Linux `setpriv` starts the child: the kernel then sends it a signal when its parent is gone, however that happened,
//! and a server that refuses to run as root gets another user. A thread of its own starts each child and waits for it,
//! because the kernel counts the thread as the parent.

use std::{
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::sync::watch;

/// A signal that asks a child to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT; for PostgreSQL the fast way down.
    Interrupt,
    /// SIGKILL.
    Kill,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Kill => "KILL",
        }
    }
}

/// Another user that a server runs as when this process is root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Number of the user.
    pub uid: u32,
    /// Number of its group.
    pub gid: u32,
}

/// What to start.
#[derive(Debug)]
pub struct Program {
    /// Name for messages.
    pub name: String,
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables on top of this process's environment.
    pub environment: Vec<(String, String)>,
    /// Prefix of variables that the child does not inherit.
    pub hidden_prefix: Option<&'static str>,
    /// Where its output goes.
    pub log: PathBuf,
    /// The user it runs as; `None` for this process's own.
    pub user: Option<User>,
    /// What ends it, also when this process is gone.
    pub stop: Signal,
}

/// A child that runs, or has ended.
#[derive(Debug)]
pub struct Child {
    name: String,
    pid: u32,
    stop: Signal,
    log: PathBuf,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Program {
    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be started or its log cannot be opened.
    pub async fn start(self) -> anyhow::Result<Child> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let (started, pid) = tokio::sync::oneshot::channel();
        let (end, ended) = watch::channel(None);
        std::thread::Builder::new()
            .name(format!("{}-keeper", self.name))
            .spawn(move || match command.spawn() {
                Ok(mut child) => {
                    // Nobody waits when the caller was cancelled: then nobody would stop it either.
                    if started.send(Ok(child.id())).is_err() {
                        drop(child.kill());
                    }
                    let _ = end.send(child.wait().ok());
                }
                Err(error) => drop(started.send(Err(error))),
            })?;
        let pid = pid
            .await?
            .with_context(|| format!("cannot start {}", self.path.display()))?;
        Ok(Child {
            name: self.name,
            pid,
            stop: self.stop,
            log: self.log,
            ended,
        })
    }

    fn command(&self) -> Command {
        let setpriv = find("setpriv");
        let mut command = match &setpriv {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                if let Some(user) = &self.user {
                    command
                        .arg(format!("--reuid={}", user.uid))
                        .arg(format!("--regid={}", user.gid))
                        .arg("--clear-groups");
                }
                command
                    .args(["--pdeathsig", self.stop.name(), "--"])
                    .arg(&self.path);
                command
            }
            None => Command::new(&self.path),
        };
        if let Some(prefix) = self.hidden_prefix {
            for (name, _) in std::env::vars_os() {
                if name.to_string_lossy().starts_with(prefix) {
                    command.env_remove(name);
                }
            }
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        // Ctrl-C goes to the whole group: children are told by us, in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }
}

impl Child {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.borrow().is_some() || self.ended.has_changed().is_err()
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        drop(self.ended.clone().wait_for(Option::is_some).await);
    }

    /// Asks it to end and waits; kills it when that takes too long.
    pub async fn stop(&self, patience: Duration) {
        if self.has_ended() {
            return;
        }
        send(self.pid, self.stop);
        if tokio::time::timeout(patience, self.ended()).await.is_err() {
            tracing::warn!(
                process = self.name,
                pid = self.pid,
                "did not end in time and is killed"
            );
            send(self.pid, Signal::Kill);
            self.ended().await;
        }
    }

    /// Kills it, as a machine that fails would, and waits until it is gone.
    pub async fn kill(&self) {
        if !self.has_ended() {
            send(self.pid, Signal::Kill);
            self.ended().await;
        }
    }

    /// Fails with the end of its log when it is not running any more.
    ///
    /// # Errors
    /// Then.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.has_ended() {
            bail!("{} ended. {}", self.name, tail(&self.log));
        }
        Ok(())
    }

    /// The last lines it wrote.
    #[must_use]
    pub fn tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.has_ended() {
            send(self.pid, self.stop);
        }
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().rev().take(12).collect();
    let lines: Vec<&str> = lines.into_iter().rev().collect();
    format!("Its log, {}, ends:\n{}", log.display(), lines.join("\n"))
}

/// Sends a signal without `unsafe`: the shell's own `kill` is there on every Unix.
pub fn send(pid: u32, signal: Signal) {
    let sent = Command::new("sh")
        .arg("-c")
        .arg(format!("kill -{} {pid}", signal.name()))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = sent {
        tracing::warn!(%error, pid, "a signal could not be sent");
    }
}

/// A program in the PATH, or where systems keep servers that are not for everybody's PATH.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = [
        "/usr/sbin",
        "/usr/local/bin",
        "/opt/homebrew/bin",
        "/usr/bin",
        "/bin",
    ];
    std::env::split_paths(&path)
        .chain(more.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// A port of 127.0.0.1 that is free now, and that this process was not given before.
///
/// It is none of those that systems give to outgoing connections by default: one of these could take it before its server listens.
///
/// # Errors
/// When none is.
pub fn free_port() -> anyhow::Result<u16> {
    /// Ports that are given out.
    const PORTS: Range<u16> = 20_000..32_000;
    /// Ports from one process's first to the next one's: processes that begin together do not ask for the same.
    const APART: u32 = 37;
    static NEXT: LazyLock<AtomicU32> =
        LazyLock::new(|| AtomicU32::new(std::process::id().wrapping_mul(APART)));
    let count = u32::from(PORTS.end - PORTS.start);
    (0..count)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed) % count)
        .filter_map(|next| PORTS.start.checked_add(u16::try_from(next).ok()?))
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no port of 127.0.0.1 is free")
}

/// Whether this process is root.
#[must_use]
pub fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, net::TcpListener};

    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_none_of_outgoing_connections() {
        let ports: BTreeSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        // Linux gives outgoing connections those from 32,768 on, other systems higher ones.
        assert!(
            ports.iter().all(|port| (1_024..32_768).contains(port)),
            "{ports:?}"
        );
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_passed_over() {
        let next = free_port().unwrap() + 1;
        let taken = TcpListener::bind(("127.0.0.1", next));
        assert_ne!(free_port().unwrap(), next);
        drop(taken);
    }
}
