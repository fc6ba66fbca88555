//! Measurements of the suite, each against a baseline that is stated: `make bench`.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use qihang_kit::{client::ServiceChannel, settings::Common, telemetry::Telemetry};
use qihang_proto::identity::v1::{
    GetSchoolRequest, ListSchoolsRequest, school_service_client::SchoolServiceClient,
};
use qihang_standalone::demo::{self, Api, Step};
use qihang_tests::{SCHOOL, Standalone};
use sqlx::{Connection as _, PgConnection};

/// Students of the roster that is taken in.
const STUDENTS: u32 = 20_000;
/// Calls of which the median is taken.
const CALLS: usize = 400;

/// One line of the table.
struct Line {
    name: &'static str,
    ours: Duration,
    baseline: Duration,
    against: &'static str,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut settings = Common::embedded()?.telemetry;
    "error".clone_into(&mut settings.log_filter);
    let telemetry = Telemetry::start("bench", &settings)?;
    let unlimited = [
        ("gateway.rate_per_minute", "1000000"),
        ("gateway.address_rate_per_minute", "1000000"),
    ];
    let suite = Standalone::start("bench", telemetry.metrics(), &unlimited).await?;
    let lines = vec![
        roster(&suite).await?,
        get_school(&suite).await?,
        list_schools(&suite).await?,
    ];
    suite.stop().await;
    show(&lines);
    Ok(())
}

/// Reading, checking, sealing and merging an XLSX roster, against a bare COPY of as many rows.
async fn roster(suite: &Standalone) -> anyhow::Result<Line> {
    let mut ours = Duration::ZERO;
    demo::walk(suite.running.url(), &suite.plan(7, STUDENTS), |step: Step| {
        if step.title == "导入" {
            ours = step.took;
        }
    })
    .await?;
    let postgres = suite
        .running
        .postgres()
        .context("the suite has a database of its own")?;
    let mut database = PgConnection::connect(&postgres.url("qihang")).await?;
    let row = "\t0123456789abcdef".repeat(24);
    let rows: String = (0..STUDENTS).map(|number| format!("{number}{row}\n")).collect();
    let columns: Vec<String> = (0..24).map(|column| format!("c{column} text")).collect();
    let table = format!(
        "CREATE TABLE bench (number integer PRIMARY KEY, {})",
        columns.join(", ")
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(table))
        .execute(&mut database)
        .await?;
    let begun = Instant::now();
    let mut copy = database.copy_in_raw("COPY bench FROM STDIN").await?;
    copy.send(rows.into_bytes()).await?;
    copy.finish().await?;
    let baseline = begun.elapsed();
    sqlx::raw_sql("DROP TABLE bench").execute(&mut database).await?;
    Ok(Line {
        name: "roster import, 20 000 students",
        ours,
        baseline,
        against: "COPY of as many text rows",
    })
}

async fn get_school(suite: &Standalone) -> anyhow::Result<Line> {
    let api = Api::new(suite.running.url())?;
    let path = format!("/v1/schools/{SCHOOL}");
    let ours = median(async || api.get(&path).await.map(drop)).await?;
    let client = SchoolServiceClient::new(channel(suite)?);
    let baseline = median(async || {
        let request = GetSchoolRequest {
            code: SCHOOL.to_owned(),
        };
        client.clone().get_school(request).await?;
        Ok(())
    })
    .await?;
    Ok(Line {
        name: "GET one school through the gateway",
        ours,
        baseline,
        against: "the same gRPC call in process",
    })
}

async fn list_schools(suite: &Standalone) -> anyhow::Result<Line> {
    let api = Api::new(suite.running.url())?;
    let ours = median(async || api.get("/v1/schools?pageSize=20").await.map(drop)).await?;
    let client = SchoolServiceClient::new(channel(suite)?);
    let baseline = median(async || {
        let request = ListSchoolsRequest {
            page_size: 20,
            ..ListSchoolsRequest::default()
        };
        client.clone().list_schools(request).await?;
        Ok(())
    })
    .await?;
    Ok(Line {
        name: "GET 20 schools through the gateway",
        ours,
        baseline,
        against: "the same gRPC call in process",
    })
}

fn channel(suite: &Standalone) -> anyhow::Result<ServiceChannel> {
    let channels = suite.running.suite().channels("gateway", &Common::embedded()?)?;
    Ok(channels.get("identity"))
}

async fn median<R>(call: impl Fn() -> R) -> anyhow::Result<Duration>
where
    R: Future<Output = anyhow::Result<()>>,
{
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let begun = Instant::now();
        call().await?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times.get(CALLS / 2).copied().context("no calls")
}

#[expect(clippy::print_stdout, reason = "the result")]
fn show(lines: &[Line]) {
    println!(
        "{:<40} {:>12} {:>12} {:>8}  against",
        "what", "ours", "baseline", "ratio"
    );
    for line in lines {
        println!(
            "{:<40} {:>9.3} ms {:>9.3} ms {:>8.1}  {}",
            line.name,
            line.ours.as_secs_f64() * 1e3,
            line.baseline.as_secs_f64() * 1e3,
            line.ours.as_secs_f64() / line.baseline.as_secs_f64(),
            line.against
        );
    }
}
