//! The same through RabbitMQ.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lapin::{Connection, ConnectionProperties, options::QueueDeleteOptions};
use qihang_kit::{bus::Bus, consume::dead_letters, ids::Ids, relay::Relay, testing::setting};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::messages::{
    Notes, ground, in_order, notes, publish, publish_as, relay, subscribed, waiting, written,
};

/// A service name of this test's own, and with it queues of its own.
fn name() -> &'static str {
    format!("ground_{}", Ids::random().new_id().simple()).leak()
}

/// A routing key of this test's own: tests share one exchange.
fn key(service: &str) -> &'static str {
    format!("{service}.thing.changed.v1").leak()
}

/// Notes that take messages of one key.
fn notes_of(key: &'static str, name: &'static str) -> Notes {
    Notes {
        keys: vec![key].leak(),
        ..notes(name)
    }
}

async fn until(what: impl AsyncFn() -> bool) {
    let all = async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
}

async fn delete(queues: &[String]) {
    let connection = Connection::connect(&setting("QIHANG_TEST_AMQP_URL"), ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    for queue in queues {
        channel
            .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
            .await
            .unwrap();
    }
}

/// Publishes until the outbox is empty. A broker may turn a message away that comes while its queue is still being set up;
/// then a run publishes nothing, and the message goes with a later one.
async fn publish_all(relay: &Relay, pool: &PgPool) {
    until(async || {
        relay.run_once().await.unwrap();
        waiting(pool).await == 0
    })
    .await;
}

async fn noted(pool: &PgPool, consumer: &str) -> usize {
    written(pool, consumer).await.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_through_in_order_once_and_refused_ones_are_kept() {
    let db = ground().await;
    let bus = Bus::open(&setting("QIHANG_TEST_AMQP_URL")).unwrap();
    let (service, stop) = (name(), CancellationToken::new());
    let key = key(service);
    let reject = Arc::new(AtomicBool::new(true));
    let subscriptions = [
        subscribed(service, &db.pool, notes_of(key, "steady")),
        subscribed(
            service,
            &db.pool,
            Notes {
                stumble: true,
                ..notes_of(key, "stumbling")
            },
        ),
        subscribed(
            service,
            &db.pool,
            Notes {
                reject,
                ..notes_of(key, "refusing")
            },
        ),
    ];
    let queues: Vec<String> = subscriptions.iter().map(|one| one.queue()).collect();
    let readers: Vec<_> = subscriptions
        .into_iter()
        .filter_map(|one| bus.subscribe(one, &stop))
        .collect();
    // With it the queue stands, before the first message.
    assert!(bus.healthy().await);
    let aggregates: Vec<Uuid> = (0..5).map(|_| Ids::random().new_id()).collect();
    for number in 0..6 {
        for aggregate in &aggregates {
            publish_as(key, &db.pool, *aggregate, number).await;
        }
    }
    let relay = relay(&db, bus);
    publish_all(&relay, &db.pool).await;
    until(async || noted(&db.pool, "steady").await == 30).await;
    in_order(&written(&db.pool, "steady").await, &aggregates, 6);
    let letters = async || dead_letters(&db.pool).await.unwrap();
    let given_up = |letters: &[qihang_kit::consume::DeadLetter], name: &str| {
        letters.iter().filter(|letter| letter.consumer == name).count()
    };
    until(async || given_up(&letters().await, "refusing") == 30).await;
    until(async || noted(&db.pool, "stumbling").await + given_up(&letters().await, "stumbling") == 30).await;
    stop.cancel();
    for reader in readers {
        reader.await.unwrap();
    }
    delete(&queues).await;
}

/// Carries bytes to RabbitMQ and back until told to cut every line.
async fn wire(cut: tokio::sync::watch::Receiver<u32>) -> String {
    let url = setting("QIHANG_TEST_AMQP_URL");
    let (before, after) = url.split_once('@').unwrap();
    let (target, path) = after.split_once('/').unwrap();
    let target = target.to_owned();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (target, mut cut) = (target.clone(), cut.clone());
            cut.mark_unchanged();
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(target).await.unwrap();
                tokio::select! {
                    _ = cut.changed() => {}
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                }
            });
        }
    });
    format!("{before}@{address}/{path}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_line_loses_nothing_and_doubles_nothing() {
    let db = ground().await;
    let (cut, lines) = tokio::sync::watch::channel(0);
    let bus = Bus::open(&wire(lines).await).unwrap();
    let (service, stop) = (name(), CancellationToken::new());
    let key = key(service);
    let subscription = subscribed(service, &db.pool, notes_of(key, "steady"));
    let queue = subscription.queue();
    let reader = bus.subscribe(subscription, &stop).unwrap();
    // With it the queue stands, before the first message.
    assert!(bus.healthy().await);
    let aggregates: Vec<Uuid> = (0..4).map(|_| Ids::random().new_id()).collect();
    let relay = relay(&db, bus);
    for number in 0..6 {
        for aggregate in &aggregates {
            publish_as(key, &db.pool, *aggregate, number).await;
        }
        if number % 2 == 1 {
            cut.send_modify(|times| *times += 1);
        }
        relay.run_once().await.unwrap();
    }
    until(async || {
        relay.run_once().await.unwrap();
        noted(&db.pool, "steady").await == 24
    })
    .await;
    in_order(&written(&db.pool, "steady").await, &aggregates, 6);
    stop.cancel();
    reader.await.unwrap();
    delete(&[queue]).await;
}

#[tokio::test]
async fn without_a_broker_messages_wait_in_the_outbox() {
    let db = ground().await;
    publish(&db.pool, Uuid::nil(), 1).await;
    let relay = relay(&db, Bus::open("amqp://127.0.0.1:1/%2f").unwrap());
    assert_eq!(relay.run_once().await.unwrap(), 0);
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM outbox WHERE publish_time IS NULL AND attempts = 0 AND due_time > create_time",
    )
    .fetch_one(&db.pool)
    .await
    .unwrap();
    assert_eq!(waiting, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_a_message_waits_lets_none_overtake_it() {
    let db = ground().await;
    let bus = Bus::open(&setting("QIHANG_TEST_AMQP_URL")).unwrap();
    let (service, stop) = (name(), CancellationToken::new());
    let key = key(service);
    let away = Arc::new(AtomicBool::new(true));
    let waiting = || {
        let consumer = Notes {
            away: away.clone(),
            ..notes_of(key, "waiting")
        };
        subscribed(service, &db.pool, consumer)
    };
    let queue = waiting().queue();
    let reader = bus.subscribe(waiting(), &stop).unwrap();
    // With it the queue stands, before the first message.
    assert!(bus.healthy().await);
    for number in 0..6 {
        publish_as(key, &db.pool, Uuid::nil(), number).await;
    }
    let relay = relay(&db, bus.clone());
    publish_all(&relay, &db.pool).await;
    // The first one is in a pause of most of a second by now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    away.store(false, Ordering::SeqCst);
    stop.cancel();
    reader.await.unwrap();
    let stop = CancellationToken::new();
    let reader = bus.subscribe(waiting(), &stop).unwrap();
    until(async || noted(&db.pool, "waiting").await == 6).await;
    in_order(&written(&db.pool, "waiting").await, &[Uuid::nil()], 6);
    assert!(dead_letters(&db.pool).await.unwrap().is_empty());
    stop.cancel();
    reader.await.unwrap();
    delete(&[queue]).await;
}
