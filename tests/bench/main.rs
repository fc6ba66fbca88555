//! Measurements of the suite, each against a baseline of the same run: `make bench`, or `make bench ONLY="gateway login"`.
//!
//! Rounds of the two sides alternate. Figures are medians with the smallest and the largest round; the processor time of a
//! request is the one to trust on a machine that others use. What they were is in `docs/performance.md`.

mod accept;
mod gateway;
mod login;
mod measure;
mod messages;
mod overload;
mod papers;
mod roster;
mod suite;

use anyhow::Context as _;
use qihang_kit::{settings::Common, telemetry::Telemetry};
use qihang_standalone::{
    demo::walk,
    distributed::{self, Options},
    postgres::Use,
    secrets::Secrets,
};
use qihang_tests::{Scratch, Standalone, plan, programs};

use crate::measure::Line;

/// 哈尔滨工业大学.
const SCHOOL: &str = qihang_tests::SCHOOL;
/// Everything that can be measured, in the order in which it is.
const ALL: [&str; 8] = [
    "papers", "suite", "gateway", "login", "accept", "overload", "messages", "roster",
];
/// No caller is slowed down here.
const UNLIMITED: [(&str, &str); 2] = [
    ("gateway.rate_per_minute", "100000000"),
    ("gateway.address_rate_per_minute", "100000000"),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut settings = Common::embedded()?.telemetry;
    "error".clone_into(&mut settings.log_filter);
    let telemetry = Telemetry::start("bench", &settings)?;
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|one| one == name);
    for name in &asked {
        anyhow::ensure!(ALL.contains(&name.as_str()), "{name} is none of {ALL:?}");
    }
    let folder = Scratch::new("bench")?;
    head();
    if wanted("papers") {
        let place = folder.path().join("seal");
        show(&tokio::task::spawn_blocking(move || papers::lines(&place)).await??);
    }
    if wanted("suite") {
        show(&suite::lines(folder.path()).await?);
    }
    if ["gateway", "login", "accept", "overload", "messages"]
        .into_iter()
        .any(wanted)
    {
        distributed(&folder, wanted).await?;
    }
    if wanted("roster") {
        let standalone = Standalone::start("bench-roster", telemetry.metrics(), &UNLIMITED).await?;
        show(&[roster::line(&standalone).await?]);
        standalone.stop().await;
    }
    Ok(())
}

/// What wants each service as a process of its own, so that each one's processor time can be told.
async fn distributed(folder: &Scratch, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let place = folder.path().join("distributed");
    std::fs::create_dir_all(&place)?;
    let secrets = Secrets::open(&place.join("secrets"))?;
    let options = Options {
        programs: programs(),
        http: Some(([127, 0, 0, 1], qihang_standalone::process::free_port()?).into()),
        purpose: Use::Throwaway,
        environment: Vec::new(),
        environment_of: vec![
            (
                "gateway",
                "QIHANG_GATEWAY__RATE_PER_MINUTE",
                "100000000".to_owned(),
            ),
            (
                "gateway",
                "QIHANG_GATEWAY__ADDRESS_RATE_PER_MINUTE",
                "100000000".to_owned(),
            ),
            // Students who call from addresses of their own, as in life.
            (
                "gateway",
                "QIHANG_GATEWAY__TRUSTED_PROXIES",
                r#"["127.0.0.1"]"#.to_owned(),
            ),
            ("identity", "QIHANG_CAPTCHA__DIFFICULTY", "8".to_owned()),
        ],
        replicas: 1,
        last_pause: distributed::LAST_PAUSE,
    };
    let running = distributed::start(&place, &secrets, &options).await?;
    let outcome = walk(running.url(), &plan(&secrets, 3, 40), |_| {})
        .await
        .context("the walk before the measurements")?;
    if wanted("gateway") {
        show(&gateway::lines(&running, folder.path()).await?);
    }
    if wanted("login") {
        show(&[login::line(running.url(), &outcome).await?]);
    }
    if wanted("accept") {
        show(&accept::lines(&running, &secrets, folder.path()).await?);
    }
    if wanted("overload") {
        show(&overload::lines(running.url()).await?);
    }
    if wanted("messages") {
        show(&messages::lines(running.servers()).await?);
    }
    running.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result")]
fn head() {
    println!("| what | ours | baseline of the same run | ratio | goal |\n|---|---|---|---|---|");
}

#[expect(clippy::print_stderr, reason = "what a person at the terminal should know")]
fn tell(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "the result")]
fn show(lines: &[Line]) {
    for line in lines {
        println!("{}", line.row());
    }
}
