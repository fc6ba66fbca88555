//! W3C trace context at the edge: a valid `traceparent` is continued, and every answer can name its trace.

use axum::http::HeaderMap;
use qihang_kit::telemetry;
use tracing::Span;

/// Makes the span of a request, as a child of the caller's when it sent a valid `traceparent`.
pub fn span(method: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "http",
        otel.name = tracing::field::Empty,
        otel.kind = "server",
        http.request.method = method,
        http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
        request.id = tracing::field::Empty,
    );
    let parent = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    telemetry::set_parent(&span, parent);
    span
}

/// The id of a span's trace, or `fallback` when no trace is kept.
pub fn id(span: &Span, fallback: impl FnOnce() -> String) -> String {
    telemetry::traceparent(span)
        .get(3..35)
        .map_or_else(fallback, str::to_owned)
}
