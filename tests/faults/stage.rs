//! The fleet, the people on it, and what every scenario ends with: rest, then the audit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures::{StreamExt as _, future::try_join_all};
use qihang_standalone::demo::{Plan, walk::offices};
use qihang_tests::plan;

use crate::{
    audit::{audit, told},
    client::{Client, Counts},
    fleet::Fleet,
    kills,
    ledger::Ledger,
    load::Ready,
    walk::{RUN, Walker, World},
};

/// Students in the roster: enough for a thousand kills.
const ROSTER: u32 = 5_000;
/// Employers that sign with them.
const EMPLOYERS: u32 = 3;
/// Students who walk at the same time while processes are killed.
const LANES: u32 = 12;
/// Time between the starts of two of them.
const APART: Duration = Duration::from_millis(1_700);
/// Longest that everything may take to come to rest.
const REST: Duration = Duration::from_secs(90);
/// Pause between two looks whether it has.
const LOOK: Duration = Duration::from_millis(250);

/// Where the scenarios happen.
pub(crate) struct Stage {
    pub(crate) fleet: Fleet,
    pub(crate) world: World,
    pub(crate) counts: Arc<Counts>,
    /// How the province's administrator signs in.
    pub(crate) administrator: Plan,
    /// Students who have an offer and read it.
    pub(crate) ready: Vec<Ready>,
    next: AtomicU32,
}

impl Stage {
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let begun = Instant::now();
        let (fleet, secrets) = Fleet::start("faults").await?;
        let url = fleet.front.url();
        let started = begun.elapsed();
        let administrator = plan(&secrets, RUN, ROSTER);
        let offices = offices::open(&url, &administrator, EMPLOYERS).await?;
        let counts = Arc::new(Counts::default());
        let nobody = Client::new(&url, counts.clone())?;
        println!(
            "started in {started:.1?}, offices open after {:.1?}",
            begun.elapsed()
        );
        Ok(Self {
            world: World::new(nobody, &offices, Arc::new(Ledger::new())),
            fleet,
            counts,
            administrator,
            ready: Vec::new(),
            next: AtomicU32::new(0),
        })
    }

    /// So many students more, registered and signed in.
    pub(crate) async fn students(&self, count: usize) -> anyhow::Result<Vec<Walker>> {
        let from = self.next.fetch_add(u32::try_from(count)?, Ordering::Relaxed);
        let entering = (from..).take(count).map(|index| self.world.enter(index));
        let entered: Vec<_> = futures::stream::iter(entering).buffered(4).collect().await;
        entered.into_iter().collect()
    }

    /// Kills while waves of students walk, until all kills are done.
    pub(crate) async fn kills(&self, kills: usize, seed: u64) -> anyhow::Result<()> {
        let begun = Instant::now();
        let over = AtomicBool::new(false);
        let killing = async {
            let report = kills::kill(&self.fleet, &self.world.ledger, kills, seed).await;
            over.store(true, Ordering::Relaxed);
            report
        };
        // One after another, so that at each moment somebody is at each step.
        let over = &over;
        let walking = (0..LANES).map(|lane| async move {
            tokio::time::sleep(APART * lane).await;
            while !over.load(Ordering::Relaxed) {
                for walker in self.students(1).await? {
                    walker.walk().await?;
                }
            }
            anyhow::Ok(())
        });
        let (report, _) = tokio::try_join!(killing, try_join_all(walking))?;
        let slowest = report.restarts.iter().max().copied().unwrap_or_default();
        let total: Duration = report.restarts.iter().sum();
        let mean = total / u32::try_from(report.restarts.len().max(1))?;
        let what = format!(
            "{} kills, {} at named points; back after {mean:.2?}, at most {slowest:.2?}",
            report.kills, report.at_points
        );
        self.rest(&what, begun).await
    }

    /// Waits until everything is at rest, then wants no violation.
    pub(crate) async fn rest(&self, what: &str, begun: Instant) -> anyhow::Result<()> {
        let waiting = Instant::now();
        let ledger = self.world.ledger.all();
        let mut database = self.fleet.database().await?;
        loop {
            let violations = audit(&mut database, &ledger).await.context(what.to_owned())?;
            if violations.is_empty() {
                break;
            }
            anyhow::ensure!(waiting.elapsed() < REST, "{what}: {}", told(&violations));
            tokio::time::sleep(LOOK).await;
        }
        println!(
            "{what}: {} operations acknowledged, {} retries, longest outage {:.1} s, 0 violations, {:.0?}",
            ledger.len(),
            self.counts.retries.swap(0, Ordering::Relaxed),
            self.counts.longest_ms.swap(0, Ordering::Relaxed) as f64 / 1000.0,
            begun.elapsed()
        );
        let wrong = self.counts.wrong.swap(0, Ordering::Relaxed);
        anyhow::ensure!(wrong == 0, "{what}: {wrong} answers were wrong, see above");
        Ok(())
    }
}
