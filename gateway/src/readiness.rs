//! Whether the gateway should get requests.
//!
//! It waits at its start for every service. Afterwards one service that fails does not take the gateway away from the
//! others: it stays ready as long as any service answers and no stop was asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::future::join_all;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::{Code, metadata::MetadataMap};

use crate::gateway::Gateway;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const PATIENCE: Duration = Duration::from_secs(2);
const SERVING: u64 = 1;

/// Where the gateway is in its life.
#[derive(Debug, Default)]
pub struct Readiness {
    started: AtomicBool,
    draining: AtomicBool,
}

/// The answer of `grpc.health.v1.Health/Check`.
#[derive(Clone, Copy, Message)]
struct HealthReply {
    #[prost(uint64, tag = "1")]
    status: u64,
}

impl Readiness {
    /// From now on the gateway is not ready any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// True after [`Self::drain`].
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// `GET /healthz`: the process answers.
pub async fn healthz() -> Response {
    (
        [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
        "ok\n",
    )
        .into_response()
}

/// `GET /readyz`: 200 when the gateway should get requests, with each service's state.
pub async fn readyz(State(gateway): State<Arc<Gateway>>) -> Response {
    let names: BTreeSet<&str> = gateway
        .table
        .routes()
        .iter()
        .map(|route| route.call.service.as_str())
        .collect();
    let checks = names
        .iter()
        .map(|name| async { (*name, is_serving(&gateway, name).await) });
    let services: BTreeMap<&str, bool> = join_all(checks).await.into_iter().collect();
    let readiness = &gateway.readiness;
    if services.values().all(|serving| *serving) {
        readiness.started.store(true, Ordering::Release);
    }
    let any = services.is_empty() || services.values().any(|serving| *serving);
    let is_draining = readiness.is_draining();
    let is_ready = readiness.started.load(Ordering::Acquire) && any && !is_draining;
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let services: BTreeMap<&str, &str> = services
        .into_iter()
        .map(|(name, serving)| (name, if serving { "serving" } else { "unavailable" }))
        .collect();
    let body = serde_json::json!({ "ready": is_ready, "draining": is_draining, "services": services });
    (
        status,
        [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
        axum::Json(body),
    )
        .into_response()
}

/// A service that has no health service but answers is taken as serving.
async fn is_serving(gateway: &Gateway, service: &str) -> bool {
    let request = crate::call::request(Bytes::new(), MetadataMap::new());
    let reply = gateway
        .upstream(service)
        .unary(PathAndQuery::from_static(CHECK), request);
    match tokio::time::timeout(PATIENCE, reply).await {
        Err(_) => false,
        Ok(Ok(reply)) => HealthReply::decode(reply.into_inner()).is_ok_and(|reply| reply.status == SERVING),
        Ok(Err(status)) => matches!(
            status.code(),
            Code::Unimplemented | Code::PermissionDenied | Code::Unauthenticated
        ),
    }
}
