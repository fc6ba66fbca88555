//! More calls than the suite can take: what still comes through, and whether it says that it lives.
//!
//! The callers have processors of their own, or they would starve what they measure, and a bounded number of connections, as
//! a proxy before the gateway has. A call that finds none free was not answered well either.

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use crate::measure::{Line, Series};

/// Length of a stretch at one rate.
const STRETCH: Duration = Duration::from_secs(5);
/// Callers that find out how many calls saturate the suite.
const CALLERS: usize = 64;
/// Connections of the callers.
const CONNECTIONS: usize = 1024;
/// Rounds.
const ROUNDS: usize = 3;
const PATH: &str = "/v1/schools?pageSize=20";

/// Measures answers a second at the rate that saturates and at twice that rate, and how long health takes meanwhile.
pub(crate) async fn lines(url: &str) -> anyhow::Result<Vec<Line>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()?;
    let apart = Apart::begin()?;
    // The first stretch opens connections and prepares statements.
    saturate(&client, url).await?;
    let most = saturate(&client, url).await?;
    let (mut once, mut twice, mut health) = (Series::default(), Series::default(), Series::default());
    for _ in 0..ROUNDS {
        once.push(at_rate(&client, url, most).await?.0);
        let (good, slowest) = at_rate(&client, url, most * 2.0).await?;
        twice.push(good);
        health.push(slowest);
    }
    drop(apart);
    Ok(vec![
        Line {
            name: format!("good answers at twice the rate that saturates ({most:.0} a second)"),
            ours: twice,
            unit: "/s",
            baseline: Some(("at that rate", once)),
            goal: "≥ 0.9",
        },
        Line {
            name: "slowest answer of /healthz meanwhile".to_owned(),
            ours: health,
            unit: "ms",
            baseline: None,
            goal: "≤ 100 ms",
        },
    ])
}

/// Answers a second when callers ask one after another.
async fn saturate(client: &reqwest::Client, url: &str) -> anyhow::Result<f64> {
    let end = Instant::now() + STRETCH;
    let done = Arc::new(AtomicUsize::new(0));
    let callers = (0..CALLERS).map(|_| {
        let (client, url, done) = (client.clone(), format!("{url}{PATH}"), done.clone());
        tokio::spawn(async move {
            while Instant::now() < end {
                if good(&client, &url).await {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await?;
    }
    Ok(a_second(&done))
}

/// Good answers a second at a rate of calls that waits for nobody, and the slowest answer of health in milliseconds.
async fn at_rate(client: &reqwest::Client, url: &str, rate: f64) -> anyhow::Result<(f64, f64)> {
    let begun = Instant::now();
    let done = Arc::new(AtomicUsize::new(0));
    let health = tokio::spawn(slowest(client.clone(), format!("{url}/healthz")));
    let mut calls = tokio::task::JoinSet::new();
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let mut sent = 0.0;
    while begun.elapsed() < STRETCH {
        let due = begun.elapsed().as_secs_f64() * rate;
        while sent < due {
            sent += 1.0;
            let Ok(connection) = connections.clone().try_acquire_owned() else {
                continue;
            };
            let (client, url, done) = (client.clone(), format!("{url}{PATH}"), done.clone());
            calls.spawn(async move {
                if good(&client, &url).await {
                    done.fetch_add(1, Ordering::Relaxed);
                }
                drop(connection);
            });
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // What is answered after the stretch comes too late to count.
    let good = a_second(&done);
    calls.shutdown().await;
    Ok((good, health.await??))
}

async fn good(client: &reqwest::Client, url: &str) -> bool {
    match client.get(url).send().await {
        Ok(answer) if answer.status().is_success() => answer.bytes().await.is_ok(),
        _ => false,
    }
}

async fn slowest(client: reqwest::Client, url: String) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    while begun.elapsed() < STRETCH {
        let asked = Instant::now();
        client.get(&url).send().await?.error_for_status()?;
        slowest = slowest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(slowest.as_secs_f64() * 1e3)
}

fn a_second(done: &AtomicUsize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "thousands of answers")]
    let done = done.load(Ordering::Relaxed) as f64;
    done / STRETCH.as_secs_f64()
}

/// While it lives, the suite has one half of the processors and the callers have the other.
struct Apart(Vec<u32>);

impl Apart {
    fn begin() -> anyhow::Result<Self> {
        let suite = descendants()?;
        let processors = std::thread::available_parallelism()?.get();
        let half = processors / 2;
        if half == 0 {
            return Ok(Self(Vec::new()));
        }
        for pid in &suite {
            pin(*pid, &format!("0-{}", half - 1));
        }
        pin(std::process::id(), &format!("{half}-{}", processors - 1));
        Ok(Self(suite))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        for pid in self.0.iter().chain([&std::process::id()]) {
            pin(*pid, "0-4095");
        }
    }
}

/// A process that ended meanwhile needs no processor.
fn pin(pid: u32, processors: &str) {
    let all_threads = ["--all-tasks", "--pid", "--cpu-list", processors];
    drop(
        Command::new("taskset")
            .args(all_threads)
            .arg(pid.to_string())
            .output(),
    );
}

/// The processes below this one.
fn descendants() -> anyhow::Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, fields)| fields.split_whitespace().nth(1));
        if let (Some(pid), Some(Ok(parent))) = (pid, parent.map(str::parse::<u32>)) {
            parents.push((pid, parent));
        }
    }
    let mut found = vec![std::process::id()];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.remove(0);
    Ok(found)
}
