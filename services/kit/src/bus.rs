//! The bus that carries messages between services: in process (`local://`) or RabbitMQ (`amqp://…`).
//!
//! The relay publishes, subscriptions receive; outbox, inbox, retries and dead letters are the same for both.

mod amqp;
mod local;

use std::time::Duration;

use opentelemetry::KeyValue;
use tokio_util::sync::CancellationToken;

pub use self::{amqp::Amqp, local::Local};
use crate::{
    consume::{Delivery, Subscription},
    telemetry,
};

/// Tries of one consumer before a message becomes a dead letter; those in which a part was away do not count.
pub const MAX_ATTEMPTS: u32 = 6;

/// Longest that the bus may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Pause between two looks at whether it is.
const LOOK: Duration = Duration::from_secs(2);

/// What became of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Taken: the message need not be published again.
    Done,
    /// A consumer failed: to be published again later, with one try more on its account.
    Later,
    /// The bus, or a part that a consumer needs, is away: to be published again later.
    Wait,
}

/// Where messages go.
#[derive(Clone)]
pub enum Bus {
    /// Straight to the consumers of this process.
    Local(Local),
    /// To RabbitMQ.
    Amqp(Amqp),
}

impl Bus {
    /// Opens the bus of a URL. RabbitMQ need not be up yet: connecting is tried for ever in the background.
    ///
    /// # Errors
    /// When the scheme is unknown.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        match url.split_once("://").map(|(scheme, _)| scheme) {
            Some("local") => Ok(Self::Local(Local::default())),
            Some("amqp" | "amqps") => Ok(Self::Amqp(Amqp::new(url))),
            _ => anyhow::bail!("bus.url must begin with local:// or amqp://"),
        }
    }

    /// Publishes one message; `attempts` counts the earlier tries of the same row.
    pub async fn publish(&self, service: &str, delivery: &Delivery, attempts: u32) -> Outcome {
        match self {
            Self::Local(local) => local.publish(delivery, attempts).await,
            Self::Amqp(amqp) => amqp.publish(service, delivery).await,
        }
    }

    /// Makes a subscription receive; with RabbitMQ a background task that ends when `stop` is cancelled and the message in
    /// hand is done.
    pub fn subscribe(
        &self,
        subscription: Subscription,
        stop: &CancellationToken,
    ) -> Option<tokio::task::JoinHandle<()>> {
        match self {
            Self::Local(local) => {
                local.add(subscription);
                None
            }
            Self::Amqp(amqp) => Some(amqp.subscribe(subscription, stop.clone())),
        }
    }

    /// Publications under way at once that serve it best: RabbitMQ confirms many together, while in one process each is
    /// the work of its consumers.
    #[must_use]
    pub fn window(&self) -> usize {
        match self {
            Self::Local(_) => 16,
            Self::Amqp(_) => 512,
        }
    }

    /// Feeds the gauge `bus_up` of the services that share this bus, which is asked once for all of them, until told to stop.
    pub(crate) async fn watch(self, services: Vec<&'static str>, stop: CancellationToken) {
        let up = opentelemetry::global::meter(telemetry::SCOPE)
            .u64_gauge("bus_up")
            .with_description("Whether messages can be published now")
            .build();
        loop {
            let healthy = tokio::time::timeout(PATIENCE, self.healthy())
                .await
                .unwrap_or(false);
            for service in &services {
                up.record(u64::from(healthy), &[KeyValue::new("service", *service)]);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// True when messages can be published now.
    pub async fn healthy(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Amqp(amqp) => amqp.healthy().await,
        }
    }
}

/// Pause before try number `attempts + 1` of a consumer: 0.2 s, doubling up to 13 s.
pub(crate) fn pause(attempts: u32) -> Duration {
    Duration::from_millis(200u64.saturating_mul(1 << attempts.min(6)))
}
