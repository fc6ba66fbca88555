//! Accepting offers over HTTP, against `pgbench` running the same statements on a copy of the same database.
//!
//! Nothing is synced to the disk on either side, so that all the rest shows. The message of an acceptance, and what others do
//! on it, runs beside ours and not beside the baseline; so do the callers, the gateway and the services, which share the
//! processors with PostgreSQL.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use qihang_standalone::{
    demo::{
        api::text,
        walk::{
            Reading,
            offices::{self, Offices},
        },
    },
    distributed::Distributed,
    postgres::{self, NAME},
    secrets::Secrets,
};
use qihang_tests::{plan, root};
use sqlx::{Connection as _, PgConnection};

use crate::{
    measure::{Line, Series, child, cpu, micros},
    tell,
};

/// Number of the run, which says who the people are.
const RUN: u32 = 11;
/// Callers at the same time, and clients of pgbench.
const CALLERS: usize = 4;
/// Acceptances of a round.
const ACCEPTS: usize = 80;
/// Acceptances of a client of pgbench in a round.
const OF_CLIENT: usize = 400;
/// Rounds of each side.
const ROUNDS: usize = 5;
/// Students who get ready at the same time.
const AT_ONCE: usize = 4;
/// Longer than an offer must be read.
const READ: Duration = Duration::from_secs(16);
/// Time for what acceptances set off elsewhere to come to rest.
const REST: Duration = Duration::from_secs(3);
/// Name of the copy.
const COPY: &str = "bench";

/// Measures acceptances a second, and the processor time of one.
pub(crate) async fn lines(
    suite: &Distributed,
    secrets: &Secrets,
    folder: &Path,
) -> anyhow::Result<Vec<Line>> {
    let programs = postgres::programs().context(postgres::INSTALL)?;
    if !programs.join("pgbench").is_file() {
        tell("pgbench is not beside PostgreSQL's other programs: accepting an offer was not measured");
        return Ok(Vec::new());
    }
    let (first, readings) = readings(suite.url(), secrets).await?;
    let baseline = Baseline {
        programs,
        url: suite.servers().postgres.url(COPY),
        script: root().join("tests/bench/accept.sql"),
    };
    let original = suite.servers().postgres.url(NAME);
    baseline.copy(&original, folder, &first).await?;
    let (mut ours, mut bare, mut processors) = (Series::default(), Series::default(), Series::default());
    for (round, readings) in readings.chunks(ACCEPTS).enumerate() {
        let before = services()?;
        ours.push(accept(readings).await?);
        tokio::time::sleep(REST).await;
        processors.push(micros(services()? - before, readings.len()) / 1e3);
        bare.push(baseline.round(round)?);
    }
    let statements = std::fs::read_to_string(&baseline.script)?.matches(";\n").count();
    Ok(vec![
        Line {
            name: format!("accept an offer over HTTP, {CALLERS} callers, {statements} statements"),
            ours,
            unit: "/s",
            baseline: Some(("pgbench running the same statements", bare)),
            goal: "≥ 0.70",
        },
        Line {
            name: "the same: CPU of gateway, identity and contracts, messages included".to_owned(),
            ours: processors,
            unit: "ms",
            baseline: None,
            goal: "–",
        },
    ])
}

/// Processor time of those who take part in an acceptance, PostgreSQL aside.
fn services() -> anyhow::Result<Duration> {
    let mut all = Duration::ZERO;
    for program in ["qihang-gateway", "qihang-identity", "qihang-contracts"] {
        all += cpu(child(program)?)?;
    }
    Ok(all)
}

/// Acceptances a second.
async fn accept(readings: &[Reading]) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let accepting = stream::iter(readings).map(Reading::accept);
    let answers: Vec<_> = accepting.buffer_unordered(CALLERS).try_collect().await?;
    let took = begun.elapsed().as_secs_f64();
    for answer in &answers {
        ensure!(
            text(answer, "/state") == "AGREEMENT_STATE_PENDING_REVIEW",
            "not accepted: {answer}"
        );
    }
    #[expect(clippy::cast_precision_loss, reason = "some dozens")]
    let count = answers.len() as f64;
    Ok(count / took)
}

/// An agreement that was accepted, and one like it that can be.
struct First {
    accepted: String,
    open: String,
}

/// Students who have read their offers for long enough, and what the clones are made of.
async fn readings(url: &str, secrets: &Secrets) -> anyhow::Result<(First, Vec<Reading>)> {
    let count = u32::try_from(ACCEPTS * ROUNDS + 1)?;
    let plan = plan(secrets, RUN, count);
    let offices: Offices = offices::open(url, &plan, 2).await?;
    let beginning = (0..count).map(|index| offices.reading(&plan, index));
    let mut readings: Vec<_> = stream::iter(beginning).buffered(AT_ONCE).try_collect().await?;
    tokio::time::sleep(READ).await;
    let one = readings.pop().context("nobody reads")?;
    one.accept().await?;
    tokio::time::sleep(REST).await;
    let other = readings.first().context("nobody else reads")?;
    let first = First {
        accepted: one.agreement,
        open: other.agreement.clone(),
    };
    Ok((first, readings))
}

/// The other side.
struct Baseline {
    programs: PathBuf,
    url: String,
    script: PathBuf,
}

impl Baseline {
    /// Copies the database and fills it with clones of the open agreement, one for each acceptance of all rounds.
    async fn copy(&self, original: &str, folder: &Path, first: &First) -> anyhow::Result<()> {
        let mut database = PgConnection::connect(original).await?;
        // As autovacuum would do it, which is off here; the copy's statistics come after the clones.
        for statement in ["ANALYZE", "CREATE DATABASE bench"] {
            sqlx::raw_sql(statement).execute(&mut database).await?;
        }
        let file = folder.join("bench.dump").display().to_string();
        self.run("pg_dump", &["--format=custom", "--file", &file, original])?;
        self.run("pg_restore", &["--dbname", &self.url, &file])?;
        let clones = ROUNDS * CALLERS * OF_CLIENT;
        let settings = [
            format!("--set=accepted={}", first.accepted),
            format!("--set=open={}", first.open),
            format!("--set=clones={clones}"),
        ];
        let script = self.script.with_file_name("accept_clones.sql");
        let script = script.display().to_string();
        let mut arguments = vec!["--quiet", "--set=ON_ERROR_STOP=1", "--file", &script];
        arguments.extend(settings.iter().map(String::as_str));
        arguments.push(&self.url);
        self.run("psql", &arguments).map(drop)
    }

    /// Transactions a second of a round; each client takes clones that nobody else takes.
    fn round(&self, round: usize) -> anyhow::Result<f64> {
        let options = [
            format!("--client={CALLERS}"),
            format!("--jobs={CALLERS}"),
            format!("--transactions={OF_CLIENT}"),
            format!("--define=before={}", round * CALLERS * OF_CLIENT),
            format!("--define=of_client={OF_CLIENT}"),
            format!("--file={}", self.script.display()),
        ];
        let mut arguments = vec!["--no-vacuum", "--protocol=prepared", "--define=done=0"];
        arguments.extend(options.iter().map(String::as_str));
        arguments.push(&self.url);
        let report = self.run("pgbench", &arguments)?;
        let rate = report.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split_whitespace().next());
        Ok(rate.context("pgbench names no rate")?.parse()?)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(self.programs.join(program))
            .args(arguments)
            .env("LC_ALL", "C")
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{program}: {told}");
        Ok(String::from_utf8(output.stdout)?)
    }
}
