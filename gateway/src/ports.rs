//! What the gateway stands on, as values: ways to the services, a counter for limits, a clock, a source of ids.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use time::OffsetDateTime;
use tonic::Status;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

/// A way to one service, over TCP or in memory.
pub type Channel =
    BoxCloneSyncService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, Status>;

/// Everything outside of the gateway.
#[derive(Clone)]
pub struct Ports {
    /// The way to a service by its name, `documents`.
    pub services: Arc<dyn Fn(&str) -> Channel + Send + Sync>,
    /// Counts calls.
    pub counter: Arc<dyn Counter>,
    /// The time.
    pub now: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
    /// New ids.
    pub new_id: Arc<dyn Fn() -> Uuid + Send + Sync>,
    /// The metrics of the process in Prometheus' text form.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Counts calls in a sliding window.
#[async_trait]
pub trait Counter: Send + Sync + 'static {
    /// Counts one call under `key` and says whether it is within `limit` calls in `window`.
    async fn allow(&self, key: &str, limit: u32, window: Duration) -> Decision;
}

/// Whether a call is within its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// True when it is.
    pub allowed: bool,
    /// Calls left.
    pub remaining: u32,
    /// When to try again, or when the window is free again.
    pub retry_after: Duration,
}
