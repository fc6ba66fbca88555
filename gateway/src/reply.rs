//! Replies: what a service's headers say, entity tags, caching, cookies.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use prost_reflect::DynamicMessage;
use qihang_proto::options::v1::SessionEffect;
use sha2::{Digest, Sha256};
use tonic::metadata::{KeyAndValueRef, MetadataMap};

use crate::{exchange::Exchange, problem::Problem, transcode::write, visit::Credentials};

/// Headers that a service cannot set: they belong to the connection or to the gateway.
const OWN_HEADERS: [&str; 8] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "trailer",
    "te",
    "set-cookie",
    "date",
];

/// Calls a service and answers with its one reply.
///
/// # Errors
/// What the service says, or what is wrong with the request.
pub async fn unary(exchange: &Exchange<'_>, body: Body) -> Result<Response, Problem> {
    let call = exchange.call();
    let message = exchange.message(body).await?;
    let timeout = exchange.gateway.settings.request_timeout();
    let metadata = exchange.visit.metadata(exchange.headers(), timeout);
    let request = crate::call::request(Bytes::from(prost::Message::encode_to_vec(&message)), metadata);
    let upstream = exchange.gateway.upstream(&call.service);
    // From here on, since whoever sends a body slowly must not keep others out.
    let place = exchange.gateway.take_place()?;
    let reply = tokio::time::timeout(timeout, upstream.unary(call.path.clone(), request)).await;
    drop(place);
    let reply = reply.map_err(|_| Problem::from_code(tonic::Code::DeadlineExceeded))??;
    from_message(exchange, reply)
}

/// Turns a reply message into an answer.
///
/// # Errors
/// When the reply does not fit its descriptor.
pub fn from_message(exchange: &Exchange<'_>, reply: tonic::Response<Bytes>) -> Result<Response, Problem> {
    let (metadata, bytes, _) = reply.into_parts();
    let call = exchange.call();
    if call.raw_reply {
        return raw(&metadata, &bytes);
    }
    let mut message =
        DynamicMessage::decode(call.output.clone(), bytes).map_err(|error| broken(call, &error))?;
    let cookies = session_cookies(exchange, &mut message);
    let json = match &exchange.route.response_body {
        Some(field) => write::field(&message, field),
        None => write::message(&message),
    };
    let json = json.map_err(|error| broken(call, &error))?;
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    let not_modified = cache_headers(exchange, &message, &json, &mut headers);
    apply_metadata(&metadata, &mut headers);
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
    let (status, body) = match not_modified {
        true => (StatusCode::NOT_MODIFIED, Body::empty()),
        false => (status(&metadata), Body::from(json)),
    };
    if not_modified {
        headers.remove(header::CONTENT_TYPE);
    }
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn raw(metadata: &MetadataMap, bytes: &Bytes) -> Result<Response, Problem> {
    let body: qihang_proto::common::v1::HttpBody =
        prost::Message::decode(bytes.clone()).map_err(|_| Problem::internal())?;
    let mut headers = HeaderMap::new();
    let content_type = HeaderValue::from_str(&body.content_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !body.file_name.is_empty() {
        headers.extend(
            crate::download::disposition(&body.file_name).map(|value| (header::CONTENT_DISPOSITION, value)),
        );
    }
    apply_metadata(metadata, &mut headers);
    let mut response = Response::new(Body::from(body.data));
    *response.status_mut() = status(metadata);
    *response.headers_mut() = headers;
    Ok(response)
}

fn broken(call: &crate::transcode::Call, error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(rpc.method = %call.name, error, "a reply cannot be written as JSON");
    Problem::internal()
}

fn session_cookies(exchange: &Exchange<'_>, message: &mut DynamicMessage) -> Vec<HeaderValue> {
    let keeps_cookies = exchange.visit.kind.keeps_cookies();
    let cookies = &exchange.gateway.cookies;
    match exchange.call().access.session() {
        SessionEffect::Issue if keeps_cookies => {
            cookies.take_tokens(message, (exchange.gateway.ports.now)().unix_timestamp())
        }
        SessionEffect::End
            if keeps_cookies || matches!(exchange.visit.credentials, Credentials::Cookie(_)) =>
        {
            cookies.clear()
        }
        _ => Vec::new(),
    }
}

/// Cookies to delete when the service says that the session they belong to is over: at a logout or a refresh.
pub fn ended_cookies(exchange: &Exchange<'_>) -> Vec<HeaderValue> {
    let call = exchange.call();
    let is_refresh = call.input.get_field_by_name("refresh_token").is_some();
    let ends = match call.access.session() {
        SessionEffect::End => true,
        SessionEffect::Issue => is_refresh,
        SessionEffect::Unspecified => false,
    };
    if ends && exchange.visit.kind.keeps_cookies() {
        exchange.gateway.cookies.clear()
    } else {
        Vec::new()
    }
}

/// Sets `ETag` and `Cache-Control`; true when the client has this very answer.
fn cache_headers(
    exchange: &Exchange<'_>,
    message: &DynamicMessage,
    json: &[u8],
    headers: &mut HeaderMap,
) -> bool {
    let is_read = matches!(exchange.parts.method.as_str(), "GET" | "HEAD");
    if !(exchange.call().access.cacheable && is_read) {
        let etag = message
            .get_field_by_name("etag")
            .and_then(|value| value.as_str().map(str::to_owned));
        if let Some(Ok(etag)) = etag
            .filter(|etag| !etag.is_empty())
            .map(|etag| HeaderValue::from_str(&etag))
        {
            headers.insert(header::ETAG, etag);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return false;
    }
    let digest = Sha256::digest(json);
    let short = digest.get(..18).unwrap_or_default();
    let etag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(short));
    let control = match exchange.visit.credentials {
        Credentials::Nothing => format!("public, max-age={}", exchange.gateway.settings.cache_seconds),
        _ => "private, no-cache".to_owned(),
    };
    headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
    for (name, text) in [(header::ETAG, &etag), (header::CACHE_CONTROL, &control)] {
        headers.extend(HeaderValue::from_str(text).map(|value| (name, value)));
    }
    none_match(exchange.headers(), &etag)
}

/// True when `If-None-Match` names the entity tag (weak comparison, RFC 9110).
pub fn none_match(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH);
    let mut tags = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    tags.any(|tag| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == etag.trim_start_matches("W/"))
}

/// The success status that a service asked for by `x-http-status`.
pub fn status(metadata: &MetadataMap) -> StatusCode {
    let asked = metadata
        .get("x-http-status")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    asked
        .and_then(|code: u16| StatusCode::from_u16(code).ok())
        .filter(StatusCode::is_success)
        .unwrap_or(StatusCode::OK)
}

/// Sets the headers that a service asked for by `x-http-header-<name>`.
pub fn apply_metadata(metadata: &MetadataMap, headers: &mut HeaderMap) {
    for entry in metadata.iter() {
        let KeyAndValueRef::Ascii(key, value) = entry else {
            continue;
        };
        let Some(name) = key.as_str().strip_prefix("x-http-header-") else {
            continue;
        };
        if OWN_HEADERS.contains(&name) {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_encoded_bytes())) {
            headers.insert(name, value);
        }
    }
}
