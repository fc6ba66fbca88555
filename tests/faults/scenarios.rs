//! One fault after another, each under load.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::ensure;
use qihang_kit::ids::Ids;
use qihang_standalone::{distributed::SERVICES, process::Signal};
use serde_json::json;

use crate::{
    audit::{Invariant, audit, told},
    client::tell,
    link::Mode,
    rabbit::{Hand, Message, backwards},
    stage::Stage,
};

/// Longest that a process may take to be ready.
const READY: Duration = Duration::from_secs(30);
/// Longest that the gateway lets a call take, and a little.
const DEADLINE: Duration = Duration::from_secs(18);
/// Longer than six tries of a consumer took, after which a message once was a dead letter.
const LONG: Duration = Duration::from_secs(13);
/// The queue of contracts' consumer that has documents sealed.
const SEALING: &str = "qihang.contracts.issue_document";
/// The queue of contracts' consumer that keeps the reviews.
const REVIEWS: &str = "qihang.contracts.reviews";
/// Where the broker puts what nobody could read.
const DEAD: &str = "qihang.dead";

impl Stage {
    /// Requests go on without RabbitMQ, nobody says that it is not ready, and the messages arrive afterwards.
    pub(crate) async fn rabbit_killed(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        let ledger = self.world.ledger.clone();
        self.fleet.kill_rabbit().await;
        let before = ledger.len();
        load.run().await?;
        let without = ledger.len() - before;
        ensure!(without > 0, "requests stop without RabbitMQ");
        for member in self.fleet.processes.members() {
            member.until_ready(Duration::from_secs(3)).await?;
        }
        self.fleet.start_rabbit().await?;
        self.ready.extend(load.sealed().await?);
        let what = format!("RabbitMQ killed, {without} operations without it");
        self.rest(&what, begun).await
    }

    /// A queue is deleted with what was in it: the audit sees it, and publishing again mends it.
    pub(crate) async fn queue_deleted(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        self.documents(Mode::Cut);
        load.run().await?;
        let hand = Hand::on(&self.fleet.rabbit()?.url()).await?;
        hand.delete(SEALING).await?;
        // What the readers had in hand goes with them.
        self.fleet.kill(&self.fleet.members("contracts")).await?;
        self.documents(Mode::Open);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let found = audit(&mut self.fleet.database().await?, &self.world.ledger.all()).await?;
        let lost = found
            .iter()
            .filter(|violation| violation.invariant == Invariant::PublishedAndHeard);
        let lost = lost.count();
        ensure!(lost > 0, "nothing was lost with the queue: {}", told(&found));
        self.republish("contracts").await?;
        self.ready.extend(load.sealed().await?);
        let what = format!("a queue deleted with {lost} messages, published again");
        self.rest(&what, begun).await
    }

    /// Sealing goes on when documents is back, however long that took.
    pub(crate) async fn documents_away(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        self.documents(Mode::Cut);
        load.run().await?;
        tokio::time::sleep(LONG).await;
        self.documents(Mode::Open);
        self.ready.extend(load.sealed().await?);
        self.rest("documents cut off for longer than six tries take", begun)
            .await
    }

    /// PostgreSQL stops and comes back, then is killed and comes back.
    pub(crate) async fn postgres(&mut self, signal: Signal) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        let fault = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            self.fleet.stop_postgres(signal).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.fleet.start_postgres().await
        };
        tokio::try_join!(load.run(), fault)?;
        self.ready.extend(load.sealed().await?);
        self.rest(&format!("PostgreSQL gone by {signal:?} and back"), begun)
            .await
    }

    /// Requests go on without Redis; a captcha is refused as documented; afterwards it is empty, and is emptied once more.
    pub(crate) async fn redis(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        let ledger = self.world.ledger.clone();
        self.fleet.kill_redis().await;
        let before = ledger.len();
        load.run().await?;
        let without = ledger.len() - before;
        ensure!(without > 0, "requests stop without Redis");
        let captcha = json!({ "kind": "KIND_PROOF_OF_WORK" });
        let (status, _) = self.world.nobody.status("/v1/captchas", Some(captcha)).await;
        ensure!(
            status == 503,
            "a captcha without Redis is answered {status} and not 503"
        );
        self.fleet.start_redis().await?;
        let more = self.load().await?;
        let flush = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            flush(self.fleet.redis()?.port()).await
        };
        tokio::try_join!(more.run(), flush)?;
        self.ready.extend(load.sealed().await?);
        self.ready.extend(more.sealed().await?);
        let what = format!("Redis killed, {without} operations without it, and flushed");
        self.rest(&what, begun).await
    }

    /// Every message comes a second time under load, and those that projections follow the wrong way round.
    pub(crate) async fn duplicates(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        let again = async {
            let first = self.republish("identity").await?;
            anyhow::Ok(first + self.republish("contracts").await?)
        };
        let ((), again) = tokio::try_join!(load.run(), again)?;
        let sealed = load.sealed().await?;
        let hand = Hand::on(&self.fleet.rabbit()?.url()).await?;
        let mut database = self.fleet.database().await?;
        let mut turned = 0;
        for (schema, keys, queue) in [
            ("identity", "identity.review.changed.v1", REVIEWS),
            ("identity", "identity.origin.%", "qihang.contracts.origins"),
            (
                "contracts",
                "contracts.agreement.%",
                "qihang.identity.agreement_holds",
            ),
        ] {
            for message in backwards(&mut database, schema, keys).await? {
                hand.put(queue, Ids::random().new_id(), &message).await?;
                turned += 1;
            }
        }
        self.ready.extend(sealed);
        let what = format!("{again} messages twice, {turned} the wrong way round");
        self.rest(&what, begun).await
    }

    /// What cannot be read becomes a dead letter at once and holds up nothing.
    pub(crate) async fn poison(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        let hand = Hand::on(&self.fleet.rabbit()?.url()).await?;
        let mut database = self.fleet.database().await?;
        let dead = hand.waiting(DEAD).await?;
        let poison = Message {
            key: "identity.review.changed.v1".to_owned(),
            aggregate: Ids::random().new_id(),
            payload: vec![0xff; 40],
        };
        let id = Ids::random().new_id();
        hand.put(REVIEWS, id, &poison).await?;
        hand.put_rubbish(REVIEWS).await?;
        load.run().await?;
        self.ready.extend(load.sealed().await?);
        ensure!(
            hand.waiting(DEAD).await? == dead + 1,
            "what has none of our headers is not put aside"
        );
        let contracts = self.fleet.members("contracts");
        let mut listed = String::new();
        for member in contracts.iter().take(1) {
            listed = member.command(&["dead-letters", "list"]).await?;
        }
        ensure!(
            listed.contains("reviews"),
            "the poison is no dead letter: {listed}"
        );
        let gone = sqlx::query("DELETE FROM contracts.dead_letters WHERE message_id = $1").bind(id);
        ensure!(gone.execute(&mut database).await?.rows_affected() == 1);
        self.rest("a poisoned message, and one that is none of ours", begun)
            .await
    }

    /// A slow network slows down and loses nothing; one that swallows everything meets its deadlines.
    pub(crate) async fn network(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let slow = Mode::Slow(Duration::from_millis(15));
        let load = self.load().await?;
        self.fleet.links.postgres.set(slow);
        self.fleet.links.redis.set(slow);
        self.fleet.links.rabbit.set(slow);
        self.documents(slow);
        load.run().await?;
        let (someone, agreement) = load.someone()?;
        self.ready.extend(load.sealed().await?);
        self.fleet.links.postgres.set(Mode::Open);
        self.fleet.links.redis.set(Mode::Open);
        let load = self.load().await?;
        self.documents(Mode::HalfOpen);
        self.fleet.links.rabbit.set(Mode::HalfOpen);
        load.run().await?;
        let (status, slowest) = someone.try_download(&agreement).await;
        ensure!(
            matches!(status, 503 | 504),
            "a download from nobody answers {status}"
        );
        self.fleet.links.postgres.set(Mode::HalfOpen);
        let (status, took) = someone.try_look().await;
        let slowest = slowest.max(took);
        self.fleet.links.postgres.set(Mode::Open);
        ensure!(
            matches!(status, 503 | 504),
            "without an answer of PostgreSQL the gateway answers {status}"
        );
        ensure!(slowest < DEADLINE, "a call took {slowest:?}");
        self.documents(Mode::Open);
        self.fleet.links.rabbit.set(Mode::Open);
        self.ready.extend(load.sealed().await?);
        let what = format!("network slow, then half open; slowest answer {slowest:.1?}");
        self.rest(&what, begun).await
    }

    /// Each process of each service and each gateway is replaced under load, and no request fails.
    pub(crate) async fn rolling_restart(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        self.counts.retries.store(0, Ordering::Relaxed);
        let roll = async {
            let mut replaced = 0;
            for name in SERVICES.into_iter().chain(["gateway"]) {
                for member in self.fleet.members(name) {
                    member.replace(Signal::Terminate, READY).await?;
                    replaced += 1;
                }
            }
            anyhow::Ok(replaced)
        };
        let (asked, replaced) = load.run_until(roll).await?;
        let failed = self.counts.retries.load(Ordering::Relaxed);
        ensure!(
            failed == 0,
            "{failed} requests failed while services were replaced"
        );
        self.ready.extend(load.sealed().await?);
        let what = format!("{replaced} processes replaced under {asked} requests, 0 failed");
        self.rest(&what, begun).await
    }

    fn documents(&self, mode: Mode) {
        for link in &self.fleet.links.documents {
            link.set(mode);
        }
    }

    /// Has a service publish everything again; how much that was.
    async fn republish(&self, service: &str) -> anyhow::Result<usize> {
        let mut text = String::new();
        for member in self.fleet.members(service).into_iter().take(1) {
            let arguments = ["messages", "republish", "--since", "2026-01-01T00:00:00Z"];
            text = member.command(&arguments).await?;
        }
        let count = text.lines().find_map(|line| line.split(' ').next()?.parse().ok());
        tell(text.trim());
        count.ok_or_else(|| anyhow::anyhow!("nothing was said of how much goes again: {text}"))
    }
}

async fn flush(port: u16) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut redis = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    redis.write_all(b"FLUSHALL\r\n").await?;
    let mut answer = [0; 5];
    redis.read_exact(&mut answer).await?;
    ensure!(&answer == b"+OK\r\n", "Redis was not flushed");
    Ok(())
}
