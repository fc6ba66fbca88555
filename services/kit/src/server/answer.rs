//! The body of an answer: measured to its end, bounded in time, and safe from panics of a stream.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::{sync::OwnedSemaphorePermit, time::Sleep};
use tonic::{Code, Status, body::Body};
use tracing::Span;

use super::layers::{late, panicked};
use crate::{
    client::{SERVING, Serving},
    status::Fault,
    telemetry::{Calls, code_name},
};

/// Counts one call when it is over, however it ends.
pub(super) struct Measure {
    calls: Calls,
    service: &'static str,
    method: String,
    begin: Instant,
    span: Span,
    /// What it ended with; a caller who leaves early ends nothing.
    code: Code,
}

impl Measure {
    pub(super) fn new(calls: Calls, service: &'static str, method: String, span: Span) -> Self {
        Self {
            calls,
            service,
            method,
            begin: Instant::now(),
            span,
            code: Code::Cancelled,
        }
    }

    pub(super) fn ends_with(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        self.span.record("rpc.code", code_name(self.code));
        if matches!(self.code, Code::Internal | Code::Unknown | Code::DataLoss) {
            self.span.record("otel.status_code", "ERROR");
        }
        self.calls
            .record(self.service, &self.method, self.code, self.begin.elapsed());
    }
}

/// The body that the caller gets.
pub(super) struct Answer {
    /// Gone once the answer is over.
    inner: Option<Body>,
    measure: Measure,
    deadline: Pin<Box<Sleep>>,
    serving: Serving,
    _permit: OwnedSemaphorePermit,
}

impl Answer {
    pub(super) fn new(inner: Body, measure: Measure, serving: Serving, permit: OwnedSemaphorePermit) -> Self {
        let deadline = Box::pin(tokio::time::sleep_until(serving.deadline.into()));
        Self {
            inner: Some(inner),
            measure,
            deadline,
            serving,
            _permit: permit,
        }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let span = self.measure.span.clone();
        let poll = || {
            span.in_scope(|| SERVING.sync_scope(self.serving.clone(), || Pin::new(inner).poll_frame(context)))
        };
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(Poll::Pending) => match self.deadline.as_mut().poll(context) {
                Poll::Ready(()) => self.end(late()),
                Poll::Pending => Poll::Pending,
            },
            Ok(Poll::Ready(frame)) => {
                self.notice(frame.as_ref());
                Poll::Ready(frame)
            }
            Err(panic) => self.end(self.measure.span.in_scope(|| panicked(&panic))),
        }
    }

    fn notice(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        match frame {
            Some(Ok(frame)) => match frame.trailers_ref() {
                Some(trailers) => self.measure.ends_with(code(trailers)),
                None => return,
            },
            Some(Err(status)) => self.measure.ends_with(status.code()),
            // Without trailers nobody said how it ended.
            None if self.measure.code == Code::Cancelled => self.measure.ends_with(Code::Unknown),
            None => {}
        }
        self.inner = None;
    }

    /// Ends a stream from outside of its handler: what was sent is sent, the trailers say the rest.
    fn end(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.measure.ends_with(fault.code());
        self.inner = None;
        let status = Status::from(fault);
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(match status.add_header(&mut trailers) {
            Ok(()) => Ok(Frame::trailers(trailers)),
            Err(status) => Err(status),
        }))
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.next(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

/// The code that headers or trailers carry.
pub(super) fn code(headers: &HeaderMap) -> Code {
    headers
        .get("grpc-status")
        .map_or(Code::Unknown, |value| Code::from_bytes(value.as_bytes()))
}
