//! Calls of services with messages as plain bytes.

use bytes::{Buf, BufMut, Bytes};
use futures::{Stream, future::BoxFuture};
use http::uri::PathAndQuery;
use tonic::{
    Request, Response, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};

use crate::ports::Channel;

/// Passes messages through as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(input.copy_to_bytes(input.remaining())))
    }
}

/// What a call will give.
pub type Answer<T> = BoxFuture<'static, Result<Response<T>, Status>>;

/// A client of one service.
pub struct Upstream {
    grpc: Grpc<Channel>,
}

impl Upstream {
    /// A client that takes replies up to `max_reply_bytes` a message.
    pub fn new(channel: Channel, max_reply_bytes: usize) -> Self {
        Self {
            grpc: Grpc::new(channel).max_decoding_message_size(max_reply_bytes),
        }
    }

    /// One message there, one back.
    ///
    /// # Errors
    /// What the service answers, or UNAVAILABLE.
    pub fn unary(mut self, path: PathAndQuery, request: Request<Bytes>) -> Answer<Bytes> {
        Box::pin(async move {
            self.grpc.ready().await?;
            self.grpc.unary(request, path, BytesCodec).await
        })
    }

    /// A stream there, one message back.
    ///
    /// # Errors
    /// As [`Self::unary`].
    pub fn upload<S>(mut self, path: PathAndQuery, request: Request<S>) -> Answer<Bytes>
    where
        S: Stream<Item = Bytes> + Send + 'static,
    {
        Box::pin(async move {
            self.grpc.ready().await?;
            self.grpc.client_streaming(request, path, BytesCodec).await
        })
    }

    /// One message there, a stream back.
    ///
    /// # Errors
    /// As [`Self::unary`]; later ones come in the stream.
    pub fn stream(mut self, path: PathAndQuery, request: Request<Bytes>) -> Answer<Streaming<Bytes>> {
        Box::pin(async move {
            self.grpc.ready().await?;
            self.grpc.server_streaming(request, path, BytesCodec).await
        })
    }
}

/// A request with its metadata.
pub fn request<T>(message: T, metadata: MetadataMap) -> Request<T> {
    Request::from_parts(metadata, http::Extensions::new(), message)
}
