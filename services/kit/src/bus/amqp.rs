//! RabbitMQ: one topic exchange, a quorum queue a consumer with one active reader, publisher confirms, CloudEvents headers.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    ops::ControlFlow,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer as LapinConsumer,
    ExchangeKind,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable, LongString},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    sync::{Mutex, mpsc},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{MAX_ATTEMPTS, Outcome, pause};
use crate::consume::{ConsumeError, Delivery, Subscription};

/// The topic exchange of the suite.
const EXCHANGE: &str = "qihang";
/// Exchange and queue for messages that crash their reader again and again.
const DEAD: &str = "qihang.dead";
/// Messages a reader holds at once: a lane has enough of them to fill a transaction.
const PREFETCH: u16 = 1024;
/// Lanes a reader works in; messages of one aggregate share a lane and keep their order.
const LANES: usize = 8;
/// Deliveries of one message before RabbitMQ itself takes it out; failures that we see end long before.
const DELIVERY_LIMIT: i64 = 20;
/// Longest to connect, or to wait for the broker's confirmation.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before connecting again.
const RECONNECT: Duration = Duration::from_millis(500);

/// A connection to RabbitMQ that comes back by itself.
#[derive(Clone)]
pub struct Amqp(Arc<Inner>);

struct Inner {
    url: String,
    publisher: Mutex<Publisher>,
    /// What this process reads: its queues stand before its first message, or that message would have nowhere to go.
    subscriptions: StdMutex<Vec<Subscription>>,
}

/// The connection that all publications share, and how many there were before it.
#[derive(Default)]
struct Publisher {
    generation: u64,
    open: Option<(Connection, Channel)>,
}

impl Amqp {
    /// Remembers the address; connects when first needed.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self(Arc::new(Inner {
            url: url.to_owned(),
            publisher: Mutex::default(),
            subscriptions: StdMutex::default(),
        }))
    }

    fn subscriptions(&self) -> MutexGuard<'_, Vec<Subscription>> {
        self.0
            .subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn publish(&self, service: &str, delivery: &Delivery) -> Outcome {
        match self.try_publish(service, delivery).await {
            Ok(true) => Outcome::Done,
            Ok(false) => {
                tracing::warn!(message.id = %delivery.id, "RabbitMQ did not take a message");
                Outcome::Wait
            }
            Err(error) => {
                tracing::warn!(error = %error, message.id = %delivery.id, "message could not be published");
                Outcome::Wait
            }
        }
    }

    async fn try_publish(&self, service: &str, delivery: &Delivery) -> anyhow::Result<bool> {
        let late = |_| anyhow::anyhow!("RabbitMQ does not answer");
        let (generation, channel) = tokio::time::timeout(TIMEOUT, self.channel())
            .await
            .map_err(late)??;
        // A broker that blocks its publishers confirms nothing and says nothing.
        let confirm = tokio::time::timeout(TIMEOUT, confirmed(&channel, service, delivery)).await;
        match confirm.map_err(late).and_then(|confirm| Ok(confirm?)) {
            Ok(confirm) => Ok(matches!(confirm, Confirmation::Ack(_))),
            Err(error) => {
                self.forget(generation).await;
                Err(error)
            }
        }
    }

    async fn channel(&self) -> anyhow::Result<(u64, Channel)> {
        let mut publisher = self.0.publisher.lock().await;
        if let Some(open) = publisher.open.as_ref().filter(|open| open.1.status().connected()) {
            return Ok((publisher.generation, open.1.clone()));
        }
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        declare_exchanges(&channel).await?;
        let subscriptions = self.subscriptions().clone();
        for subscription in &subscriptions {
            declare_queue(&channel, subscription).await?;
        }
        publisher.generation += 1;
        publisher.open = Some((connection, channel.clone()));
        Ok((publisher.generation, channel))
    }

    /// Lets a broken connection go, unless another publication has replaced it already.
    async fn forget(&self, generation: u64) {
        let mut publisher = self.0.publisher.lock().await;
        if publisher.generation == generation {
            publisher.open = None;
        }
    }

    async fn connect(&self) -> anyhow::Result<Connection> {
        let properties = ConnectionProperties::default().with_connection_name("qihang".into());
        let connection = tokio::time::timeout(TIMEOUT, Connection::connect(&self.0.url, properties)).await;
        Ok(connection.map_err(|_| anyhow::anyhow!("RabbitMQ does not answer"))??)
    }

    pub(super) async fn healthy(&self) -> bool {
        self.channel().await.is_ok()
    }

    pub(super) fn subscribe(&self, subscription: Subscription, stop: CancellationToken) -> JoinHandle<()> {
        let amqp = self.clone();
        amqp.subscriptions().push(subscription.clone());
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                if let Err(error) = amqp.read(&subscription, &stop).await {
                    tracing::warn!(queue = subscription.queue(), error = %error, "lost the queue, connecting again");
                }
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(RECONNECT) => {}
                }
            }
        })
    }

    /// Reads until the connection is lost or the service stops; the messages in hand are finished.
    async fn read(&self, subscription: &Subscription, stop: &CancellationToken) -> anyhow::Result<()> {
        let begun = tokio::time::timeout(TIMEOUT, self.begin(subscription)).await;
        let (connection, mut messages) = begun.map_err(|_| anyhow::anyhow!("RabbitMQ does not answer"))??;
        let mut lanes = Lanes::new(subscription, stop);
        let result = loop {
            let message = tokio::select! {
                () = stop.cancelled() => break Ok(()),
                message = messages.next() => message,
            };
            match message {
                Some(Ok(message)) => lanes.give(message).await,
                Some(Err(error)) => break Err(error.into()),
                None => break Err(anyhow::anyhow!("the queue was closed")),
            }
        };
        if result.is_err() {
            lanes.abandoned.cancel();
        }
        lanes.finish().await;
        // A line that is broken may never say so; the broker notices by itself.
        drop(tokio::time::timeout(TIMEOUT, connection.close(200, "done".into())).await);
        result
    }

    /// A connection of its own, and the queue's messages on it.
    async fn begin(&self, subscription: &Subscription) -> anyhow::Result<(Connection, LapinConsumer)> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        declare_queue(&channel, subscription).await?;
        let queue = subscription.queue();
        let messages = channel
            .basic_consume(
                queue.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok((connection, messages))
    }
}

/// Publishes and waits for the confirmation. A message that no queue wants is confirmed too: nobody cares for it yet.
async fn confirmed(channel: &Channel, service: &str, delivery: &Delivery) -> lapin::Result<Confirmation> {
    channel
        .basic_publish(
            EXCHANGE.into(),
            delivery.key.as_str().into(),
            BasicPublishOptions::default(),
            &delivery.payload,
            properties(service, delivery),
        )
        .await?
        .await
}

/// Workers of one reader.
struct Lanes {
    senders: Vec<mpsc::Sender<lapin::message::Delivery>>,
    workers: JoinSet<()>,
    /// Cancelled when nothing can be acknowledged any more, or the service stops: nobody waits then.
    abandoned: CancellationToken,
}

impl Lanes {
    fn new(subscription: &Subscription, stop: &CancellationToken) -> Self {
        let mut senders = Vec::new();
        let mut workers = JoinSet::new();
        let abandoned = stop.child_token();
        for _ in 0..LANES {
            let (sender, mut receiver) = mpsc::channel::<lapin::message::Delivery>(usize::from(PREFETCH));
            let subscription = subscription.clone();
            let abandoned = abandoned.clone();
            workers.spawn(async move {
                while let Some(first) = receiver.recv().await {
                    let mut waiting = vec![first];
                    while waiting.len() < subscription.consumer.at_once()
                        && let Ok(next) = receiver.try_recv()
                    {
                        waiting.push(next);
                    }
                    // The lane ends with a message that was not done: those behind it may not overtake it.
                    if work_all(&subscription, waiting, &abandoned).await.is_break() {
                        return;
                    }
                }
            });
            senders.push(sender);
        }
        Self {
            senders,
            workers,
            abandoned,
        }
    }

    async fn give(&mut self, message: lapin::message::Delivery) {
        let mut hasher = DefaultHasher::new();
        header(&message, "aggregate")
            .unwrap_or_default()
            .hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % (LANES as u64)).unwrap_or_default();
        if let Some(sender) = self.senders.get(lane) {
            // A closed lane was abandoned; the message was not acknowledged and comes back.
            drop(sender.send(message).await);
        }
    }

    async fn finish(mut self) {
        self.senders.clear();
        while self.workers.join_next().await.is_some() {}
    }
}

/// Acts on what waits in a lane in one transaction; where that fails, on each alone, so that it is known which one fails.
async fn work_all(
    subscription: &Subscription,
    messages: Vec<lapin::message::Delivery>,
    abandoned: &CancellationToken,
) -> ControlFlow<()> {
    let deliveries: Vec<Delivery> = messages.iter().filter_map(parse).collect();
    let together = deliveries.len() == messages.len() && messages.len() > 1;
    if together && subscription.handle_all(&deliveries).await.is_ok() {
        for message in messages {
            acknowledge(&message).await;
        }
        return ControlFlow::Continue(());
    }
    for message in messages {
        work(subscription, message, abandoned).await?;
    }
    ControlFlow::Continue(())
}

async fn acknowledge(message: &lapin::message::Delivery) {
    let acknowledged = tokio::time::timeout(TIMEOUT, message.acker.ack(BasicAckOptions::default())).await;
    if !matches!(acknowledged, Ok(Ok(_))) {
        tracing::debug!("acknowledgement was lost; the inbox takes care of the redelivery");
    }
}

/// Acts on one message, again and again in place so that its lane keeps the order, and acknowledges it after the commit.
/// Breaks when it was left undone.
async fn work(
    subscription: &Subscription,
    message: lapin::message::Delivery,
    abandoned: &CancellationToken,
) -> ControlFlow<()> {
    let Some(delivery) = parse(&message) else {
        tracing::error!(
            queue = subscription.queue(),
            "message without our headers was put aside"
        );
        drop(
            message
                .acker
                .nack(BasicNackOptions {
                    requeue: false,
                    ..BasicNackOptions::default()
                })
                .await,
        );
        return ControlFlow::Continue(());
    };
    let mut attempts = 0;
    for tries in 1u32.. {
        let Err(error) = subscription.handle(&delivery).await else {
            break;
        };
        attempts += u32::from(!matches!(error, ConsumeError::Wait(_)));
        if matches!(error, ConsumeError::Reject(_)) || attempts >= MAX_ATTEMPTS {
            if subscription.bury(&delivery, attempts, &error).await.is_ok() {
                break;
            }
        } else {
            tracing::warn!(
                queue = subscription.queue(), message.id = %delivery.id, tries, attempts, error = %error,
                "consumer failed"
            );
        }
        tokio::select! {
            // Not acknowledged: the broker brings it again.
            () = abandoned.cancelled() => return ControlFlow::Break(()),
            () = tokio::time::sleep(pause(tries)) => {}
        }
    }
    acknowledge(&message).await;
    ControlFlow::Continue(())
}

/// CloudEvents 1.0 in AMQP binary mode, with the trace context and the aggregate beside them.
fn properties(service: &str, delivery: &Delivery) -> BasicProperties {
    let mut headers = FieldTable::default();
    let mut put = |name: &str, value: &str| {
        headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    };
    put("cloudEvents:specversion", "1.0");
    put("cloudEvents:id", &delivery.id.to_string());
    put("cloudEvents:source", &format!("/qihang/{service}"));
    put("cloudEvents:type", &delivery.key);
    put(
        "cloudEvents:time",
        &delivery.time.format(&Rfc3339).unwrap_or_default(),
    );
    put("traceparent", &delivery.traceparent);
    put("aggregate", &delivery.aggregate);
    BasicProperties::default()
        .with_content_type("application/protobuf".into())
        .with_delivery_mode(2)
        .with_message_id(delivery.id.to_string().into())
        .with_headers(headers)
}

fn parse(message: &lapin::message::Delivery) -> Option<Delivery> {
    Some(Delivery {
        id: header(message, "cloudEvents:id")?.parse::<Uuid>().ok()?,
        key: header(message, "cloudEvents:type")?,
        aggregate: header(message, "aggregate").unwrap_or_default(),
        time: OffsetDateTime::parse(&header(message, "cloudEvents:time")?, &Rfc3339).ok()?,
        payload: message.data.to_vec().into(),
        traceparent: header(message, "traceparent").unwrap_or_default(),
    })
}

fn header(message: &lapin::message::Delivery, name: &str) -> Option<String> {
    let headers = message.properties.headers().as_ref()?;
    match headers.inner().get(name)? {
        AMQPValue::LongString(value) => Some(value.to_string()),
        AMQPValue::ShortString(value) => Some(value.to_string()),
        _ => None,
    }
}

async fn declare_exchanges(channel: &Channel) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            EXCHANGE.into(),
            ExchangeKind::Topic,
            durable,
            FieldTable::default(),
        )
        .await?;
    channel
        .exchange_declare(DEAD.into(), ExchangeKind::Fanout, durable, FieldTable::default())
        .await
}

async fn declare_queue(channel: &Channel, subscription: &Subscription) -> lapin::Result<()> {
    declare_exchanges(channel).await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel
        .queue_declare(DEAD.into(), durable, quorum.clone())
        .await?;
    channel
        .queue_bind(
            DEAD.into(),
            DEAD.into(),
            "".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    quorum.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    quorum.insert(
        "x-dead-letter-exchange".into(),
        AMQPValue::LongString(DEAD.into()),
    );
    // One active reader keeps the order of an aggregate when several replicas run; another takes over when it goes.
    quorum.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    let queue = subscription.queue();
    channel
        .queue_declare(queue.as_str().into(), durable, quorum)
        .await?;
    for key in subscription.consumer.keys() {
        channel
            .queue_bind(
                queue.as_str().into(),
                EXCHANGE.into(),
                (*key).into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    Ok(())
}
