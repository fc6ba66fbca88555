//! The way of a request through the gateway: find the route, count, admit, call, answer.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, OnceLock},
};

use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{Extensions, Method, StatusCode, header, request::Parts},
    response::Response,
};
use uuid::Uuid;

use crate::{
    download, events, exchange::Exchange, gateway::Gateway, limits, problem::Problem, reply,
    transcode::Found, upload, visit::Visit, web,
};

/// Ids of a request, made once at its arrival.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Id of the request.
    pub request_id: Uuid,
    /// Id of its trace.
    pub trace_id: String,
    /// Template of the route that its path led to, once that is known.
    pub route: Arc<OnceLock<String>>,
}

/// Where a request came from, for the gateway's own pages.
#[derive(Clone, Debug)]
pub struct From {
    /// The client's address.
    pub address: IpAddr,
    /// Its ids.
    pub arrival: Arrival,
}

impl FromRequestParts<Arc<Gateway>> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, gateway: &Arc<Gateway>) -> Result<Self, Infallible> {
        let address = gateway.proxies.client_address(socket(parts), &parts.headers);
        Ok(Self {
            address,
            arrival: arrival(gateway, &parts.extensions),
        })
    }
}

/// Answers every path that is not the gateway's own.
pub async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let arrival = arrival(&gateway, request.extensions());
    match call(&gateway, request, &arrival).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(&arrival.trace_id),
    }
}

async fn call(gateway: &Gateway, request: Request, arrival: &Arrival) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (route, segments) = match gateway.table.find(parts.method.as_str(), parts.uri.path()) {
        Found::Route(route, segments) => (route, segments),
        Found::Nothing => return web::answer(&parts).ok_or_else(Problem::not_found),
        Found::OtherMethods(methods) if parts.method == Method::OPTIONS => return Ok(options(&methods)),
        Found::OtherMethods(methods) => return Err(Problem::method_not_allowed(&methods)),
    };
    let span = tracing::Span::current();
    arrival.route.get_or_init(|| route.path.clone());
    span.record("http.route", &route.path);
    span.record("otel.name", format!("{} {}", route.method, route.path));

    let mut visit = Visit::new(gateway, &parts, socket(&parts), arrival.request_id);
    let account = visit.account();
    let who = (visit.address, account.as_deref());
    let limits = limits::check(
        gateway.ports.counter.as_ref(),
        &gateway.settings,
        &route.call,
        who,
    )
    .await?;
    visit.admit(gateway, &route.call, &parts.method, &parts.headers)?;
    let exchange = Exchange {
        gateway,
        route,
        segments,
        parts: &parts,
        visit,
        trace_id: &arrival.trace_id,
    };
    let call = &route.call;
    let mut response = match (
        call.method.is_client_streaming(),
        call.method.is_server_streaming(),
        call.raw_reply,
    ) {
        (true, false, _) => upload::upload(&exchange, body).await,
        (false, false, _) => reply::unary(&exchange, body).await,
        (false, true, true) => download::download(&exchange, body).await,
        (false, true, false) => events::events(&exchange, body).await,
        (true, true, _) => Err(Problem::from_code(tonic::Code::Unimplemented)),
    }
    .map_err(|mut problem| {
        problem.headers.extend(limits.clone());
        if problem.status == StatusCode::UNAUTHORIZED {
            for cookie in reply::ended_cookies(&exchange) {
                problem.headers.append(header::SET_COOKIE, cookie);
            }
        }
        problem
    })?;
    response.headers_mut().extend(limits);
    Ok(response)
}

fn arrival(gateway: &Gateway, extensions: &Extensions) -> Arrival {
    let made = || Arrival {
        request_id: (gateway.ports.new_id)(),
        trace_id: String::new(),
        route: Arc::default(),
    };
    extensions.get::<Arrival>().cloned().unwrap_or_else(made)
}

fn socket(parts: &Parts) -> SocketAddr {
    let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    connection.map_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), |connection| {
        connection.0
    })
}

fn options(methods: &[String]) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(value) = methods.join(", ").parse() {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}
