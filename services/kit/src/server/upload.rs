//! The body of a client stream: the first message is checked like any request; what follows carries only content, so it is
//! held to the size of a message and otherwise passed on.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use tonic::{Status, body::Body};

use super::layers::{FRAME, too_large};
use crate::{status::Fault, validate};

/// Passes whole messages on. A refused one ends the stream; the handler gets the refusal as the stream's error
/// and answers with it.
pub(super) struct Upload {
    inner: Body,
    message: &'static str,
    most: usize,
    buffer: BytesMut,
    first: bool,
    ended: bool,
}

impl Upload {
    pub(super) fn new(inner: Body, message: &'static str, most: usize) -> Self {
        Self {
            inner,
            message,
            most,
            buffer: BytesMut::new(),
            first: true,
            ended: false,
        }
    }

    /// The next whole message with its frame, if it has arrived.
    fn whole(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some((head, _)) = self.buffer.split_first_chunk::<FRAME>() else {
            return Ok(None);
        };
        let mut head = head.as_slice();
        if head.get_u8() != 0 {
            return Err(validate::malformed(""));
        }
        let length = usize::try_from(head.get_u32()).map_err(|_| too_large(self.most))?;
        if length > self.most {
            return Err(too_large(self.most));
        }
        if self.buffer.len() < FRAME + length {
            return Ok(None);
        }
        let whole = self.buffer.split_to(FRAME + length).freeze();
        if std::mem::take(&mut self.first) {
            validate::check(self.message, whole.get(FRAME..).unwrap_or_default())?;
        }
        Ok(Some(whole))
    }

    fn refuse(&mut self, status: Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.ended = true;
        Poll::Ready(Some(Err(status)))
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            match self.whole() {
                Ok(Some(whole)) => return Poll::Ready(Some(Ok(Frame::data(whole)))),
                Ok(None) => {}
                Err(fault) => return self.refuse(fault.into()),
            }
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.buffer.extend_from_slice(&data),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(status)) => return self.refuse(status),
                None if self.buffer.is_empty() => self.ended = true,
                None => return self.refuse(validate::malformed("").into()),
            }
        }
    }
}
