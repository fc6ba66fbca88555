//! Uploads: a body of any length as a stream of messages, never held whole.

use axum::{body::Body, response::Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, future, stream};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use prost_reflect::FieldDescriptor;
use qihang_proto::common::v1::HttpBody;
use std::time::Duration;
use tokio::sync::oneshot;

use crate::{body, exchange::Exchange, problem::Problem, reply};

/// Longest piece of the body in one message.
const PIECE: usize = 256 * 1024;

/// Streams the body to the service and answers with its one reply.
///
/// # Errors
/// 413 over the call's limit, 408 when the body pauses too long, what the service says otherwise.
pub async fn upload(exchange: &Exchange<'_>, content: Body) -> Result<Response, Problem> {
    let (call, settings) = (exchange.call(), &exchange.gateway.settings);
    let Some(field) = &call.upload else {
        return Err(Problem::internal());
    };
    let limit = match call.access.max_body_bytes {
        0 => settings.max_body_bytes,
        limit => limit,
    };
    if body::declared_length(exchange.headers()).is_some_and(|length| length > limit) {
        return Err(Problem::too_large(limit));
    }
    let mut first = exchange.bind(None)?.encode_to_vec();
    first.extend_from_slice(&wrap(field, &exchange.raw_head(Bytes::new())));

    let (failed, failure) = oneshot::channel();
    let source = Source {
        content,
        field: field.clone(),
        rest: Bytes::new(),
        taken: 0,
        limit,
        pause: settings.body_pause(),
    };
    let pieces = stream::once(future::ready(Bytes::from(first))).chain_source(source, failed);
    let timeout = settings.transfer_timeout();
    let request = crate::call::request(pieces, exchange.visit.metadata(exchange.headers(), timeout));
    let reply = exchange
        .gateway
        .upstream(&call.service)
        .upload(call.path.clone(), request);
    // When the body fails, the call is dropped unfinished: an ended stream would look like a whole file.
    let reply = tokio::select! {
        biased;
        Ok(problem) = failure => return Err(problem),
        reply = tokio::time::timeout(timeout, reply) => reply,
    };
    reply::from_message(exchange, reply.map_err(|_| Problem::slow_body())??)
}

struct Source {
    content: Body,
    field: FieldDescriptor,
    rest: Bytes,
    taken: u64,
    limit: u64,
    pause: Duration,
}

impl Source {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        if self.rest.is_empty() {
            let Some(piece) = body::next_piece(&mut self.content, self.pause).await? else {
                return Ok(None);
            };
            self.taken += piece.len() as u64;
            if self.taken > self.limit {
                return Err(Problem::too_large(self.limit));
            }
            self.rest = piece;
        }
        let data = self.rest.split_to(self.rest.len().min(PIECE));
        Ok(Some(wrap(
            &self.field,
            &HttpBody {
                data,
                ..HttpBody::default()
            },
        )))
    }
}

trait ChainSource: Stream<Item = Bytes> + Sized + Send + 'static {
    /// Goes on with the body's pieces; at a failure tells it and never ends.
    fn chain_source(
        self,
        source: Source,
        failed: oneshot::Sender<Problem>,
    ) -> impl Stream<Item = Bytes> + Send + 'static {
        let pieces = stream::unfold((source, failed), |(mut source, failed)| async move {
            match source.next().await {
                Ok(Some(piece)) => Some((piece, (source, failed))),
                Ok(None) => None,
                Err(problem) => {
                    // The receiver is gone only when nobody waits for the answer any more.
                    let _ = failed.send(problem);
                    future::pending().await
                }
            }
        });
        futures::StreamExt::chain(self, pieces)
    }
}

impl<S: Stream<Item = Bytes> + Send + 'static> ChainSource for S {}

/// A message that has only this field.
fn wrap(field: &FieldDescriptor, body: &HttpBody) -> Bytes {
    let length = body.encoded_len();
    let mut out = BytesMut::with_capacity(length + 16);
    encode_key(field.number(), WireType::LengthDelimited, &mut out);
    encode_varint(length as u64, &mut out);
    out.put_slice(&body.encode_to_vec());
    out.freeze()
}
