//! The gateway's own pages: keys, metrics, the front page.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message;
use qihang_proto::identity::v1::GetJwksResponse;
use tonic::{Code, metadata::MetadataMap};

use crate::{edge::From, gateway::Gateway, problem::Problem};

const GET_JWKS: &str = "/qihang.identity.v1.DirectoryService/GetJwks";

/// `GET /.well-known/jwks.json`: the keys that verify access tokens.
pub async fn jwks(State(gateway): State<Arc<Gateway>>, from: From) -> Response {
    match fetch_keys(&gateway).await {
        Ok(keys) => {
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/jwk-set+json"),
                ),
                (
                    header::CACHE_CONTROL,
                    HeaderValue::from_static("public, max-age=300"),
                ),
            ];
            (headers, keys).into_response()
        }
        Err(problem) => problem.into_response(&from.arrival.trace_id),
    }
}

async fn fetch_keys(gateway: &Gateway) -> Result<String, Problem> {
    let request = crate::call::request(Bytes::new(), MetadataMap::new());
    let call = gateway
        .upstream("identity")
        .unary(PathAndQuery::from_static(GET_JWKS), request);
    let reply = tokio::time::timeout(gateway.settings.request_timeout(), call).await;
    let reply = reply.map_err(|_| Problem::from_code(Code::DeadlineExceeded))??;
    let reply = GetJwksResponse::decode(reply.into_inner()).map_err(|_| Problem::internal())?;
    Ok(reply.jwks_json)
}

/// `GET /metrics`: the process's metrics for Prometheus, for known networks only.
pub async fn metrics(State(gateway): State<Arc<Gateway>>, from: From) -> Response {
    if !gateway.observers.contains(from.address) {
        return Problem::not_found().into_response(&from.arrival.trace_id);
    }
    let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, media)], (gateway.ports.metrics)()).into_response()
}
