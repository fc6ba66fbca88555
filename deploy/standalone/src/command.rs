//! The commands of `qihang`.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::{Args, Parser, Subcommand};
use qihang_kit::{
    codes, consume, outbox,
    run::{
        keys::{self, Keys},
        terminated,
    },
    settings::Common,
    telemetry::Telemetry,
};
use qihang_standalone::{
    demo::{self, Outcome, Plan, Step, factor},
    distributed,
    folder::{self, DataFolder},
    postgres::Use,
    secrets::Secrets,
    suite::{self, ADMINISTRATOR},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// 哈尔滨工业大学.
const SCHOOL: &str = "4123010213";
/// Students that `run --demo` takes in: enough to page through, quickly there.
const SEEDED: u32 = 300;
/// Number of the seeded run; `qihang demo` uses others.
const SEED: u32 = 1;

/// The Qihang suite: every service and the gateway in one process, on a PostgreSQL of its own.
///
/// Settings of every service can be changed by the environment, e.g. `QIHANG_TELEMETRY__LOG_FILTER=debug`.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The same as `run --demo`.
    #[arg(long)]
    demo: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Clone)]
struct Place {
    /// Folder of all data, secrets included.
    #[arg(long, global = true, default_value = ".qihang")]
    data: PathBuf,
    /// Address of the gateway; otherwise 127.0.0.1:8080 or the next free port.
    #[arg(long, global = true)]
    http: Option<SocketAddr>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the suite in this process until Ctrl-C (the default).
    Run {
        /// Puts demonstration data in and prints logins.
        #[arg(long)]
        demo: bool,
    },
    /// Walks the main job through the HTTP API of the suite that runs here, or of one started for it.
    Demo {
        /// Students in the roster.
        #[arg(long, default_value_t = 5_000)]
        students: u32,
    },
    /// Runs each service as a process, on private PostgreSQL, Redis and RabbitMQ.
    Distributed {
        /// Puts demonstration data in and prints logins.
        #[arg(long)]
        demo: bool,
    },
    /// Prints the present one-time code of a secret, as an authenticator would show it.
    Totp {
        /// The secret in base32.
        secret: String,
    },
    /// Messages that a consumer gave up on; while the suite is stopped.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// The hash chains of audit and histories; while the suite is stopped.
    #[command(subcommand)]
    Audit(Audit),
    /// The keys that seal personal data, by service; while the suite is stopped.
    #[command(subcommand)]
    Keys(Keys),
    /// Messages that the services published; while the suite is stopped.
    #[command(subcommand)]
    Messages(Messages),
}

#[derive(Subcommand)]
enum Messages {
    /// Has them published again at the next start; who acted on one before passes it over.
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
    /// Checks every link of every service; fails when one was changed or is missing.
    Verify,
}

#[derive(Subcommand)]
enum DeadLetters {
    /// Lists them by service.
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

/// Executes a command line.
///
/// # Errors
/// What went wrong, for the terminal.
pub(crate) fn execute(arguments: Arguments) -> anyhow::Result<()> {
    let place = arguments.place;
    let command = arguments.command.unwrap_or(Command::Run { demo: arguments.demo });
    let quiet = !matches!(command, Command::Run { .. } | Command::Distributed { .. });
    let mut settings = suite::common(&[])?.telemetry;
    if quiet && settings.log_filter == Common::embedded()?.telemetry.log_filter {
        // The development key is no news to somebody who only looks.
        "warn,qihang_documents::keys=error".clone_into(&mut settings.log_filter);
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let telemetry = Telemetry::start("qihang", &settings)?;
            let work = async {
                match command {
                    Command::Run { demo } => run(&place, demo, &telemetry).await,
                    Command::Demo { students } => demonstrate(&place, students, &telemetry).await,
                    Command::Distributed { demo } => run_distributed(&place, demo).await,
                    Command::Totp { secret } => factor::code(&secret).map(|code| say(&code)),
                    Command::DeadLetters(command) => letters(&place, command, &telemetry).await,
                    Command::Audit(Audit::Verify) => verify(&place, &telemetry).await,
                    Command::Keys(command) => data_keys(&place, &command, &telemetry).await,
                    Command::Messages(Messages::Republish { since }) => {
                        republish(&place, since, &telemetry).await
                    }
                }
            };
            let outcome = work.await;
            // Flushing blocks, and its exporters need the runtime.
            tokio::task::spawn_blocking(move || drop(telemetry)).await?;
            outcome
        })
}

fn options(place: &Place) -> suite::Options {
    suite::Options {
        http: place.http,
        purpose: Use::Keep,
        settings: Vec::new(),
        at_work: true,
    }
}

/// Opens the suite for a command of an operator: it answers, and takes and sends no message.
async fn open(data: &DataFolder, place: &Place, telemetry: &Telemetry) -> anyhow::Result<suite::Running> {
    let options = suite::Options {
        at_work: false,
        ..options(place)
    };
    suite::start(data.path(), &data.secrets()?, options, telemetry.metrics()).await
}

async fn run(place: &Place, demo: bool, telemetry: &Telemetry) -> anyhow::Result<()> {
    let mut data = DataFolder::take(&place.data)?;
    let secrets = data.secrets()?;
    let mut running = tokio::select! {
        running = suite::start(data.path(), &secrets, options(place), telemetry.metrics()) => running?,
        () = terminated() => return Ok(()),
    };
    data.announce(running.url())?;
    welcome(running.url(), &data, &secrets);
    let url = running.url().to_owned();
    let seeding = async {
        if demo && let Err(error) = seed(&url, data.path(), &secrets).await {
            tracing::error!("the demonstration data are not whole: {error:#}");
        }
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        () = terminated() => Ok(()),
        error = running.failed() => Err(error),
        () = seeding => Ok(()),
    };
    say("正在停止 … stopping");
    running.stop().await;
    outcome
}

async fn run_distributed(place: &Place, demo: bool) -> anyhow::Result<()> {
    let mut data = DataFolder::take(&place.data.join("distributed"))?;
    let secrets = data.secrets()?;
    let programs = std::env::current_exe()?;
    let options = distributed::Options {
        programs: programs.parent().map(Path::to_owned).context("where am I?")?,
        http: place.http,
        purpose: Use::Keep,
        environment: Vec::new(),
        environment_of: Vec::new(),
        replicas: 1,
        last_pause: distributed::LAST_PAUSE,
    };
    let running = distributed::start(data.path(), &secrets, &options).await?;
    data.announce(running.url())?;
    welcome(running.url(), &data, &secrets);
    say(&format!("  日志 logs     {}", data.path().join("log").display()));
    let seeding = async {
        if demo && let Err(error) = seed(running.url(), data.path(), &secrets).await {
            tracing::error!("the demonstration data are not whole: {error:#}");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = terminated() => {}
        () = seeding => {}
    }
    say("正在停止 … stopping");
    running.stop().await;
    Ok(())
}

/// Puts a small run of the walk into a new data folder; an old one has it already.
async fn seed(url: &str, folder: &Path, secrets: &Secrets) -> anyhow::Result<()> {
    let note = folder.join("demo").join("logins.txt");
    if !note.is_file() {
        say("  正在写入演示数据 … writing demonstration data (half a minute)");
        let outcome = demo::walk_again(url, &plan(secrets, SEED, SEEDED), fresh_run()).await?;
        keep(folder, &outcome)?;
        fs::write(&note, logins(&outcome))?;
    }
    say(&fs::read_to_string(&note)?);
    Ok(())
}

async fn demonstrate(place: &Place, students: u32, telemetry: &Telemetry) -> anyhow::Result<()> {
    ensure!((1..=50_000).contains(&students), "--students must be 1 to 50000");
    let distributed = place.data.join("distributed");
    for folder in [place.data.as_path(), distributed.as_path()] {
        if let Some(url) = folder::running(folder) {
            let secrets = Secrets::open(&folder.join("secrets"))?;
            return walk(&url, folder, &secrets, students).await;
        }
    }
    let mut data = DataFolder::take(&place.data)?;
    let secrets = data.secrets()?;
    let running = suite::start(data.path(), &secrets, options(place), telemetry.metrics()).await?;
    data.announce(running.url())?;
    let outcome = tokio::select! {
        outcome = walk(running.url(), data.path(), &secrets, students) => outcome,
        () = terminated() => Err(anyhow::anyhow!("stopped half-way")),
    };
    running.stop().await;
    outcome
}

async fn walk(url: &str, folder: &Path, secrets: &Secrets, students: u32) -> anyhow::Result<()> {
    let school = codes::school(SCHOOL);
    say(&format!(
        "主流程演示 {url} · {} · {students} 名学生",
        school.map_or(SCHOOL, |school| school.name)
    ));
    let mut number = 0;
    let mut all = Duration::ZERO;
    let outcome = demo::walk(url, &plan(secrets, fresh_run(), students), |step: Step| {
        number += 1;
        all += step.took;
        say(&format!(
            "{number:>3}  {:>8.2} s  {}  {}",
            step.took.as_secs_f64(),
            step.title,
            step.result
        ));
    })
    .await?;
    let path = keep(folder, &outcome)?;
    say(&format!("     {:>8.2} s  全部完成", all.as_secs_f64()));
    say(&format!("签章协议：{}", path.display()));
    say(&format!(
        "验证：{url}/verify/{}?code={}",
        outcome.serial, outcome.verify_code
    ));
    say(&logins(&outcome));
    Ok(())
}

fn plan(secrets: &Secrets, run: u32, students: u32) -> Plan {
    Plan {
        login: ADMINISTRATOR.to_owned(),
        password: secrets.bootstrap_password.clone(),
        totp: secrets.bootstrap_totp.clone(),
        run,
        school_code: SCHOOL.to_owned(),
        students,
    }
}

/// A number that the last 11 days did not have.
fn fresh_run() -> u32 {
    let seconds = qihang_kit::clock::Clock::system().now().unix_timestamp();
    u32::try_from(seconds.rem_euclid(999_000)).unwrap_or_default() + 1_000
}

/// Keeps the sealed agreement in the data folder.
fn keep(folder: &Path, outcome: &Outcome) -> anyhow::Result<PathBuf> {
    let folder = folder.join("demo");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.pdf", outcome.serial));
    fs::write(&path, &outcome.pdf).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn logins(outcome: &Outcome) -> String {
    let lines: Vec<String> = outcome
        .logins
        .iter()
        .map(|(who, login)| format!("  {who}  {login}"))
        .collect();
    format!("演示账号 logins\n{}", lines.join("\n"))
}

fn welcome(url: &str, data: &DataFolder, secrets: &Secrets) {
    say(&format!(
        "启航已启动 Qihang is up\n  网址 gateway  {url}\n  接口 API      {url}/docs\n  数据 data     {}\n  省管理员      {ADMINISTRATOR} / {}\n                {}\n  Ctrl-C 停止",
        data.path().display(),
        secrets.bootstrap_password,
        factor::shown(ADMINISTRATOR, &secrets.bootstrap_totp)
    ));
}

async fn letters(place: &Place, command: DeadLetters, telemetry: &Telemetry) -> anyhow::Result<()> {
    let data = DataFolder::take(&place.data)?;
    let running = open(&data, place, telemetry).await?;
    let mut outcome = Ok(());
    for service in running.suite().started() {
        let work = async {
            match &command {
                DeadLetters::List => {
                    for letter in consume::dead_letters(&service.pool).await? {
                        say(&format!(
                            "{}  {}  {}  {}  {}  {} tries  {}",
                            service.name,
                            letter.id,
                            letter.create_time,
                            letter.consumer,
                            letter.key,
                            letter.attempts,
                            letter.error
                        ));
                    }
                }
                DeadLetters::Replay { id, all } => {
                    ensure!(*all || id.is_some(), "say which: an id from the list, or --all");
                    let replayed = consume::replay(&service.subscriptions, &service.pool, *id).await?;
                    say(&format!("{}: replayed {replayed}", service.name));
                }
            }
            anyhow::Ok(())
        };
        outcome = outcome.and(work.await);
    }
    running.stop().await;
    outcome
}

async fn verify(place: &Place, telemetry: &Telemetry) -> anyhow::Result<()> {
    let data = DataFolder::take(&place.data)?;
    let running = open(&data, place, telemetry).await?;
    let work = async {
        let mut all = true;
        for service in running.suite().started() {
            let (lines, whole) = service.verify_chains().await?;
            lines.iter().for_each(|line| say(line));
            all &= whole;
        }
        ensure!(all, "a chain is broken");
        Ok(())
    };
    let outcome = work.await;
    running.stop().await;
    outcome
}

async fn data_keys(place: &Place, command: &Keys, telemetry: &Telemetry) -> anyhow::Result<()> {
    let data = DataFolder::take(&place.data)?;
    let running = open(&data, place, telemetry).await?;
    let work = async {
        for line in keys::keys(command, running.suite().started()).await? {
            say(&line);
        }
        Ok(())
    };
    let outcome = work.await;
    running.stop().await;
    outcome
}

async fn republish(place: &Place, since: OffsetDateTime, telemetry: &Telemetry) -> anyhow::Result<()> {
    let data = DataFolder::take(&place.data)?;
    let running = open(&data, place, telemetry).await?;
    let mut outcome = Ok(());
    for service in running.suite().started() {
        let messages = outbox::republish(&service.pool, since).await;
        outcome =
            outcome.and(messages.map(|count| say(&format!("{}: {count} messages go again", service.name))));
    }
    running.stop().await;
    Ok(outcome?)
}

#[expect(clippy::print_stdout, reason = "what a person at the terminal asked for")]
fn say(text: &str) {
    println!("{text}");
}
