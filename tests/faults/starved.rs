//! What everything needs is used up: room on a disk, connections to the database.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures::future::join_all;
use qihang_standalone::process::Signal;
use sqlx::Connection as _;

use crate::{client::tell, rabbit::Hand, stage::Stage};

/// Longest that the gateway lets a call take, and a little.
const DEADLINE: Duration = Duration::from_secs(18);
/// Longest that an answer of a healthy process may take.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long a disk is full.
const FULL: Duration = Duration::from_secs(3);
/// Longest that PostgreSQL may take to notice that it has no room, or to be back.
const BACK: Duration = Duration::from_secs(20);
/// More calls than two processes have connections.
const CALLS: usize = 60;
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(200);

impl Stage {
    /// RabbitMQ's disk is full: it takes no message, operations go on, and the messages arrive afterwards.
    pub(crate) async fn rabbit_full(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        self.rabbit_needs("1000000000000000000").await?;
        let hand = Hand::on(&self.fleet.rabbit()?.url()).await?;
        ensure!(
            !hand.is_heard(AT_ONCE).await,
            "RabbitMQ takes messages with a full disk"
        );
        let before = self.world.ledger.len();
        load.run().await?;
        let without = self.world.ledger.len() - before;
        ensure!(without > 0, "requests stop when RabbitMQ's disk is full");
        for member in self.fleet.processes.members() {
            member.until_ready(AT_ONCE).await?;
        }
        let waiting = "SELECT count(*) FROM contracts.outbox WHERE publish_time IS NULL";
        let mut database = self.fleet.database().await?;
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut database).await?;
        ensure!(waiting > 0, "messages were published to a full disk");
        self.rabbit_needs("50000000").await?;
        self.ready.extend(load.sealed().await?);
        let what =
            format!("RabbitMQ's disk full, {without} operations and {waiting} messages of contracts waited");
        self.rest(&what, begun).await
    }

    async fn rabbit_needs(&self, bytes: &str) -> anyhow::Result<()> {
        let arguments = ["set_disk_free_limit", bytes];
        self.fleet.rabbit()?.control(&arguments).await.map(drop)
    }

    /// PostgreSQL's tables cannot grow: who writes is told to come again, who reads is answered, and nothing is half done.
    pub(crate) async fn disk_full(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        let (someone, _) = load.someone()?;
        let mut database = self.fleet.database().await?;
        // Each message wants a page of its own, or all would find room in pages that were begun; one or two may find a page
        // that was emptied. And a part of the log that was begun just now, since it is as full as the rest: see `wal_full`.
        let crowd = "ALTER TABLE contracts.outbox SET (fillfactor = 10); ALTER TABLE identity.outbox SET (fillfactor = 10);
             SELECT pg_switch_wal(); SELECT pg_logical_emit_message(false, 'faults', 'begins the next part')";
        sqlx::raw_sql(crowd).execute(&mut database).await?;
        self.fleet.hosts.database.set_full(true)?;
        let before = self.world.ledger.len();
        let fault = async {
            tokio::time::sleep(FULL).await;
            let (status, _) = someone.try_look().await;
            let done = self.world.ledger.len() - before;
            let refused = sqlx::raw_sql("CREATE TABLE public.faults AS SELECT generate_series(1, 9)");
            let refused = refused.execute(&mut database).await.err();
            self.fleet.hosts.database.set_full(false)?;
            let code = refused
                .as_ref()
                .and_then(|error| error.as_database_error()?.code());
            ensure!(
                code.as_deref() == Some("53100"),
                "the disk is not full: {refused:?}"
            );
            ensure!(status == 200, "who only reads is answered {status}");
            anyhow::Ok(done)
        };
        let ((), found) = tokio::try_join!(load.run(), fault)?;
        ensure!(
            self.counts.retries.load(Ordering::Relaxed) > 0,
            "nobody met the full disk"
        );
        let relax =
            "ALTER TABLE contracts.outbox RESET (fillfactor); ALTER TABLE identity.outbox RESET (fillfactor)";
        sqlx::raw_sql(relax).execute(&mut database).await?;
        self.ready.extend(load.sealed().await?);
        let what = format!("PostgreSQL's tables without room but for {found} operations");
        self.rest(&what, begun).await
    }

    /// PostgreSQL's log cannot grow: it gives up, as it must, and comes back when there is room.
    pub(crate) async fn wal_full(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        let mut database = self.fleet.database().await?;
        let fault = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            self.fleet.hosts.database.set_full(true)?;
            let next =
                "SELECT pg_logical_emit_message(true, 'faults', 'in this part'); SELECT pg_switch_wal()";
            let full = async { while sqlx::raw_sql(next).execute(&mut database).await.is_ok() {} };
            let gave_up = tokio::time::timeout(BACK, full).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.fleet.hosts.database.set_full(false)?;
            gave_up.context("PostgreSQL goes on without room for its log")?;
            let again = Instant::now();
            while self.fleet.database().await.is_err() && !self.fleet.postgres_gave_up().await {
                ensure!(
                    again.elapsed() < BACK,
                    "PostgreSQL neither comes back nor gives up"
                );
                tokio::time::sleep(LOOK).await;
            }
            if self.fleet.postgres_gave_up().await {
                tell("PostgreSQL did not come back by itself and is started again");
                self.fleet.stop_postgres(Signal::Kill).await;
                self.fleet.start_postgres().await?;
            }
            anyhow::Ok(())
        };
        tokio::try_join!(load.run(), fault)?;
        self.ready.extend(load.sealed().await?);
        self.rest("PostgreSQL's log without room", begun).await
    }

    /// Locks hold all connections of contracts: its callers are told to come again in time, others notice nothing.
    pub(crate) async fn pool_taken(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let load = self.load().await?;
        let (someone, agreement) = load.someone()?;
        let mut database = self.fleet.database().await?;
        let mut lock = database.begin().await?;
        sqlx::raw_sql("LOCK TABLE contracts.agreements IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *lock)
            .await?;
        let path = format!("/v1/agreements/{agreement}");
        let fault = async {
            let calls = join_all((0..CALLS).map(|_| someone.try_get(&path)));
            let beside = async {
                tokio::time::sleep(FULL).await;
                (someone.try_get("/healthz").await, someone.try_look().await)
            };
            let (answers, (health, look)) = tokio::join!(calls, beside);
            lock.rollback().await?;
            for (what, (status, took)) in [("health", health), ("identity", look)] {
                ensure!(
                    status == 200 && took < AT_ONCE,
                    "{what} answers {status} after {took:?}"
                );
            }
            let wrong = answers.iter().find(|(status, _)| !matches!(status, 503 | 504));
            ensure!(wrong.is_none(), "without a connection: {wrong:?}");
            anyhow::Ok(answers.iter().map(|(_, took)| *took).max().unwrap_or_default())
        };
        let ((), slowest) = tokio::try_join!(load.run(), fault)?;
        ensure!(slowest < DEADLINE, "a call took {slowest:?}");
        self.ready.extend(load.sealed().await?);
        let what = format!("all connections of contracts taken; slowest answer {slowest:.1?}");
        self.rest(&what, begun).await
    }
}
