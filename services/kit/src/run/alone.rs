//! One service as a process of its own.

use std::{future::Future, process::ExitCode};

use clap::{Parser, Subcommand};
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Started, Suite,
    keys::{self, Keys},
    terminated,
};
use crate::{
    consume,
    context::Context,
    db, outbox, server,
    service::Service,
    settings::{self, Common, Loaded},
    telemetry::{Metrics, Telemetry},
};

/// A service of the Qihang suite. Settings come from the environment (QIHANG_…).
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM (the default).
    Serve,
    /// Brings the schema up to date and ends.
    Migrate,
    /// Messages that a consumer gave up on.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// The hash chains of audit and histories.
    #[command(subcommand)]
    Audit(Audit),
    /// The keys that seal personal data.
    #[command(subcommand)]
    Keys(Keys),
    /// Messages that this service published.
    #[command(subcommand)]
    Messages(Messages),
}

#[derive(Subcommand)]
enum Messages {
    /// Has them published again, after a queue was lost; who acted on one before passes it over.
    Republish {
        /// Those written since this time, e.g. 2027-06-01T08:00:00+08:00.
        #[arg(long, value_parser = time)]
        since: OffsetDateTime,
    },
}

/// A time as RFC 3339 writes it.
fn time(text: &str) -> Result<OffsetDateTime, time::error::Parse> {
    OffsetDateTime::parse(text, &Rfc3339)
}

#[derive(Subcommand)]
enum Audit {
    /// Checks every link; fails when one was changed or is missing.
    Verify,
}

#[derive(Subcommand)]
enum DeadLetters {
    /// Lists them, oldest first.
    List,
    /// Tries one again, or all.
    Replay {
        /// Id from the list.
        id: Option<Uuid>,
        /// All of them.
        #[arg(long)]
        all: bool,
    },
}

/// Runs a service alone: the whole `main` of its binary.
pub fn run<C, F, R>(name: &'static str, migrator: &'static Migrator, defaults: &str, build: F) -> ExitCode
where
    C: DeserializeOwned,
    F: FnOnce(Context, C) -> R,
    R: Future<Output = anyhow::Result<Service>>,
{
    let arguments = Arguments::parse();
    let outcome = settings::load::<C>(defaults)
        .map_err(anyhow::Error::from)
        .and_then(|settings| {
            settings.common.validate()?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let telemetry = runtime.block_on(async { Telemetry::start(name, &settings.common.telemetry) })?;
            let command = arguments.command.unwrap_or(Command::Serve);
            let process = Process {
                name,
                migrator,
                metrics: telemetry.metrics(),
            };
            let outcome = runtime.block_on(process.execute(command, settings, build));
            drop(telemetry);
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(
                clippy::print_stderr,
                reason = "telemetry may not be up: the operator must see why nothing started"
            )]
            {
                eprintln!("qihang-{name}: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

struct Process {
    name: &'static str,
    migrator: &'static Migrator,
    metrics: Metrics,
}

impl Process {
    async fn execute<C, F, R>(self, command: Command, settings: Loaded<C>, build: F) -> anyhow::Result<()>
    where
        F: FnOnce(Context, C) -> R,
        R: Future<Output = anyhow::Result<Service>>,
    {
        if let Command::Migrate = command {
            let pool = db::connect(&settings.common.database, self.name).await?;
            return db::migrate(&pool, self.name, self.migrator).await;
        }
        let common = settings.common.clone();
        let mut suite = Suite::new(&common)?;
        let started = suite.add(self.name, self.migrator, settings, build).await?;
        let outcome = match command {
            Command::DeadLetters(command) => letters(command, &started).await,
            Command::Audit(Audit::Verify) => verify(&started).await,
            Command::Keys(command) => data_keys(&command, &started).await,
            Command::Messages(Messages::Republish { since }) => republish(since, &started).await,
            Command::Serve | Command::Migrate => {
                suite.start_work();
                suite.wait_for_bus().await;
                self.serve(&common, &started).await
            }
        };
        suite.shutdown().await;
        outcome
    }

    async fn serve(&self, common: &Common, started: &Started) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let listener = server::bind(common.listen).await?;
        tracing::info!(listen = %common.listen, service = self.name, "serving");
        let side = self.side(common, started, stop.clone()).await?;
        tokio::spawn({
            let stop = stop.clone();
            async move {
                terminated().await;
                stop.cancel();
            }
        });
        let outcome = server::serve(
            started.endpoint.clone(),
            listener,
            common.limits,
            started.ready(),
            stop,
        )
        .await;
        if let Some(side) = side {
            side.abort();
        }
        outcome
    }

    /// The small HTTP listener for probes and metrics.
    async fn side(
        &self,
        common: &Common,
        started: &Started,
        stop: CancellationToken,
    ) -> anyhow::Result<Option<tokio::task::JoinHandle<()>>> {
        use axum::{Router, http::StatusCode, routing::get};
        let Some(address) = common.metrics_listen else {
            return Ok(None);
        };
        let listener = server::bind(address).await?;
        let metrics = self.metrics.clone();
        let ready = started.ready();
        let ready = move || {
            let (ready, stopping) = (ready.clone(), stop.is_cancelled());
            async move {
                let ready = !stopping && ready().await;
                if ready {
                    (StatusCode::OK, "ready")
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, "not ready")
                }
            }
        };
        let router = Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(move || async move { metrics.text() }));
        Ok(Some(tokio::spawn(async move {
            drop(axum::serve(listener, router).await)
        })))
    }
}

#[expect(clippy::print_stdout, reason = "a command for operators")]
async fn verify(started: &Started) -> anyhow::Result<()> {
    let (lines, whole) = started.verify_chains().await?;
    for line in lines {
        println!("{line}");
    }
    anyhow::ensure!(whole, "a chain is broken");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command for operators")]
async fn republish(since: OffsetDateTime, started: &Started) -> anyhow::Result<()> {
    let messages = outbox::republish(&started.pool, since).await?;
    println!("{messages} messages of {} go again", started.name);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command for operators")]
async fn letters(command: DeadLetters, started: &Started) -> anyhow::Result<()> {
    match command {
        DeadLetters::List => {
            for letter in consume::dead_letters(&started.pool).await? {
                println!(
                    "{}  {}  {}  {}  {} tries  {}",
                    letter.id, letter.create_time, letter.consumer, letter.key, letter.attempts, letter.error
                );
            }
        }
        DeadLetters::Replay { id, all } => {
            anyhow::ensure!(all || id.is_some(), "say which: an id from the list, or --all");
            println!(
                "replayed {}",
                consume::replay(&started.subscriptions, &started.pool, id).await?
            );
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command for operators")]
async fn data_keys(command: &Keys, started: &Started) -> anyhow::Result<()> {
    for line in keys::keys(command, std::slice::from_ref(started)).await? {
        println!("{line}");
    }
    Ok(())
}
