//! A process that is started again and again until it is told to end.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::LAST_PAUSE;
use crate::process::{Child, Program, Signal, send};

/// First pause before a process that ended is started again; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Time that a process gets to end.
const END: Duration = Duration::from_secs(30);
/// Pause between two looks whether a process is ready.
const LOOK: Duration = Duration::from_millis(50);

/// Processes that are kept running until they are told to end.
pub(super) struct Group {
    stop: CancellationToken,
    pub(super) members: Vec<Member>,
    keepers: Vec<JoinHandle<()>>,
}

/// One process that is kept running.
#[derive(Debug)]
pub struct Member {
    unit: Unit,
    pid: watch::Receiver<Option<u32>>,
}

/// One process, to be started as often as it takes.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) path: PathBuf,
    pub(super) environment: Vec<(String, String)>,
    pub(super) log: PathBuf,
    pub(super) ready: String,
    pub(super) last_pause: Duration,
}

impl Group {
    pub(super) fn start(units: Vec<Unit>) -> Self {
        let stop = CancellationToken::new();
        let (mut members, mut keepers) = (Vec::new(), Vec::new());
        for unit in units {
            let (running, pid) = watch::channel(None);
            keepers.push(tokio::spawn(keep(unit.clone(), running, stop.clone())));
            members.push(Member { unit, pid });
        }
        Self {
            stop,
            members,
            keepers,
        }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        futures::future::join_all(self.keepers).await;
    }
}

impl Member {
    /// Its name: the service's, with a number from the second replica on.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.unit.name
    }

    /// Port of its gRPC listener; the gateway's HTTP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.unit.port
    }

    /// Sends a signal, waits until the process is gone, and gives the time until its successor is ready.
    ///
    /// # Errors
    /// When none is in time.
    pub async fn replace(&self, signal: Signal, patience: Duration) -> anyhow::Result<Duration> {
        let mut pid = self.pid.clone();
        let old = *pid.wait_for(Option::is_some).await?;
        if let Some(old) = old {
            send(old, signal);
        }
        pid.wait_for(|now| *now != old).await?;
        let begun = Instant::now();
        self.until_ready(patience).await?;
        Ok(begun.elapsed())
    }

    /// Runs one of its commands for operators, with its settings; what it printed.
    ///
    /// # Errors
    /// When it fails; with what it said of that.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = tokio::process::Command::new(&self.unit.path)
            .args(arguments)
            .envs(self.unit.environment.iter().cloned())
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn until_ready(&self, patience: Duration) -> anyhow::Result<()> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(3))
            .build()?;
        let begun = Instant::now();
        while begun.elapsed() < patience {
            let answer = http.get(&self.unit.ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!(
            "{} did not come up; see {}",
            self.unit.name,
            self.unit.log.display()
        )
    }
}

/// Starts a process again and again until it is told to end.
async fn keep(unit: Unit, running: watch::Sender<Option<u32>>, stop: CancellationToken) {
    let first = FIRST_PAUSE.min(unit.last_pause);
    let mut pause = first;
    loop {
        let begun = Instant::now();
        match unit.start().await {
            Ok(child) => {
                running.send_replace(Some(child.pid()));
                tokio::select! {
                    () = stop.cancelled() => return child.stop(END).await,
                    () = child.ended() => tracing::error!(process = unit.name, "ended by itself. {}", child.tail()),
                }
                running.send_replace(None);
            }
            Err(error) => tracing::error!(process = unit.name, "cannot be started: {error:#}"),
        }
        if begun.elapsed() > LAST_PAUSE {
            pause = first;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(unit.last_pause);
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
}
