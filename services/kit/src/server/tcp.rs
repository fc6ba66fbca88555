//! Serving over TCP: health, reflection, a lame-duck phase and a drain.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::{
    body::Body,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::ServiceExt as _;

use crate::{client::Local, settings::LimitSettings};

/// Says whether a service can do its work now.
pub type Ready = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// Pause between two looks at that.
const PROBE: Duration = Duration::from_secs(5);
/// Pings to clients, so that connections of those that vanished do not pile up.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Serves until `stop`: then health says NOT_SERVING while new calls are still taken (so that balancers learn of it), and
/// after that calls under way are finished.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    service: Local,
    listener: TcpListener,
    limits: LimitSettings,
    ready: Ready,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(qihang_proto::DESCRIPTORS)
        .build_v1()?;
    let calls =
        axum::Router::new().fallback_service(tower::service_fn(move |request: Request<axum::body::Body>| {
            let service = service.clone();
            async move {
                let answer: Result<Response<Body>, Infallible> =
                    service.oneshot(request.map(Body::new)).await;
                answer.map(|response| response.map(axum::body::Body::new))
            }
        }));
    let routes = Routes::from(calls).add_service(health).add_service(reflection);
    let closing = CancellationToken::new();
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .max_connection_age(Duration::from_millis(limits.connection_age_ms))
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            closing.clone().cancelled_owned(),
        );
    // Whoever gives up on serving also closes the listener.
    let server = AbortOnDropHandle::new(tokio::spawn(server));
    probe(&reporter, ready, &stop).await;
    lame_duck(&reporter, limits).await;
    closing.cancel();
    match tokio::time::timeout(Duration::from_millis(limits.drain_ms), server).await {
        Ok(ended) => Ok(ended??),
        Err(_) => {
            tracing::warn!("calls were still under way when the drain time was over");
            Ok(())
        }
    }
}

/// Keeps health up to date until `stop`.
async fn probe(reporter: &HealthReporter, ready: Ready, stop: &CancellationToken) {
    let look = async {
        loop {
            let status = if ready().await {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            reporter.set_service_status("", status).await;
            tokio::time::sleep(PROBE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = look => {}
    }
}

async fn lame_duck(reporter: &HealthReporter, limits: LimitSettings) {
    reporter.set_service_status("", ServingStatus::NotServing).await;
    tracing::info!(lame_duck_ms = limits.lame_duck_ms, "stopping");
    tokio::time::sleep(Duration::from_millis(limits.lame_duck_ms)).await;
}

/// Binds a listener, naming the address when it is taken.
///
/// # Errors
/// When the address cannot be bound.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {error}"))
}
