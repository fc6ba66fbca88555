//! More calls than the suite can take: what still comes through, and whether it says that it lives.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::measure::{Line, Series};

/// Length of a stretch at one rate.
const STRETCH: Duration = Duration::from_secs(5);
/// Callers that find out how many calls saturate the suite.
const CALLERS: usize = 64;
/// Rounds.
const ROUNDS: usize = 3;
const PATH: &str = "/v1/schools?pageSize=20";

/// Measures answers a second at the rate that saturates and at twice that rate, and how long health takes meanwhile.
pub(crate) async fn lines(url: &str) -> anyhow::Result<Vec<Line>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()?;
    let most = saturate(&client, url).await?;
    let (mut once, mut twice, mut health) = (Series::default(), Series::default(), Series::default());
    for _ in 0..ROUNDS {
        once.push(at_rate(&client, url, most).await?.0);
        let (good, slowest) = at_rate(&client, url, most * 2.0).await?;
        twice.push(good);
        health.push(slowest);
    }
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
    let mut sent = 0.0;
    while begun.elapsed() < STRETCH {
        let due = begun.elapsed().as_secs_f64() * rate;
        while sent < due {
            let (client, url, done) = (client.clone(), format!("{url}{PATH}"), done.clone());
            calls.spawn(async move {
                if good(&client, &url).await {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
            sent += 1.0;
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
