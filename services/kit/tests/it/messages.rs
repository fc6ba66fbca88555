//! Outbox, relay, inbox, dead letters: on a real database, on the bus of one process.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use qihang_kit::{
    bus::{Bus, Local},
    clock::Clock,
    consume::{ConsumeError, Consumer, Delivery, Subscription, dead_letters, replay},
    ids::Ids,
    outbox::{self, OutboxSignal, Outgoing},
    relay::Relay,
    settings::Common,
    status::Fault,
    testing::TestDb,
};
use qihang_proto::identity::v1::DirectoryStudent;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ground::MIGRATOR;

pub(crate) const KEY: &str = "ground.thing.changed.v1";

/// Writes each message down; fails while told to.
pub(crate) struct Notes {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
    pub(crate) reject: Arc<AtomicBool>,
    pub(crate) stumble: bool,
    /// Something that it needs is away.
    pub(crate) away: Arc<AtomicBool>,
}

#[async_trait]
impl Consumer for Notes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn keys(&self) -> &'static [&'static str] {
        self.keys
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        if self.reject.load(Ordering::SeqCst) {
            return Err(ConsumeError::Reject(anyhow::anyhow!("no")));
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(tonic::Status::from(Fault::unavailable("PEER_UNAVAILABLE", "稍后再试")).into());
        }
        let message: DirectoryStudent = delivery.decode()?;
        // One in five tries fails, without any order in it.
        if self.stumble && Ids::random().bytes::<1>()[0] < 51 {
            return Err(ConsumeError::Retry(anyhow::anyhow!("not now")));
        }
        sqlx::query("INSERT INTO notes (consumer, aggregate, number) VALUES ($1, $2::uuid, $3)")
            .bind(self.name)
            .bind(&delivery.aggregate)
            .bind(message.name.parse::<i32>().unwrap())
            .execute(conn)
            .await?;
        Ok(())
    }
}

pub(crate) async fn ground() -> TestDb {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let notes = "CREATE TABLE notes (sequence bigserial, consumer text, aggregate uuid, number integer)";
    sqlx::query(notes).execute(&db.pool).await.unwrap();
    db
}

pub(crate) fn notes(name: &'static str) -> Notes {
    Notes {
        name,
        keys: &["ground.*.changed.v1"],
        reject: Arc::default(),
        stumble: false,
        away: Arc::default(),
    }
}

pub(crate) fn subscribed(service: &'static str, pool: &PgPool, consumer: Notes) -> Subscription {
    Subscription {
        service,
        consumer: Arc::new(consumer),
        pool: pool.clone(),
    }
}

pub(crate) async fn publish(pool: &PgPool, aggregate: Uuid, number: i32) {
    publish_as(KEY, pool, aggregate, number).await;
}

pub(crate) async fn publish_as(key: &'static str, pool: &PgPool, aggregate: Uuid, number: i32) {
    let message = DirectoryStudent {
        name: number.to_string(),
        ..Default::default()
    };
    let mut transaction = pool.begin().await.unwrap();
    let outgoing = Outgoing::new(Ids::random().new_id(), key, aggregate, &message);
    outbox::publish(&mut transaction, outgoing).await.unwrap();
    transaction.commit().await.unwrap();
}

pub(crate) fn relay(db: &TestDb, bus: Bus) -> Relay {
    Relay::new(
        "kit_ground",
        db.pool.clone(),
        bus,
        OutboxSignal::default(),
        Common::embedded().unwrap().relay,
    )
}

/// What a consumer wrote down, in the order of writing.
pub(crate) async fn written(pool: &PgPool, consumer: &str) -> Vec<(Uuid, i32)> {
    let all = "SELECT aggregate, number FROM notes WHERE consumer = $1 ORDER BY sequence";
    sqlx::query_as(all).bind(consumer).fetch_all(pool).await.unwrap()
}

/// Checks that each aggregate's numbers came once each and in order.
pub(crate) fn in_order(written: &[(Uuid, i32)], aggregates: &[Uuid], numbers: i32) {
    for aggregate in aggregates {
        let own: Vec<i32> = written
            .iter()
            .filter(|(one, _)| one == aggregate)
            .map(|(_, number)| *number)
            .collect();
        assert_eq!(own, (0..numbers).collect::<Vec<_>>());
    }
}

pub(crate) async fn waiting(pool: &PgPool) -> i64 {
    // Pauses of tries again are cut short.
    sqlx::query("UPDATE outbox SET due_time = now() WHERE publish_time IS NULL")
        .execute(pool)
        .await
        .unwrap();
    let waiting = "SELECT count(*) FROM outbox WHERE publish_time IS NULL";
    sqlx::query_scalar(waiting).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn four_relays_keep_the_order_of_each_aggregate_and_every_effect_happens_once() {
    let db = ground().await;
    let bus = Local::default();
    bus.add(subscribed(
        "kit_ground",
        &db.pool,
        Notes {
            stumble: true,
            ..notes("stumbling")
        },
    ));
    bus.add(subscribed("kit_ground", &db.pool, notes("steady")));
    let aggregates: Vec<Uuid> = (0..10).map(|_| Ids::random().new_id()).collect();
    for number in 0..8 {
        for aggregate in &aggregates {
            publish(&db.pool, *aggregate, number).await;
        }
    }
    let relays: Vec<Relay> = (0..4).map(|_| relay(&db, Bus::Local(bus.clone()))).collect();
    while waiting(&db.pool).await > 0 {
        futures::future::try_join_all(relays.iter().map(Relay::run_once))
            .await
            .unwrap();
    }
    for consumer in ["stumbling", "steady"] {
        let written = written(&db.pool, consumer).await;
        // A stumbling consumer may give up on a message after many tries; then it is a dead letter and nothing else.
        let dead = dead_letters(&db.pool).await.unwrap().len();
        if dead == 0 {
            in_order(&written, &aggregates, 8);
        }
        assert_eq!(written.len() + if consumer == "steady" { 0 } else { dead }, 80);
    }
}

#[tokio::test]
async fn a_backlog_of_many_batches_keeps_the_order_of_each_aggregate() {
    let db = ground().await;
    let bus = Local::default();
    bus.add(subscribed("kit_ground", &db.pool, notes("steady")));
    let aggregates: Vec<Uuid> = (0..12).map(|_| Ids::random().new_id()).collect();
    for number in 0..6 {
        for aggregate in &aggregates {
            publish(&db.pool, *aggregate, number).await;
        }
    }
    // Batches that are always full, and no look by the clock: one that is woken goes on until nothing is left.
    let settings = qihang_kit::settings::RelaySettings {
        batch: 3,
        poll_ms: 600_000,
        ..Common::embedded().unwrap().relay
    };
    let signal = OutboxSignal::default();
    let relay = Relay::new("kit_ground", db.pool.clone(), Bus::Local(bus), signal, settings);
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { relay.run(stop).await }
    });
    let published = async {
        while written(&db.pool, "steady").await.len() < 72 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let published = tokio::time::timeout(std::time::Duration::from_secs(60), published).await;
    assert!(published.is_ok(), "a part of the backlog was left");
    stop.cancel();
    running.await.unwrap();
    in_order(&written(&db.pool, "steady").await, &aggregates, 6);
}

#[tokio::test]
async fn duplicates_at_once_have_one_effect() {
    let db = ground().await;
    let subscription = subscribed("kit_ground", &db.pool, notes("steady"));
    publish(&db.pool, Uuid::nil(), 7).await;
    let (id, payload): (Uuid, Vec<u8>) = sqlx::query_as("SELECT id, payload FROM outbox")
        .fetch_one(&db.pool)
        .await
        .unwrap();
    let delivery = Delivery {
        id,
        key: KEY.to_owned(),
        aggregate: Uuid::nil().to_string(),
        time: time::OffsetDateTime::UNIX_EPOCH,
        payload: payload.into(),
        traceparent: String::new(),
    };
    let all = futures::future::join_all((0..8).map(|_| subscription.handle(&delivery))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(written(&db.pool, "steady").await, [(Uuid::nil(), 7)]);
}

#[tokio::test]
async fn a_refused_message_is_kept_for_the_operator_and_blocks_nobody() {
    let db = ground().await;
    let bus = Local::default();
    let reject = Arc::new(AtomicBool::new(true));
    let refusing = subscribed(
        "kit_ground",
        &db.pool,
        Notes {
            reject: reject.clone(),
            ..notes("refusing")
        },
    );
    bus.add(refusing.clone());
    bus.add(subscribed("kit_ground", &db.pool, notes("steady")));
    publish(&db.pool, Uuid::nil(), 1).await;
    publish(&db.pool, Uuid::nil(), 2).await;
    let relay = relay(&db, Bus::Local(bus));
    while waiting(&db.pool).await > 0 {
        relay.run_once().await.unwrap();
    }
    assert_eq!(written(&db.pool, "steady").await.len(), 2);
    let letters = dead_letters(&db.pool).await.unwrap();
    assert_eq!(letters.len(), 2);
    assert_eq!(
        (letters[0].consumer.as_str(), letters[0].attempts),
        ("refusing", 1)
    );
    let subscriptions = [refusing];
    assert!(
        replay(&subscriptions, &db.pool, None).await.is_err(),
        "still refused"
    );
    reject.store(false, Ordering::SeqCst);
    assert_eq!(
        replay(&subscriptions, &db.pool, Some(letters[0].id))
            .await
            .unwrap(),
        1
    );
    assert_eq!(replay(&subscriptions, &db.pool, None).await.unwrap(), 1);
    assert_eq!(dead_letters(&db.pool).await.unwrap().len(), 0);
    assert_eq!(
        written(&db.pool, "refusing").await,
        [(Uuid::nil(), 1), (Uuid::nil(), 2)]
    );
}

#[tokio::test]
async fn a_message_waits_for_a_part_that_is_away_however_often_it_is_tried() {
    let db = ground().await;
    let bus = Local::default();
    let away = Arc::new(AtomicBool::new(true));
    bus.add(subscribed(
        "kit_ground",
        &db.pool,
        Notes {
            away: away.clone(),
            ..notes("waiting")
        },
    ));
    publish(&db.pool, Uuid::nil(), 0).await;
    publish(&db.pool, Uuid::nil(), 1).await;
    let relay = relay(&db, Bus::Local(bus));
    for _ in 0..30 {
        relay.run_once().await.unwrap();
        assert_eq!(waiting(&db.pool).await, 2);
    }
    away.store(false, Ordering::SeqCst);
    while waiting(&db.pool).await > 0 {
        relay.run_once().await.unwrap();
    }
    in_order(&written(&db.pool, "waiting").await, &[Uuid::nil()], 2);
    assert!(dead_letters(&db.pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_published_again_reaches_who_missed_it_and_nobody_twice() {
    let db = ground().await;
    let bus = Local::default();
    bus.add(subscribed("kit_ground", &db.pool, notes("first")));
    let before = Clock::system().now() - time::Duration::hours(1);
    for number in 0..3 {
        publish(&db.pool, Uuid::nil(), number).await;
    }
    let relay = relay(&db, Bus::Local(bus.clone()));
    while waiting(&db.pool).await > 0 {
        relay.run_once().await.unwrap();
    }
    bus.add(subscribed("kit_ground", &db.pool, notes("late")));
    let after = Clock::system().now() + time::Duration::hours(1);
    assert_eq!(outbox::republish(&db.pool, after).await.unwrap(), 0);
    assert_eq!(outbox::republish(&db.pool, before).await.unwrap(), 3);
    while waiting(&db.pool).await > 0 {
        relay.run_once().await.unwrap();
    }
    for consumer in ["first", "late"] {
        in_order(&written(&db.pool, consumer).await, &[Uuid::nil()], 3);
        assert_eq!(written(&db.pool, consumer).await.len(), 3);
    }
}

#[tokio::test]
async fn a_commit_wakes_the_relay() {
    let db = ground().await;
    let bus = Local::default();
    bus.add(subscribed("kit_ground", &db.pool, notes("steady")));
    let settings = qihang_kit::settings::RelaySettings {
        poll_ms: 60_000,
        ..Common::embedded().unwrap().relay
    };
    let relay = Relay::new(
        "kit_ground",
        db.pool.clone(),
        Bus::Local(bus),
        OutboxSignal::default(),
        settings,
    );
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { relay.run(stop).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    publish(&db.pool, Uuid::nil(), 1).await;
    let woken = async {
        while written(&db.pool, "steady").await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), woken)
        .await
        .unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_rolled_back_change_tells_nobody() {
    let db = ground().await;
    let mut transaction = db.pool.begin().await.unwrap();
    let outgoing = Outgoing::new(
        Ids::random().new_id(),
        KEY,
        Uuid::nil(),
        &DirectoryStudent::default(),
    );
    outbox::publish(&mut transaction, outgoing).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(waiting(&db.pool).await, 0);
}

#[tokio::test]
async fn replicas_that_start_at_once_migrate_once() {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let open = || qihang_kit::db::connect_with(db.options(), 2, std::time::Duration::from_secs(10), "fresh");
    let pools = futures::future::try_join_all((0..4).map(|_| open()))
        .await
        .unwrap();
    let all = pools
        .iter()
        .map(|pool| qihang_kit::db::migrate(pool, "fresh", &MIGRATOR));
    futures::future::try_join_all(all).await.unwrap();
    publish(&pools[0], Uuid::nil(), 1).await;
    assert_eq!(waiting(&pools[1]).await, 1);
    assert_eq!(waiting(&db.pool).await, 0, "schemas are apart");
}

/// Panics at its first message and acts on all others.
struct Clumsy(AtomicBool, Notes);

#[async_trait]
impl Consumer for Clumsy {
    fn name(&self) -> &'static str {
        self.1.name
    }

    fn keys(&self) -> &'static [&'static str] {
        self.1.keys()
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        assert!(self.0.swap(true, Ordering::SeqCst), "the first time");
        self.1.consume(conn, delivery).await
    }
}

#[tokio::test]
async fn a_panic_is_tried_again_and_ends_nothing() {
    let db = ground().await;
    let bus = Local::default();
    bus.add(Subscription {
        service: "kit_ground",
        consumer: Arc::new(Clumsy(AtomicBool::new(false), notes("clumsy"))),
        pool: db.pool.clone(),
    });
    publish(&db.pool, Uuid::nil(), 0).await;
    publish(&db.pool, Uuid::nil(), 1).await;
    let relay = relay(&db, Bus::Local(bus));
    while waiting(&db.pool).await > 0 {
        relay.run_once().await.unwrap();
    }
    in_order(&written(&db.pool, "clumsy").await, &[Uuid::nil()], 2);
}
