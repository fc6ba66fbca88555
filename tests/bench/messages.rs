//! From the outbox to a consumer's committed effect, against publishing as many messages to RabbitMQ with confirms.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
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
use sqlx::{PgConnection, PgPool, migrate::Migrator, postgres::PgConnectOptions};
use tokio_util::sync::CancellationToken;

use crate::measure::{Line, Series};

/// Messages of a round.
const MESSAGES: usize = 20_000;
/// Records that they are about.
const AGGREGATES: usize = 500;
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

/// Measures both on private servers.
pub(crate) async fn line(servers: &Servers) -> anyhow::Result<Line> {
    let options: PgConnectOptions = servers.postgres.url(NAME).parse()?;
    let pool = db::connect_with(options, 10, std::time::Duration::from_secs(10), "bench").await?;
    db::migrate(&pool, "bench", &NONE).await?;
    let message = AgreementChanged::default();
    let (mut ours, mut bare) = (Series::default(), Series::default());
    let stop = CancellationToken::new();
    let bus = Bus::open(&servers.rabbit.url())?;
    let subscription = Subscription {
        service: "bench",
        consumer: Arc::new(Count),
        pool: pool.clone(),
    };
    let reader = bus.subscribe(subscription, &stop);
    anyhow::ensure!(bus.healthy().await, "the bus is not there");
    let size = fill(&pool, &message, 1).await?;
    for round in 0..ROUNDS {
        sqlx::query("TRUNCATE outbox, inbox").execute(&pool).await?;
        fill(&pool, &message, MESSAGES).await?;
        let relay = Relay::new(
            "bench",
            pool.clone(),
            bus.clone(),
            OutboxSignal::default(),
            Common::embedded()?.relay,
        );
        let (begun, end) = (Instant::now(), stop.child_token());
        let work = tokio::spawn({
            let end = end.clone();
            async move { relay.run(end).await }
        });
        until_consumed(&pool).await?;
        ours.push(rate(begun));
        end.cancel();
        work.await?;
        bare.push(baseline(&servers.rabbit.url(), round, size).await?);
    }
    stop.cancel();
    if let Some(reader) = reader {
        reader.await?;
    }
    Ok(Line {
        name: format!("outbox to consumer's commit, {MESSAGES} messages of {AGGREGATES} records"),
        ours,
        unit: "messages/s",
        baseline: Some(("publish to a quorum queue with confirms", bare)),
        goal: "≥ 0.8 of publishing",
    })
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

async fn until_consumed(pool: &PgPool) -> anyhow::Result<()> {
    let wanted = i64::try_from(MESSAGES)?;
    loop {
        let done: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox")
            .fetch_one(pool)
            .await?;
        if done >= wanted {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Publishes as many messages of the same size, so many unconfirmed at a time.
async fn baseline(url: &str, round: usize, size: usize) -> anyhow::Result<f64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let queue = format!("bench.bare.{round}");
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), durable, arguments)
        .await?;
    let body = vec![7_u8; size];
    let begun = Instant::now();
    let publish = |_| {
        let (channel, queue, body) = (channel.clone(), queue.clone(), body.clone());
        async move {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let sent = channel
                .basic_publish(
                    "".into(),
                    queue.as_str().into(),
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
