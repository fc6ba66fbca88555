//! From the outbox to RabbitMQ and from there to a consumer's committed effect, each half against the bare broker: publishing as
//! many messages with confirms, and reading and acknowledging them.

use std::{sync::Arc, time::Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use qihang_kit::{
    bus::Bus,
    consume::{ConsumeError, Consumer, Delivery, Subscription},
    db,
    ids::Ids,
    outbox::{self, OutboxSignal, Outgoing},
    relay::Relay,
    settings::Common,
};
use qihang_proto::messages::v1::AgreementChanged;
use qihang_standalone::{postgres::NAME, servers::Servers};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, migrate::Migrator, postgres::PgConnectOptions};
use tokio_util::sync::CancellationToken;

use crate::measure::{Line, Series};

/// Messages of a round.
const MESSAGES: usize = 20_000;
/// Records that they are about.
const AGGREGATES: usize = 5_000;
/// Unconfirmed messages of the baseline at a time.
const WINDOW: usize = 512;
/// Rounds of each side.
const ROUNDS: usize = 3;
const KEY: &str = "bench.thing.changed.v1";

static NONE: Migrator = Migrator::DEFAULT;

/// Counts.
struct Count;

#[async_trait]
impl Consumer for Count {
    fn name(&self) -> &'static str {
        "count"
    }

    fn keys(&self) -> &'static [&'static str] {
        &[KEY]
    }

    async fn consume(&self, _: &mut PgConnection, _: &Delivery) -> Result<(), ConsumeError> {
        Ok(())
    }
}

/// Measures both halves on private servers.
pub(crate) async fn lines(servers: &Servers) -> anyhow::Result<Vec<Line>> {
    let options: PgConnectOptions = servers.postgres.url(NAME).parse()?;
    let pool = db::connect_with(options, 10, std::time::Duration::from_secs(10), "bench").await?;
    db::migrate(&pool, "bench", &NONE).await?;
    let url = servers.rabbit.url();
    let message = AgreementChanged::default();
    let bus = Bus::open(&url)?;
    // Its queue stands from now on, or the first messages would have nowhere to go.
    consumed(&bus, &pool, 0).await?;
    let size = fill(&pool, &message, 1).await?;
    let [mut sent, mut bare_sent, mut had, mut bare_had] = std::array::from_fn(|_| Series::default());
    for round in 0..ROUNDS {
        sqlx::query("TRUNCATE outbox, inbox").execute(&pool).await?;
        fill(&pool, &message, MESSAGES).await?;
        sent.push(published(&bus, &pool).await?);
        had.push(consumed(&bus, &pool, MESSAGES).await?);
        let queue = format!("bench.bare.{round}");
        bare_sent.push(publish(&url, &queue, size).await?);
        bare_had.push(read(&url, &queue).await?);
    }
    Ok(vec![
        Line {
            name: format!("outbox to RabbitMQ's confirmation, {MESSAGES} messages of {AGGREGATES} records"),
            ours: sent,
            unit: "messages/s",
            baseline: Some(("publish to a quorum queue with confirms", bare_sent)),
            goal: "≥ 0.8",
        },
        Line {
            name: "RabbitMQ to the consumer's commit, the same messages".to_owned(),
            ours: had,
            unit: "messages/s",
            baseline: Some(("read and acknowledge, and nothing else", bare_had)),
            goal: "–",
        },
    ])
}

/// Messages a second from the outbox to the broker's confirmation.
async fn published(bus: &Bus, pool: &PgPool) -> anyhow::Result<f64> {
    let (settings, signal) = (Common::embedded()?.relay, OutboxSignal::default());
    let relay = Relay::new("bench", pool.clone(), bus.clone(), signal, settings);
    let (begun, end) = (Instant::now(), CancellationToken::new());
    let work = tokio::spawn({
        let end = end.clone();
        async move { relay.run(end).await }
    });
    // Cheap, or looking would cost more than what is looked at.
    until(
        pool,
        "SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE publish_time IS NULL)",
    )
    .await?;
    let rate = rate(begun);
    end.cancel();
    work.await?;
    Ok(rate)
}

/// Messages a second from the broker to the commit of what they caused.
async fn consumed(bus: &Bus, pool: &PgPool, messages: usize) -> anyhow::Result<f64> {
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let subscription = Subscription {
        service: "bench",
        consumer: Arc::new(Count),
        pool: pool.clone(),
    };
    let reader = bus.subscribe(subscription, &stop);
    anyhow::ensure!(bus.healthy().await, "the bus is not there");
    until(pool, &format!("SELECT count(*) >= {messages} FROM inbox")).await?;
    let rate = rate(begun);
    stop.cancel();
    if let Some(reader) = reader {
        reader.await?;
    }
    Ok(rate)
}

fn rate(begun: Instant) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "thousands of messages")]
    let messages = MESSAGES as f64;
    messages / begun.elapsed().as_secs_f64()
}

/// Writes messages into the outbox; the bytes of one.
async fn fill(pool: &PgPool, message: &AgreementChanged, count: usize) -> anyhow::Result<usize> {
    let ids = Ids::random();
    let aggregates: Vec<_> = (0..AGGREGATES).map(|_| ids.new_id()).collect();
    let mut transaction = pool.begin().await?;
    for aggregate in aggregates.iter().cycle().take(count) {
        let outgoing = Outgoing::new(ids.new_id(), KEY, *aggregate, message);
        outbox::publish(&mut transaction, outgoing).await?;
    }
    transaction.commit().await?;
    let size: i32 = sqlx::query_scalar("SELECT octet_length(payload) FROM outbox LIMIT 1")
        .fetch_one(pool)
        .await?;
    Ok(usize::try_from(size)?)
}

async fn until(pool: &PgPool, holds: &str) -> anyhow::Result<()> {
    while !sqlx::query_scalar::<_, bool>(AssertSqlSafe(holds.to_owned()))
        .fetch_one(pool)
        .await?
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Publishes as many messages of the same size, so many unconfirmed at a time.
async fn publish(url: &str, queue: &str, size: usize) -> anyhow::Result<f64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare(queue.into(), durable, arguments).await?;
    let body = vec![7_u8; size];
    let begun = Instant::now();
    let publish = |_| {
        let (channel, body) = (channel.clone(), body.clone());
        async move {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let sent = channel
                .basic_publish(
                    "".into(),
                    queue.into(),
                    BasicPublishOptions::default(),
                    &body,
                    properties,
                )
                .await?;
            sent.await?;
            anyhow::Ok(())
        }
    };
    let mut sent = stream::iter(0..MESSAGES).map(publish).buffer_unordered(WINDOW);
    while let Some(one) = sent.next().await {
        one?;
    }
    let rate = rate(begun);
    connection.close(0, "".into()).await?;
    Ok(rate)
}

/// Reads and acknowledges them, as many at a time as a consumer of ours holds.
async fn read(url: &str, queue: &str) -> anyhow::Result<f64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(256, BasicQosOptions::default()).await?;
    let begun = Instant::now();
    let reading = BasicConsumeOptions::default();
    let mut messages = channel
        .basic_consume(queue.into(), "".into(), reading, FieldTable::default())
        .await?;
    for _ in 0..MESSAGES {
        let message = messages.next().await.context("the queue was closed")??;
        message.acker.ack(BasicAckOptions::default()).await?;
    }
    let rate = rate(begun);
    connection.close(0, "".into()).await?;
    Ok(rate)
}
