//! Everything that may fail fails while students sign, and afterwards nothing is lost and nothing is there twice.
//!
//! `QIHANG_TEST_FAULTS_N` kills so many times (30), by the dice of `QIHANG_TEST_FAULTS_SEED`, and `QIHANG_TEST_FAULTS_ONLY` names
//! what is wanted of it; see `docs/faults.md`.
#![expect(clippy::print_stdout, reason = "each scenario tells what came of it")]

mod audit;
mod client;
mod clocks;
mod fleet;
mod front;
mod host;
mod kills;
mod ledger;
mod link;
mod load;
mod plants;
mod rabbit;
mod scenarios;
mod stage;
mod starved;
mod walk;

use qihang_kit::ids::Ids;
use qihang_standalone::process::Signal;

use crate::stage::Stage;

/// Kills of a usual run.
const KILLS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_and_nothing_is_there_twice_whatever_fails() {
    let kills = setting("QIHANG_TEST_FAULTS_N").unwrap_or(KILLS);
    let seed = setting("QIHANG_TEST_FAULTS_SEED");
    let seed = seed.unwrap_or_else(|| u64::from(u16::from_be_bytes(Ids::random().bytes())));
    println!("faults: {kills} kills, seed {seed}");
    if let Err(error) = run(kills, seed).await {
        panic!("seed {seed}: {error:#}");
    }
}

async fn run(kills: usize, seed: u64) -> anyhow::Result<()> {
    let mut stage = Stage::open().await?;
    let outcome = play(&mut stage, kills, seed).await;
    if outcome.is_err() {
        println!("{}", stage.fleet.troubles());
    }
    stage.fleet.stop().await;
    outcome
}

async fn play(stage: &mut Stage, kills: usize, seed: u64) -> anyhow::Result<()> {
    let only: String = setting("QIHANG_TEST_FAULTS_ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(' ').any(|one| one == name);
    stage.prepare().await?;
    if wanted("kills") {
        stage.kills(kills, seed).await?;
    }
    if wanted("rabbitmq") {
        stage.rabbit_killed().await?;
        stage.queue_deleted().await?;
        stage.rabbit_full().await?;
    }
    if wanted("documents") {
        stage.documents_away().await?;
    }
    if wanted("postgresql") {
        stage.postgres(Signal::Interrupt).await?;
        stage.postgres(Signal::Kill).await?;
        stage.disk_full().await?;
        stage.wal_full().await?;
        stage.pool_taken().await?;
    }
    if wanted("redis") {
        stage.redis().await?;
    }
    if wanted("messages") {
        stage.duplicates().await?;
        stage.poison().await?;
    }
    if wanted("network") {
        stage.network().await?;
    }
    if wanted("clocks") {
        stage.clocks().await?;
    }
    if wanted("restart") {
        stage.rolling_restart().await?;
    }
    let planted = plants::are_found(&mut stage.fleet.database().await?, &stage.world.ledger.all()).await?;
    println!("the audit names each of {planted} planted faults");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "what a run is asked for from outside")]
fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}
