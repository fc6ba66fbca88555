//! What surrounds every request: ids and trace, panics, headers, compression, other sites.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use futures::FutureExt;
use opentelemetry::{KeyValue, global};
use qihang_kit::telemetry;
use tower::util::option_layer;
use tower_http::{
    compression::{CompressionLayer, Predicate, predicate::SizeAbove},
    cors::CorsLayer,
};
use tracing::Instrument;

use crate::{
    client::{self, REQUEST_ID},
    download::RawBody,
    edge::Arrival,
    gateway::Gateway,
    problem::Problem,
    trace,
};

/// Policy of everything that is not a page: nothing may be loaded, nothing may frame it.
const CLOSED: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// Bounds of the histogram of requests' durations, in seconds.
const DURATION_BOUNDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];
/// Answers shorter than this are not worth compressing.
const COMPRESS_ABOVE: u16 = 512;

const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", CLOSED),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
    ),
];

/// Puts the layers around the routes; the first below is the outermost.
pub fn around(router: Router, gateway: &Arc<Gateway>) -> Router {
    let origins: Vec<HeaderValue> = gateway
        .settings
        .origins
        .iter()
        .filter_map(|origin| origin.parse().ok())
        .collect();
    let cors = (!origins.is_empty()).then(|| cors(origins));
    let compression =
        CompressionLayer::new().compress_when(SizeAbove::new(COMPRESS_ABOVE).and(is_compressible));
    router
        .layer(option_layer(cors))
        .layer(compression)
        .layer(from_fn_with_state(gateway.clone(), arrive))
}

fn is_compressible(_: StatusCode, _: Version, headers: &HeaderMap, extensions: &Extensions) -> bool {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_text = media.starts_with("text/") || media.contains("json") || media.contains("javascript");
    is_text && !media.starts_with("text/event-stream") && extensions.get::<RawBody>().is_none()
}

fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let names = [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "last-event-id",
        "range",
        "traceparent",
        "x-csrf-token",
        "x-qihang-client",
        "x-request-id",
    ];
    let shown = [
        "content-disposition",
        "content-range",
        "etag",
        "ratelimit-remaining",
        "retry-after",
        "x-request-id",
    ];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(true)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(names.map(HeaderName::from_static))
        .expose_headers(shown.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600))
}

/// Gives the request its ids and its span, keeps a panic from the connection, and finishes the answer's headers.
async fn arrive(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let begin = std::time::Instant::now();
    let request_id = client::given_request_id(request.headers()).unwrap_or_else(|| (gateway.ports.new_id)());
    let span = trace::span(request.method().as_str(), request.headers());
    span.record("request.id", tracing::field::display(request_id));
    let trace_id = trace::id(&span, || request_id.simple().to_string());
    let (method, version) = (known_method(request.method()), request.version());
    let route = Arc::new(OnceLock::new());
    request.extensions_mut().insert(Arrival {
        request_id,
        trace_id: trace_id.clone(),
        route: route.clone(),
    });

    let answer = AssertUnwindSafe(next.run(request).instrument(span.clone()))
        .catch_unwind()
        .await;
    let mut response = answer.unwrap_or_else(|_| {
        span.in_scope(|| tracing::error!("a request panicked"));
        Problem::internal().into_response(&trace_id)
    });
    span.record("http.response.status_code", response.status().as_u16());
    finish(&gateway, version, response.headers_mut(), &request_id.to_string());
    let labels = [
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route.get().cloned().unwrap_or_default()),
        KeyValue::new("http.response.status_code", i64::from(response.status().as_u16())),
    ];
    duration_histogram().record(begin.elapsed().as_secs_f64(), &labels);
    response
}

/// The method as a label: made-up ones share one, so that clients cannot grow the metrics.
fn known_method(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known
        .into_iter()
        .find(|name| *name == method.as_str())
        .unwrap_or("OTHER")
}

fn duration_histogram() -> &'static opentelemetry::metrics::Histogram<f64> {
    static HISTOGRAM: OnceLock<opentelemetry::metrics::Histogram<f64>> = OnceLock::new();
    HISTOGRAM.get_or_init(|| {
        let meter = global::meter(telemetry::SCOPE);
        meter
            .f64_histogram("http.server.request.duration")
            .with_unit("s")
            .with_boundaries(DURATION_BOUNDS.to_vec())
            .build()
    })
}

fn finish(gateway: &Gateway, version: Version, headers: &mut HeaderMap, request_id: &str) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if gateway.settings.cookies_are_secure() {
        let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(value);
    }
    if let Ok(value) = request_id.parse() {
        headers.insert(REQUEST_ID, value);
    }
    // Whoever keeps a connection opens the next one to another gateway, before this one ends under a request.
    if gateway.readiness.is_draining() && version < Version::HTTP_2 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
