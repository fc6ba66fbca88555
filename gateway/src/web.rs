//! The web portal and the phone pages, as `make web` built them: files that keep for ever, pages that never do.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};

use crate::reply::none_match;

/// What `gateway/web` was built to. A program built for release holds the files; one for development reads them.
#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Built;

/// What a page may load: files of this host, and nothing inline.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'self'; object-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// Files whose names change with what is in them.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What stands in for the pages until they are built.
const UNBUILT: &str = include_str!("../assets/unbuilt.html");

/// The file or page at an address that is no call's; `None` when there is nothing for this reader.
pub fn answer(parts: &Parts) -> Option<Response> {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return None;
    }
    let path = parts.uri.path().trim_start_matches('/');
    let (app, file) = match path.strip_prefix("h5") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => ("h5", rest.trim_start_matches('/')),
        _ => ("portal", path),
    };
    if !file.is_empty()
        && file != "index.html"
        && let Some(found) = asset(app, file, &parts.headers)
    {
        return Some(found);
    }
    // A script or a picture that is gone is not a page: saying so lets an open tab load itself anew.
    ((file.is_empty() || wants_page(&parts.headers))
        && !path.starts_with("v1/")
        && !file.starts_with("assets/"))
    .then(|| page(app))
}

fn asset(app: &str, file: &str, headers: &HeaderMap) -> Option<Response> {
    let name = format!("{app}/{file}");
    let plain = Built::get(&name)?;
    let media = HeaderValue::from_str(plain.metadata.mimetype()).ok()?;
    let (coding, found) = coded(&name, plain, headers);
    let etag = HeaderValue::from_str(&format!("\"{}\"", hex::encode(found.metadata.sha256_hash()))).ok()?;
    let keep = if file.starts_with("assets/") {
        FOR_EVER
    } else {
        "no-cache"
    };
    let facts = [
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (header::ETAG, etag.clone()),
    ];
    if etag.to_str().is_ok_and(|etag| none_match(headers, etag)) {
        return Some((StatusCode::NOT_MODIFIED, facts).into_response());
    }
    let mut response = (facts, [(header::CONTENT_TYPE, media)], Body::from(found.data)).into_response();
    response
        .headers_mut()
        .extend(coding.map(|coding| (header::CONTENT_ENCODING, HeaderValue::from_static(coding))));
    Some(response)
}

/// The smallest copy of a file that the reader takes.
fn coded(name: &str, plain: EmbeddedFile, headers: &HeaderMap) -> (Option<&'static str>, EmbeddedFile) {
    let taken = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let takes = |coding: &str| taken.split(',').any(|one| one.trim() == coding);
    for (coding, ending) in [("br", "br"), ("gzip", "gz")] {
        if takes(coding)
            && let Some(copy) = Built::get(&format!("{name}.{ending}"))
        {
            return (Some(coding), copy);
        }
    }
    (None, plain)
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|media| media.contains("text/html"))
}

fn page(app: &str) -> Response {
    let html = Built::get(&format!("{app}/index.html"));
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PAGE_POLICY),
        ),
    ];
    match html {
        Some(html) => (headers, Body::from(html.data)).into_response(),
        None => (headers, UNBUILT).into_response(),
    }
}
