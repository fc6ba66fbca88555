//! The layers around every handler, in one readable order, the same over TCP and in process.
//!
//! ```text
//! trace        one span a call, child of the caller's
//! measure      one sample a call: rate, errors, duration
//! panics       become INTERNAL
//! shed         more calls at once than allowed: UNAVAILABLE, before any work
//! deadline     the caller's, never later than the limit
//! authenticate who calls, by service token and access token
//! access       may this role call this method, and was the person proved as it wants, from the descriptors
//! validate     the rules of the request's fields, from the descriptors
//! handler
//! ```

use std::{
    any::Any,
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{ServiceExt as _, util::BoxCloneSyncService};
use tracing::Instrument as _;

use super::{
    answer::{Answer, Measure, code},
    upload::Upload,
};
use crate::{
    access::{self, Rule},
    auth::{Caller, PEER_HEADER, PeerTokens, Principal, REQUEST_HEADER, Verifier},
    client::{Local, SERVING, Serving, parse_timeout},
    settings::LimitSettings,
    status::Fault,
    telemetry::{self, Calls},
    validate,
};

/// Bytes before each gRPC message: one for compression, four for the length.
pub(super) const FRAME: usize = 5;

/// What the layers need.
#[derive(Clone)]
pub struct Layers {
    /// Checks access tokens.
    pub verifier: Verifier,
    /// Checks service tokens.
    pub peers: PeerTokens,
    /// Limits.
    pub limits: LimitSettings,
}

struct Stack {
    service: &'static str,
    routes: Routes,
    layers: Layers,
    calls: Arc<Semaphore>,
    /// Streams stay long, so they must not use up the places of calls.
    streams: Arc<Semaphore>,
    duration: Calls,
}

/// Puts the layers around a service's handlers.
pub fn stack(service: &'static str, routes: Routes, layers: Layers) -> Local {
    validate::warm_up();
    let places = || Arc::new(Semaphore::new(layers.limits.max_concurrent));
    let (calls, streams) = (places(), places());
    let duration = Calls::new("rpc.server.duration");
    let stack = Arc::new(Stack {
        service,
        routes: routes.prepare(),
        layers,
        calls,
        streams,
        duration,
    });
    BoxCloneSyncService::new(tower::service_fn(move |request| {
        let stack = stack.clone();
        async move { Ok::<_, Infallible>(stack.handle(request).await) }
    }))
}

impl Stack {
    /// Outermost: one span and one measurement a call, and no panic gets through.
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let span = tracing::info_span!(
            "rpc",
            otel.name = %path.trim_start_matches('/'),
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            rpc.service = self.service,
            rpc.code = tracing::field::Empty,
            request.id = header(request.headers(), REQUEST_HEADER),
        );
        telemetry::set_parent(&span, header(request.headers(), "traceparent"));
        let rule = access::rule(&path);
        // A path that is not ours is told apart by nobody, so that strangers cannot fill the metrics with names.
        let method = if rule.is_some() {
            path
        } else {
            "unknown".to_owned()
        };
        let mut measure = Measure::new(self.duration.clone(), self.service, method, span.clone());
        let answer = AssertUnwindSafe(self.limited(request, rule).instrument(span.clone()))
            .catch_unwind()
            .await;
        let fault = match answer {
            Ok(Ok((response, serving, permit))) => {
                if response.headers().contains_key("grpc-status") {
                    measure.ends_with(code(response.headers()));
                    return response;
                }
                return response.map(|body| Body::new(Answer::new(body, measure, serving, permit)));
            }
            Ok(Err(fault)) => fault,
            Err(panic) => span.in_scope(|| panicked(&panic)),
        };
        measure.ends_with(fault.code());
        span.in_scope(|| tracing::debug!(reason = fault.reason(), "refused"));
        Status::from(fault).into_http()
    }

    /// Sheds load before any work, then bounds the time of all that follows.
    async fn limited(&self, request: Request<Body>, rule: Option<&'static Rule>) -> Result<Taken, Fault> {
        let rule = rule.ok_or_else(unknown)?;
        let places = if rule.is_streaming() {
            &self.streams
        } else {
            &self.calls
        };
        let permit = places.clone().try_acquire_owned().map_err(|_| overloaded())?;
        let most = self.layers.limits.timeout(rule.is_streaming());
        let asked = parse_timeout(header(request.headers(), "grpc-timeout"));
        let timeout = asked.map_or(most, |asked| asked.min(most));
        let request_id = header(request.headers(), REQUEST_HEADER).to_owned();
        let serving = Serving {
            deadline: Instant::now() + timeout,
            request_id,
        };
        let answer = SERVING.scope(serving.clone(), self.authorized(request, rule));
        let response = tokio::time::timeout(timeout, answer)
            .await
            .map_err(|_| late())??;
        Ok((response, serving, permit))
    }

    /// Who calls, and may they.
    async fn authorized(
        &self,
        mut request: Request<Body>,
        rule: &'static Rule,
    ) -> Result<Response<Body>, Fault> {
        let peer = match header(request.headers(), PEER_HEADER) {
            "" => None,
            token => Some(self.layers.peers.verify(token)?),
        };
        let principal = self.principal(request.headers(), rule).await?;
        rule.check(principal.as_ref(), peer.as_deref(), self.layers.verifier.now())?;
        let principal = principal.or_else(|| rule.service_principal(peer.as_deref()));
        let caller = Caller::read(request.headers(), peer);
        request.extensions_mut().insert(caller);
        if let Some(principal) = principal {
            request.extensions_mut().insert(principal);
        }
        let request = self.validated(request, rule).await?;
        match self.routes.clone().oneshot(request).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    /// A token on an open method may be stale without harm: the call is then nobody's.
    async fn principal(&self, headers: &HeaderMap, rule: &Rule) -> Result<Option<Principal>, Fault> {
        let Some(token) = header(headers, "authorization").strip_prefix("Bearer ") else {
            return Ok(None);
        };
        if rule.only_services() {
            return Ok(None);
        }
        match self.layers.verifier.verify(token).await {
            Ok(principal) => Ok(Some(principal)),
            Err(fault) if rule.is_open() => {
                tracing::debug!(reason = fault.reason(), "token passed over on an open method");
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// The rules of the request's fields, of the first message when the client streams.
    async fn validated(&self, request: Request<Body>, rule: &'static Rule) -> Result<Request<Body>, Fault> {
        let most = self.layers.limits.max_message_bytes;
        if rule.client_streaming {
            return Ok(request.map(|body| Body::new(Upload::new(body, rule.input.full_name(), most))));
        }
        let (parts, body) = request.into_parts();
        let whole = Limited::new(body, most.saturating_add(FRAME)).collect().await;
        let bytes = whole
            .map_err(|error| unreadable(error.as_ref(), most))?
            .to_bytes();
        let (head, message) = bytes
            .split_first_chunk::<FRAME>()
            .ok_or_else(|| validate::malformed(""))?;
        let [compressed, length @ ..] = *head;
        // Compressed messages are not offered by our servers, so none comes from an honest peer.
        if compressed != 0 || usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
            return Err(validate::malformed(""));
        }
        validate::check(rule.input.full_name(), message)?;
        Ok(Request::from_parts(parts, Body::new(Full::new(bytes))))
    }
}

/// An answer on its way, until when, and its place among the calls at once.
type Taken = (Response<Body>, Serving, OwnedSemaphorePermit);

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn unknown() -> Fault {
    Fault::new(Code::Unimplemented, "METHOD_UNKNOWN", "没有这个接口。")
}

fn overloaded() -> Fault {
    Fault::unavailable("OVERLOADED", "系统繁忙，请稍后再试。").retry_after(Duration::from_secs(1))
}

/// Time is up.
pub(super) fn late() -> Fault {
    Fault::new(
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        "处理超时，请稍后再试。",
    )
}

/// A message over the limit.
pub(super) fn too_large(most: usize) -> Fault {
    let text = format!("提交的内容过大，至多 {} KB。", most / 1024);
    Fault::new(Code::InvalidArgument, "REQUEST_TOO_LARGE", text)
}

fn unreadable(error: &(dyn std::error::Error + Send + Sync + 'static), most: usize) -> Fault {
    if error.is::<LengthLimitError>() {
        too_large(most)
    } else {
        validate::malformed("")
    }
}

/// A bug: told in full to us, not at all to the caller.
pub(super) fn panicked(panic: &Box<dyn Any + Send>) -> Fault {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Fault::internal(&std::io::Error::other(format!(
        "a handler panicked: {}",
        text.unwrap_or("no text")
    )))
}
