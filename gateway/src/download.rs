//! Downloads: a stream of raw pieces as one body.

use std::io;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message;
use qihang_proto::common::v1::HttpBody;
use tonic::{Code, Status};

use crate::{exchange::Exchange, problem::Problem, reply};

/// Characters that stand as they are in an extended parameter (RFC 5987).
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Marks an answer that is passed through as it is: never compressed.
#[derive(Clone, Copy, Debug)]
pub struct RawBody;

/// Calls a service and streams its pieces.
///
/// # Errors
/// What the service says before its first piece; 416 for a range that is not there.
pub async fn download(exchange: &Exchange<'_>, content: Body) -> Result<Response, Problem> {
    let (call, settings) = (exchange.call(), &exchange.gateway.settings);
    let message = exchange.message(content).await?;
    let timeout = settings.transfer_timeout();
    let metadata = exchange.visit.metadata(exchange.headers(), timeout);
    let request = crate::call::request(Bytes::from(message.encode_to_vec()), metadata);
    let upstream = exchange.gateway.upstream(&call.service);
    let begin = async {
        let reply = upstream.stream(call.path.clone(), request).await?;
        let (metadata, mut pieces, _) = reply.into_parts();
        let first = pieces.next().await.transpose()?;
        Ok::<_, Status>((metadata, first, pieces))
    };
    let begun = tokio::time::timeout(settings.request_timeout(), begin).await;
    let begun = begun.map_err(|_| Problem::from_code(Code::DeadlineExceeded))?;
    let (metadata, first, pieces) = begun.map_err(|status| refused(exchange, &status))?;
    let first = first
        .map_or_else(|| Ok(HttpBody::default()), HttpBody::decode)
        .map_err(|_| Problem::internal())?;

    let status = reply::status(&metadata);
    let mut headers = head(&first);
    reply::apply_metadata(&metadata, &mut headers);
    set_length(&mut headers, &first, status);
    let mut response = Response::new(Body::empty());
    let etag = headers.get(header::ETAG).and_then(|value| value.to_str().ok());
    if etag.is_some_and(|etag| reply::none_match(exchange.headers(), etag)) {
        headers.remove(header::CONTENT_LENGTH);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.status_mut() = status;
        *response.body_mut() = Body::from_stream(stream::once(async { Ok(first.data) }).chain(data(pieces)));
    }
    *response.headers_mut() = headers;
    response.extensions_mut().insert(RawBody);
    Ok(response)
}

/// The pieces' bytes. An error breaks the connection off, so that nobody takes a torn file for a whole one.
fn data(pieces: tonic::Streaming<Bytes>) -> impl futures::Stream<Item = io::Result<Bytes>> {
    pieces.map(|piece| {
        let body = piece.map_err(|status| {
            tracing::warn!(code = ?status.code(), "a download broke off");
            io::Error::other("the service broke off")
        })?;
        HttpBody::decode(body)
            .map(|body| body.data)
            .map_err(io::Error::other)
    })
}

fn refused(exchange: &Exchange<'_>, status: &Status) -> Problem {
    let mut problem = Problem::from(status);
    if status.code() == Code::OutOfRange && exchange.headers().contains_key(header::RANGE) {
        problem.status = StatusCode::RANGE_NOT_SATISFIABLE;
        if let Some(size) = problem.metadata.get("size").cloned() {
            problem = problem.with_header(header::CONTENT_RANGE, &format!("bytes */{size}"));
        }
    }
    problem
}

fn head(first: &HttpBody) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let content_type = HeaderValue::from_str(&first.content_type)
        .ok()
        .filter(|value| !value.is_empty());
    let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    if !first.file_name.is_empty() {
        headers.extend(disposition(&first.file_name).map(|value| (header::CONTENT_DISPOSITION, value)));
    }
    headers
}

/// `Content-Length`: what the service says, the part's length of a partial answer, or the whole's.
fn set_length(headers: &mut HeaderMap, first: &HttpBody, status: StatusCode) {
    if headers.contains_key(header::CONTENT_LENGTH) {
        return;
    }
    let length = match status {
        StatusCode::PARTIAL_CONTENT => headers.get(header::CONTENT_RANGE).and_then(part_length),
        _ => Some(first.total_bytes).filter(|length| *length > 0),
    };
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

fn part_length(range: &HeaderValue) -> Option<u64> {
    let (first, last) = range
        .to_str()
        .ok()?
        .strip_prefix("bytes ")?
        .split('/')
        .next()?
        .split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    last.checked_sub(first)?.checked_add(1)
}

/// `Content-Disposition` for a file name in any script: plain for old programs, extended (RFC 5987) for all others.
pub fn disposition(file_name: &str) -> Option<HeaderValue> {
    let plain: String = file_name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '(' | ')') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let extended = utf8_percent_encode(file_name, ATTRIBUTE);
    HeaderValue::from_str(&format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chinese_file_name_survives_and_cannot_break_the_header() {
        let value = disposition("就业协议书\"\r\n.pdf").unwrap();
        let expected = "attachment; filename=\"________.pdf\"; \
            filename*=UTF-8''%E5%B0%B1%E4%B8%9A%E5%8D%8F%E8%AE%AE%E4%B9%A6%22%0D%0A.pdf";
        assert_eq!(value.to_str().unwrap(), expected);
    }

    #[test]
    fn the_length_of_a_part_comes_from_its_range() {
        assert_eq!(
            part_length(&HeaderValue::from_static("bytes 10-19/100")),
            Some(10)
        );
        assert_eq!(part_length(&HeaderValue::from_static("bytes */100")), None);
        assert_eq!(part_length(&HeaderValue::from_static("bytes 9-1/100")), None);
    }
}
