//! Server streams: as server-sent events, or as one JSON document a line.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::{Code, Status, Streaming};

use crate::{download::RawBody, exchange::Exchange, problem::Problem, transcode::write};

/// Fields that number the events of a stream when a message has them; `Last-Event-ID` is passed on to the service.
const ID_FIELDS: [&str; 3] = ["event_id", "cursor", "sequence"];

/// Calls a service and passes its messages on as they come.
///
/// # Errors
/// What the service says before the stream begins; later errors come in the stream.
pub async fn events(exchange: &Exchange<'_>, content: Body) -> Result<Response, Problem> {
    let (call, settings) = (exchange.call(), &exchange.gateway.settings);
    let message = exchange.message(content).await?;
    let metadata = exchange
        .visit
        .metadata(exchange.headers(), settings.stream_timeout());
    let request = crate::call::request(Bytes::from(message.encode_to_vec()), metadata);
    let begin = exchange
        .gateway
        .upstream(&call.service)
        .stream(call.path.clone(), request);
    let begun = tokio::time::timeout(settings.request_timeout(), begin).await;
    let messages = begun
        .map_err(|_| Problem::from_code(Code::DeadlineExceeded))??
        .into_inner();

    let lines = wants_lines(exchange.headers());
    let source = Source {
        messages,
        output: call.output.clone(),
        lines,
        count: 0,
        heartbeat: heartbeat(Duration::from_millis(settings.heartbeat_ms)),
        trace_id: exchange.trace_id.to_owned(),
        state: State::Open,
    };
    let mut response = Response::new(Body::from_stream(source.into_stream()));
    let media = if lines {
        "application/x-ndjson; charset=utf-8"
    } else {
        "text/event-stream; charset=utf-8"
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.extensions_mut().insert(RawBody);
    Ok(response)
}

fn wants_lines(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.contains("ndjson")
        || (accept.contains("application/json") && !accept.contains("text/event-stream"))
}

fn heartbeat(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

struct Source {
    messages: Streaming<Bytes>,
    output: MessageDescriptor,
    lines: bool,
    count: u64,
    heartbeat: Interval,
    trace_id: String,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

impl Source {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
        stream::unfold(self, |mut source| async move {
            let text = source.next().await?;
            Some((Ok(Bytes::from(text)), source))
        })
    }

    async fn next(&mut self) -> Option<Vec<u8>> {
        if self.state == State::Ended {
            return None;
        }
        let message = tokio::select! {
            biased;
            message = self.messages.next() => message,
            _ = self.heartbeat.tick() => {
                // An empty line is no document, so a heartbeat is allowed among lines too.
                return Some(if self.lines { b"\n".to_vec() } else { b": alive\n\n".to_vec() });
            }
        };
        match message {
            Some(Ok(bytes)) => match self.write(bytes) {
                Ok(text) => Some(text),
                Err(problem) => Some(self.fail(&problem)),
            },
            Some(Err(status)) => self.close(&status),
            None => {
                self.state = State::Ended;
                (!self.lines).then(|| b"event: end\ndata: {}\n\n".to_vec())
            }
        }
    }

    fn write(&mut self, bytes: Bytes) -> Result<Vec<u8>, Problem> {
        let message = DynamicMessage::decode(self.output.clone(), bytes).map_err(|_| Problem::internal())?;
        let json = write::message(&message).map_err(|_| Problem::internal())?;
        self.count += 1;
        let mut text = Vec::with_capacity(json.len() + 32);
        if self.lines {
            text.extend_from_slice(&json);
            text.push(b'\n');
            return Ok(text);
        }
        let id = event_id(&message).unwrap_or_else(|| self.count.to_string());
        text.extend_from_slice(format!("id: {id}\ndata: ").as_bytes());
        text.extend_from_slice(&json);
        text.extend_from_slice(b"\n\n");
        Ok(text)
    }

    /// A stream that reached its longest life just ends, and the client comes back; any other error is told.
    fn close(&mut self, status: &Status) -> Option<Vec<u8>> {
        if status.code() == Code::DeadlineExceeded {
            self.state = State::Ended;
            return None;
        }
        Some(self.fail(&Problem::from(status)))
    }

    fn fail(&mut self, problem: &Problem) -> Vec<u8> {
        self.state = State::Ended;
        let json = String::from_utf8(problem.to_json(&self.trace_id)).unwrap_or_default();
        let text = if self.lines {
            format!("{{\"error\":{json}}}\n")
        } else {
            format!("event: error\ndata: {json}\n\n")
        };
        text.into_bytes()
    }
}

fn event_id(message: &DynamicMessage) -> Option<String> {
    let value = ID_FIELDS
        .iter()
        .find_map(|name| message.get_field_by_name(name))?;
    match value.as_ref() {
        Value::String(id) => Some(id.clone()).filter(|id| !id.is_empty() && !id.contains(['\n', '\r', '\0'])),
        Value::U32(id) => Some(id.to_string()),
        Value::U64(id) => Some(id.to_string()),
        Value::I64(id) => Some(id.to_string()),
        _ => None,
    }
}
