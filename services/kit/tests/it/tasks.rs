//! Background work: by one replica at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use qihang_kit::{
    tasks::{Task, lead, spawn},
    testing::TestDb,
};
use tokio_util::sync::CancellationToken;

use crate::ground::MIGRATOR;

#[derive(Clone, Default)]
struct Work {
    at_once: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
    fails: bool,
    panics: bool,
}

#[async_trait]
impl Task for Work {
    fn name(&self) -> &'static str {
        "work"
    }

    fn period(&self) -> Duration {
        Duration::from_millis(1)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.runs.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "clumsy");
        anyhow::ensure!(!self.fails, "no luck");
        Ok(false)
    }
}

#[tokio::test]
async fn of_several_replicas_one_works() {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let work = Work::default();
    futures::future::try_join_all((0..5).map(|_| lead("kit_ground", &work, &db.pool)))
        .await
        .unwrap();
    assert_eq!(work.most.load(Ordering::SeqCst), 1);
    let stop = CancellationToken::new();
    let replicas: Vec<_> = (0..3)
        .map(|_| {
            spawn(
                "kit_ground",
                Arc::new(work.clone()),
                db.pool.clone(),
                stop.clone(),
            )
        })
        .collect();
    while work.runs.load(Ordering::SeqCst) < 6 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    for replica in replicas {
        replica.await.unwrap();
    }
    assert_eq!(
        (
            work.most.load(Ordering::SeqCst),
            work.at_once.load(Ordering::SeqCst)
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn a_failure_ends_neither_the_task_nor_the_lease_for_ever() {
    let fails = Work {
        fails: true,
        ..Work::default()
    };
    let panics = Work {
        panics: true,
        ..Work::default()
    };
    goes_on(fails).await;
    goes_on(panics).await;
}

async fn goes_on(work: Work) {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let stop = CancellationToken::new();
    let running = spawn(
        "kit_ground",
        Arc::new(work.clone()),
        db.pool.clone(),
        stop.clone(),
    );
    while work.runs.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    running.await.unwrap();
    assert!(lead("kit_ground", &Work::default(), &db.pool).await.is_ok());
}
