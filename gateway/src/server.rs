//! The HTTP server: routes, connections with limits of time and size, and a stop that loses nothing.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo, routing::get};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt;

use crate::{docs, edge, gateway::Gateway, layers, own, readiness, settings::Settings};

/// Longest head of an HTTP/1 request.
const MAX_HEAD: usize = 64 * 1024;
/// Most headers of an HTTP/1 request.
const MAX_HEADERS: usize = 100;
/// Most requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 256;

/// The gateway as a router, layers included.
pub fn router(gateway: &Arc<Gateway>) -> Router {
    let router = Router::new()
        .route("/healthz", get(readiness::healthz))
        .route("/readyz", get(readiness::readyz))
        .route("/metrics", get(own::metrics))
        .route("/.well-known/jwks.json", get(own::jwks))
        .merge(docs::router())
        .fallback(edge::handle)
        .method_not_allowed_fallback(edge::handle)
        .with_state(gateway.clone());
    layers::around(router, gateway)
}

/// Serves until `stop` is ready, then tells so by `/readyz`, goes on for the lame-duck time, stops accepting, and lets the
/// requests under way end.
///
/// # Errors
/// Never for a single connection; only when the listener is broken for good.
pub async fn serve(
    gateway: Gateway,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let gateway = Arc::new(gateway);
    let settings = &gateway.settings;
    let router = router(&gateway);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let stop = async {
        stop.await;
        gateway.readiness.drain();
        tokio::time::sleep(Duration::from_millis(settings.lame_duck_ms)).await;
    };
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok(accepted) => connect(settings, router.clone(), &graceful, accepted),
            Err(error) => {
                // Out of file descriptors or a connection that is gone already: neither ends the server.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(Duration::from_millis(settings.drain_ms), graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were cut off at the end of the drain time");
    }
    Ok(())
}

/// A connection with its place, as soon as there is one.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> anyhow::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

fn connect(
    settings: &Settings,
    router: Router,
    graceful: &GracefulShutdown,
    (stream, peer, place): (TcpStream, SocketAddr, OwnedSemaphorePermit),
) {
    // Small answers go out at once; a socket that cannot do so still works.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(
                router
                    .oneshot(request.map(axum::body::Body::new))
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    let head = Duration::from_millis(settings.header_timeout_ms);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD as u32)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(place);
    });
}
