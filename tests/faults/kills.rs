//! Processes are killed, at random and at named points of the main walk.

use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{fleet::Fleet, ledger::Ledger};

/// Whom a kill may meet; placeholders hold nothing that could be lost.
const TARGETS: [&str; 5] = ["identity", "documents", "contracts", "push", "gateway"];
/// Longest wait for a named point; then the kill comes all the same.
const PATIENCE: Duration = Duration::from_secs(4);
/// Pause between two looks whether a point is reached.
const LOOK: Duration = Duration::from_millis(2);

/// A moment of the walk at which a process is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Point {
    /// Any moment.
    Random,
    /// A step was acknowledged just now.
    Acknowledged(&'static str),
    /// The query says so.
    Seen(&'static str),
}

/// Points by name, with the service that is killed there.
const POINTS: [(&str, &str, Point); 7] = [
    (
        "the acceptance is acknowledged",
        "contracts",
        Point::Acknowledged("accept"),
    ),
    (
        "the approval is acknowledged",
        "contracts",
        Point::Acknowledged("approve"),
    ),
    (
        "the record is submitted",
        "identity",
        Point::Acknowledged("submit"),
    ),
    (
        "contracts' message is written and not published",
        "contracts",
        Point::Seen("SELECT EXISTS (SELECT 1 FROM contracts.outbox WHERE publish_time IS NULL)"),
    ),
    (
        "identity's message is written and not published",
        "identity",
        Point::Seen("SELECT EXISTS (SELECT 1 FROM identity.outbox WHERE publish_time IS NULL)"),
    ),
    (
        "the effect is committed and perhaps not acknowledged",
        "contracts",
        Point::Seen(
            "SELECT EXISTS (SELECT 1 FROM contracts.inbox WHERE create_time > clock_timestamp() - interval '30 ms')",
        ),
    ),
    (
        "sealing is under way",
        "documents",
        Point::Seen(
            "SELECT EXISTS (SELECT 1 FROM contracts.agreements WHERE state = 'EFFECTIVE' AND file_id IS NULL)",
        ),
    ),
];

/// What the kills came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) kills: usize,
    pub(crate) at_points: usize,
    pub(crate) restarts: Vec<Duration>,
}

/// Kills so many times; each time waits until who was killed is back.
pub(crate) async fn kill(fleet: &Fleet, ledger: &Ledger, kills: usize, seed: u64) -> anyhow::Result<Report> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut database = fleet.database().await?;
    let mut report = Report::default();
    while report.kills < kills {
        // The dice are all cast before anything is waited for, so that a seed gives the same plan again.
        let pause = Duration::from_millis(random.random_range(0..600));
        let target = TARGETS.choose(&mut random).copied().unwrap_or("contracts");
        let both = random.random_bool(0.5);
        let named = random
            .random_bool(0.5)
            .then(|| POINTS.choose(&mut random))
            .flatten();
        let (target, point) = named.map_or((target, Point::Random), |(_, target, point)| (*target, *point));
        tokio::time::sleep(pause).await;
        let reached = wait_for(point, ledger, &mut database).await?;
        let members = fleet.members(target);
        let members = if both || matches!(point, Point::Seen(_)) {
            &members
        } else {
            members.get(..1).unwrap_or_default()
        };
        report.restarts.extend(fleet.kill(members).await?);
        report.kills += 1;
        report.at_points += usize::from(reached);
    }
    Ok(report)
}

/// True when a named point was reached in time.
async fn wait_for(point: Point, ledger: &Ledger, database: &mut PgConnection) -> anyhow::Result<bool> {
    match point {
        Point::Random => Ok(false),
        Point::Acknowledged(event) => {
            let mut last = ledger.last();
            last.mark_unchanged();
            let seen = async {
                while last.changed().await.is_ok() {
                    if *last.borrow_and_update() == event {
                        return true;
                    }
                }
                false
            };
            Ok(tokio::time::timeout(PATIENCE, seen).await.unwrap_or(false))
        }
        Point::Seen(query) => {
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE {
                if sqlx::query_scalar(AssertSqlSafe(query))
                    .fetch_one(&mut *database)
                    .await?
                {
                    return Ok(true);
                }
                tokio::time::sleep(LOOK).await;
            }
            Ok(false)
        }
    }
}
