//! Calls to other services: in this process or over TCP, the caller cannot tell.
//!
//! Each call carries our service token, the trace, the id of the outermost request and a deadline that is never later than
//! that of the call it serves.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, header::HeaderName};
use http_body_util::{BodyExt as _, Collected, Full};
use tonic::{
    Status,
    body::Body,
    transport::{Channel, Endpoint, Error as TransportError},
};
use tower::{Service, ServiceExt as _, util::BoxCloneSyncService};
use tracing::Instrument as _;

use crate::{
    access::{self, Rule},
    auth::{ADDRESS_HEADER, CLIENT_HEADER, PEER_HEADER, PeerTokens, REQUEST_HEADER},
    status::Fault,
    telemetry,
};

/// A service of this process, with all its layers.
pub type Local = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Deadline of a call when the caller has none.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The same for calls that stream.
const STREAM_TIMEOUT: Duration = Duration::from_secs(900);
/// Longest a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Pings that find a dead peer, or one that a roll-out took away, within seconds.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Pause before a call that found no connection to any replica is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Time for which a replica that could not be reached is asked last.
const AVOIDED: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The call that the current task serves.
    pub(crate) static SERVING: Serving;
}

/// What a call hands on to the calls it makes.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) deadline: Instant,
    pub(crate) request_id: String,
}

/// The other services by name.
#[derive(Clone)]
pub struct Channels(Arc<Shared>);

struct Shared {
    name: &'static str,
    tokens: PeerTokens,
    local: Registry,
    remote: HashMap<String, Arc<Peer>>,
}

/// Another service: the replicas that it is called at, one after another.
struct Peer {
    replicas: Vec<Replica>,
    next: AtomicUsize,
    began: Instant,
}

struct Replica {
    channel: Channel,
    /// Milliseconds since the peer was made until which others are asked first.
    avoid_until: AtomicU64,
}

/// The services of this process; filled while they start, since they refer to each other.
#[derive(Clone, Default)]
pub struct Registry(Arc<ArcSwap<HashMap<String, Local>>>);

impl Registry {
    /// Adds a service.
    pub fn add(&self, name: &str, service: Local) {
        self.0.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(name.to_owned(), service.clone());
            all
        });
    }

    fn get(&self, name: &str) -> Option<Local> {
        self.0.load().get(name).cloned()
    }
}

impl Channels {
    /// Channels of the service `name` to those of this process and to remote ones by URL. Several URLs with commas between
    /// them are replicas that take turns. A URL that resolves to several addresses is balanced by the connection: keepalive
    /// pings drop a dead one and the next call connects anew.
    ///
    /// # Errors
    /// When a URL is bad.
    pub fn new(
        name: &'static str,
        tokens: PeerTokens,
        local: Registry,
        peers: &BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let mut remote = HashMap::new();
        for (peer, urls) in peers {
            remote.insert(peer.clone(), Arc::new(Peer::new(urls)?));
        }
        Ok(Self(Arc::new(Shared {
            name,
            tokens,
            local,
            remote,
        })))
    }

    /// The channel to a service. A service that nobody knows answers UNAVAILABLE.
    #[must_use]
    pub fn get(&self, service: &str) -> ServiceChannel {
        ServiceChannel {
            shared: self.0.clone(),
            service: service.to_owned(),
            person: None,
        }
    }

    /// Names of the services that can be asked, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let local = self.0.local.0.load();
        let names: BTreeSet<&String> = local.keys().chain(self.0.remote.keys()).collect();
        names.into_iter().cloned().collect()
    }

    /// The same channels as another caller, e.g. the gateway beside the services of one process.
    #[must_use]
    pub fn named(&self, name: &'static str) -> Self {
        Self(Arc::new(Shared {
            name,
            tokens: self.0.tokens.clone(),
            local: self.0.local.clone(),
            remote: self.0.remote.clone(),
        }))
    }
}

impl Peer {
    fn new(urls: &str) -> anyhow::Result<Self> {
        let replica = |url: &str| {
            anyhow::Ok(Replica {
                channel: connect(url.trim())?,
                avoid_until: AtomicU64::new(0),
            })
        };
        Ok(Self {
            replicas: urls.split(',').map(replica).collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
            began: Instant::now(),
        })
    }

    /// All replicas, beginning with the one whose turn it is; those that could not be reached a moment ago come last.
    fn turn(&self) -> Vec<&Replica> {
        let count = self.replicas.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed) % count.max(1);
        let mut turn: Vec<&Replica> = self.replicas.iter().cycle().skip(first).take(count).collect();
        let now = self.now();
        turn.sort_by_key(|replica| replica.avoid_until.load(Ordering::Relaxed) > now);
        turn
    }

    fn avoid(&self, replica: &Replica) {
        let until = self
            .now()
            .saturating_add(u64::try_from(AVOIDED.as_millis()).unwrap_or(u64::MAX));
        replica.avoid_until.store(until, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn connect(url: &str) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(url.to_owned())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .connect_lazy())
}

/// A channel to one service; every generated client takes it.
#[derive(Clone)]
pub struct ServiceChannel {
    shared: Arc<Shared>,
    service: String,
    person: Option<Arc<HeaderMap>>,
}

/// What a call in a person's name takes along: their token, and where they call from.
const PERSON: [&str; 3] = ["authorization", ADDRESS_HEADER, CLIENT_HEADER];

impl Service<Request<Body>> for ServiceChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let channel = self.clone();
        Box::pin(async move { channel.send(request).await })
    }
}

impl ServiceChannel {
    /// The same channel in the name of the person whose call is being served: the peer judges them, with their role, their
    /// scope and the age of their login, and not this service.
    #[must_use]
    pub fn acting_for<T>(mut self, request: &tonic::Request<T>) -> Self {
        let served = request.metadata().as_ref();
        let mut person = HeaderMap::new();
        for name in PERSON {
            if let Some(value) = served.get(name) {
                person.insert(HeaderName::from_static(name), value.clone());
            }
        }
        self.person = Some(Arc::new(person));
        self
    }

    async fn send(self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        let span = tracing::info_span!(
            "call",
            otel.name = %request.uri().path().trim_start_matches('/'),
            otel.kind = "client",
            peer.service = self.service,
        );
        let streams = access::rule(request.uri().path()).is_some_and(Rule::is_streaming);
        let most = if streams { STREAM_TIMEOUT } else { TIMEOUT };
        let timeout = self.prepare(request.headers_mut(), most, &telemetry::traceparent(&span))?;
        let answer = tokio::time::timeout(timeout, self.dispatch(request))
            .instrument(span)
            .await;
        answer.unwrap_or_else(|_| {
            Err(Fault::new(
                tonic::Code::DeadlineExceeded,
                "DEADLINE_EXCEEDED",
                "处理超时，请稍后再试。",
            )
            .into())
        })
    }

    async fn dispatch(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        if let Some(local) = self.shared.local.get(&self.service) {
            return match local.oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            };
        }
        let Some(remote) = self.shared.remote.get(&self.service).cloned() else {
            tracing::warn!(peer = self.service, "no address is known for this service");
            return Err(unavailable());
        };
        self.remote(&remote, request).await
    }

    /// Calls over TCP. A call that found no connection, or one that its replica closed before it took the call, goes to the
    /// next replica, and once more to all after a pause; one that was taken may have had its effect and is not repeated here.
    async fn remote(&self, peer: &Peer, request: Request<Body>) -> Result<Response<Body>, Status> {
        let failed = |error: TransportError| {
            tracing::warn!(peer = self.service, error = %crate::status::Chain(&error), "peer cannot be reached");
            unavailable()
        };
        let begun = |answer: Response<Body>| whole(self.service.clone(), answer);
        let streams = access::rule(request.uri().path()).is_none_or(|rule| rule.client_streaming);
        if streams {
            let Some(replica) = peer.turn().into_iter().next() else {
                return Err(unavailable());
            };
            let answer = replica.channel.clone().oneshot(request).await;
            return answer.map(begun).map_err(failed);
        }
        let (parts, body) = request.into_parts();
        // One message of a generated client, in memory already: collecting cannot fail.
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        let again = || Request::from_parts(parts.clone(), Body::new(Full::new(body.clone())));
        for last_round in [false, true] {
            for replica in peer.turn() {
                match replica.channel.clone().oneshot(again()).await {
                    Err(error) if never_taken(&error) => {
                        tracing::debug!(peer = self.service, error = %crate::status::Chain(&error), "not taken");
                        peer.avoid(replica);
                    }
                    answer => return answer.map(begun).map_err(failed),
                }
            }
            if !last_round {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
        tracing::warn!(peer = self.service, "no replica can be reached");
        Err(unavailable())
    }

    /// Adds what every call carries; answers how long it may take.
    fn prepare(&self, headers: &mut HeaderMap, most: Duration, traceparent: &str) -> Result<Duration, Fault> {
        set(headers, PEER_HEADER, &self.shared.tokens.issue(self.shared.name)?);
        for (name, value) in self.person.as_deref().into_iter().flatten() {
            headers.insert(name.clone(), value.clone());
        }
        if !traceparent.is_empty() {
            set(headers, "traceparent", traceparent);
        }
        let serving = SERVING.try_with(Clone::clone).ok();
        if let Some(serving) = &serving
            && !headers.contains_key(REQUEST_HEADER)
        {
            set(headers, REQUEST_HEADER, &serving.request_id);
        }
        let asked = headers
            .get("grpc-timeout")
            .and_then(|value| parse_timeout(value.to_str().ok()?));
        let left = serving.map(|serving| serving.deadline.saturating_duration_since(Instant::now()));
        let timeout = asked.unwrap_or(most).min(left.unwrap_or(Duration::MAX));
        set(
            headers,
            "grpc-timeout",
            &format!("{}m", timeout.as_millis().min(99_999_999)),
        );
        Ok(timeout)
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// An answer whose peer goes away in the middle of it ends like one that never began: what the peer itself has to say of a
/// failure comes in trailers, so any error of the body is the connection's.
fn whole(peer: String, answer: Response<Body>) -> Response<Body> {
    answer.map(|body| {
        Body::new(body.map_err(move |error| {
            tracing::warn!(peer, %error, "an answer broke off");
            unavailable()
        }))
    })
}

/// True when there was no connection to send on, or it ended before the peer took the call: the connection's last frame
/// (GOAWAY) names the last call that was, and a refused stream was not.
fn never_taken(error: &TransportError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let unsent = error.is::<tonic::ConnectError>()
            || error
                .downcast_ref::<hyper::Error>()
                .is_some_and(hyper::Error::is_canceled)
            || error.downcast_ref::<h2::Error>().is_some_and(untaken);
        if unsent {
            return true;
        }
        cause = error.source();
    }
    false
}

fn untaken(error: &h2::Error) -> bool {
    let orderly = error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
    orderly || error.reason() == Some(h2::Reason::REFUSED_STREAM)
}

fn unavailable() -> Status {
    Fault::unavailable("PEER_UNAVAILABLE", "所依赖的服务暂时不可用，请稍后再试。").into()
}

/// The `grpc-timeout` of the gRPC specification: up to eight digits and a unit.
pub(crate) fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_the_specification_says() {
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parse_timeout("123456789m"), None);
        assert_eq!(parse_timeout(""), None);
        assert_eq!(parse_timeout("5x"), None);
    }
}
