//! The reference for programmers: `/openapi.json` and a page that shows it. Nothing is loaded from elsewhere and no
//! script stands in a page, so that the content security policy can be strict.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;

use crate::{gateway::Gateway, reply::none_match};

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes.
pub fn router() -> Router<Arc<Gateway>> {
    Router::new()
        .route(
            "/docs",
            get(|| async { page(include_str!("../assets/docs.html")) }),
        )
        .route(
            "/docs/docs.js",
            get(|| async {
                asset(
                    "text/javascript; charset=utf-8",
                    include_str!("../assets/docs.js"),
                )
            }),
        )
        .route(
            "/docs/docs.css",
            get(|| async { asset("text/css; charset=utf-8", include_str!("../assets/docs.css")) }),
        )
        .route("/openapi.json", get(openapi))
}

fn page(html: &'static str) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PAGE_POLICY),
        ),
    ];
    (headers, html).into_response()
}

fn asset(media: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (headers, text).into_response()
}

async fn openapi(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    let (etag, json): (HeaderValue, Bytes) = (gateway.openapi.etag.clone(), gateway.openapi.json.clone());
    let answer = [
        (header::ETAG, etag.clone()),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, no-cache"),
        ),
    ];
    if etag.to_str().is_ok_and(|etag| none_match(&headers, etag)) {
        return (StatusCode::NOT_MODIFIED, answer).into_response();
    }
    let media = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    )];
    (answer, media, json).into_response()
}
