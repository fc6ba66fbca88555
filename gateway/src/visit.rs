//! One request's surroundings: who asks, from where, with which credentials, and what the services are told of it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::http::{HeaderMap, Method, StatusCode, request::Parts};
use qihang_proto::options::v1::SessionEffect;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use uuid::Uuid;

use crate::{
    client::{self, ClientKind},
    gateway::Gateway,
    problem::Problem,
    session::Peek,
    transcode::Call,
};

/// Headers that are told to the services as they are.
const PASSED: [&str; 5] = [
    "range",
    "if-range",
    "if-none-match",
    "if-modified-since",
    "last-event-id",
];

/// Who asks, and from where.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The client's address.
    pub address: IpAddr,
    /// The client's kind.
    pub kind: ClientKind,
    /// Id of the request.
    pub request_id: Uuid,
    /// `http` or `https` when it is known.
    pub scheme: Option<String>,
    /// The access token.
    pub credentials: Credentials,
}

/// The access token, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// There is none.
    Nothing,
    /// In the `Authorization` header.
    Bearer(String),
    /// In a cookie.
    Cookie(String),
}

impl Visit {
    /// Reads the surroundings of a request.
    pub fn new(gateway: &Gateway, parts: &Parts, socket: SocketAddr, request_id: Uuid) -> Self {
        let headers = &parts.headers;
        let credentials = match (client::bearer(headers), gateway.cookies.access(headers)) {
            (Some(token), _) => Credentials::Bearer(token.to_owned()),
            (None, Some(token)) => Credentials::Cookie(token.to_owned()),
            (None, None) => Credentials::Nothing,
        };
        Self {
            address: gateway.proxies.client_address(socket, headers),
            kind: ClientKind::of(headers),
            request_id,
            scheme: gateway.proxies.scheme(socket, headers).map(str::to_owned),
            credentials,
        }
    }

    /// The account that the token names, unverified.
    pub fn account(&self) -> Option<String> {
        self.credentials
            .token()
            .and_then(Peek::of)
            .map(|peek| peek.sub)
            .filter(|sub| !sub.is_empty())
    }

    /// Refuses what can be refused without asking a service, and drops credentials that the call has no use for.
    ///
    /// # Errors
    /// 401 without a token where one is needed, 403 for a forged request of another site.
    pub fn admit(
        &mut self,
        gateway: &Gateway,
        call: &Call,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let scheme = self.scheme.as_deref();
        if call.access.session() == SessionEffect::Issue {
            if self.kind.keeps_cookies() {
                gateway.cookies.check_origin(headers, scheme)?;
            }
            if call.is_anonymous() && matches!(self.credentials, Credentials::Cookie(_)) {
                self.credentials = Credentials::Nothing;
            }
        }
        if let Credentials::Cookie(token) = &self.credentials {
            gateway.cookies.check(method, headers, scheme)?;
            let now = (gateway.ports.now)().unix_timestamp();
            if call.is_anonymous() && Peek::of(token).is_none_or(|peek| peek.exp <= now) {
                self.credentials = Credentials::Nothing;
            }
        }
        if self.credentials == Credentials::Nothing && !call.is_anonymous() {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "TOKEN_MISSING",
                "请先登录后再操作",
            ));
        }
        Ok(())
    }

    /// The metadata that the service gets; the channel adds our own token and the trace.
    pub fn metadata(&self, headers: &HeaderMap, timeout: Duration) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        let mut put = |name: &'static str, value: &str| {
            if let (Ok(name), Ok(value)) = (
                MetadataKey::from_bytes(name.as_bytes()),
                MetadataValue::try_from(value),
            ) {
                metadata.insert(name, value);
            }
        };
        if let Some(token) = self.credentials.token() {
            put("authorization", &format!("Bearer {token}"));
        }
        put("x-qihang-client-address", &self.address.to_string());
        put("x-qihang-client-kind", self.kind.as_str());
        put("x-request-id", &self.request_id.to_string());
        put(
            "grpc-timeout",
            &format!("{}m", timeout.as_millis().min(99_999_999)),
        );
        for name in PASSED {
            if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
                put(name, value);
            }
        }
        metadata
    }
}

impl Credentials {
    /// The token.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Bearer(token) | Self::Cookie(token) => Some(token),
        }
    }
}
