//! A service that reports what it was asked, and a gateway in front of it.

use std::{
    collections::HashMap,
    path::Path,
    pin::Pin,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::{Stream, StreamExt, future::BoxFuture, stream};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, Value};
use qihang_gateway::{
    Gateway, Settings,
    call::BytesCodec,
    ports::{Counter, Decision, Ports},
    transcode::write,
};
use qihang_proto::common::v1::HttpBody;
use reqwest::Client;
use time::{OffsetDateTime, macros::datetime};
use tonic::{Request, Response, Status, Streaming, metadata::KeyAndValueRef, server::StreamingService};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{service_fn, util::BoxCloneSyncService};

/// The time of every test.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-06-01 00:00 UTC);

type Replies = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// The contract of the tests.
pub(crate) static CONTRACT: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/it", "../proto", "../proto/third_party"].map(|folder| here.join(folder));
    let mut compiler = protox::Compiler::new(folders).unwrap();
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file("kitchen.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
});

/// A running gateway.
pub(crate) struct Kitchen {
    /// Where it listens.
    pub(crate) url: String,
    /// A client that follows nothing and keeps no cookies.
    pub(crate) http: Client,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    done: tokio::task::JoinHandle<()>,
}

/// Settings of the tests: short times, known limits.
pub(crate) fn settings() -> Settings {
    Settings {
        body_pause_ms: 300,
        heartbeat_ms: 100,
        lame_duck_ms: 0,
        drain_ms: 2000,
        cache_seconds: 60,
        ..Settings::for_testing()
    }
}

impl Kitchen {
    /// Starts one with the tests' settings.
    pub(crate) async fn start() -> Self {
        Self::with(settings()).await
    }

    /// Starts one with other settings.
    pub(crate) async fn with(settings: Settings) -> Self {
        let ports = Ports {
            services: Arc::new(|_| BoxCloneSyncService::new(service_fn(serve))),
            counter: Arc::new(Windows::default()),
            now: Arc::new(|| NOW),
            new_id: Arc::new(uuid::Uuid::now_v7),
            metrics: Arc::new(|| "qihang_up 1\n".to_owned()),
        };
        let gateway = Gateway::with_contract(&CONTRACT, settings, b"key", ports).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let done = tokio::spawn(async move {
            let stop = async { drop(stopped.await) };
            qihang_gateway::serve(gateway, listener, stop).await.unwrap();
        });
        // Another test of this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().build().unwrap();
        Self {
            url,
            http,
            stop: Some(stop),
            done,
        }
    }

    /// A request with a student's bearer token.
    pub(crate) fn ask(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.plain(method, path).bearer_auth(token("s1", "a1", 3600))
    }

    /// A request without a token.
    pub(crate) fn plain(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.done.await.unwrap();
    }

    /// Asks it to stop.
    pub(crate) fn begin_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

/// A token that nobody verifies here.
pub(crate) fn token(session: &str, account: &str, seconds: i64) -> String {
    let claims = serde_json::json!({ "sub": account, "sid": session, "exp": NOW.unix_timestamp() + seconds });
    format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// An answer's status and JSON.
pub(crate) async fn json(request: reqwest::RequestBuilder) -> (u16, serde_json::Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

/// What the service saw of a request: its JSON and its metadata.
pub(crate) async fn report(request: reqwest::RequestBuilder) -> (serde_json::Value, serde_json::Value) {
    let (status, body) = json(request).await;
    assert_eq!(status, 200, "{body}");
    (
        serde_json::from_str(body["request"].as_str().unwrap()).unwrap(),
        body["metadata"].clone(),
    )
}

/// Counts for ever: a window never slides in a test.
#[derive(Default)]
pub(crate) struct Windows(Mutex<HashMap<String, u32>>);

#[async_trait]
impl Counter for Windows {
    async fn allow(&self, key: &str, limit: u32, window: Duration) -> Decision {
        let mut counts = self.0.lock().unwrap();
        let count = counts.entry(key.to_owned()).or_default();
        *count += 1;
        Decision {
            allowed: *count <= limit,
            remaining: limit.saturating_sub(*count),
            retry_after: window,
        }
    }
}

async fn serve(
    request: http::Request<tonic::body::Body>,
) -> Result<http::Response<tonic::body::Body>, Status> {
    let method = request.uri().path().to_owned();
    let handler = Handler(method);
    Ok(tonic::server::Grpc::new(BytesCodec)
        .streaming(handler, request)
        .await)
}

struct Handler(String);

impl StreamingService<Bytes> for Handler {
    type Response = Bytes;
    type ResponseStream = Replies;
    type Future = BoxFuture<'static, Result<Response<Replies>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        Box::pin(answer(self.0.clone(), request))
    }
}

async fn answer(path: String, request: Request<Streaming<Bytes>>) -> Result<Response<Replies>, Status> {
    let (metadata, _, mut messages) = request.into_parts();
    let name = path.rsplit('/').next().unwrap().to_owned();
    if path.starts_with("/grpc.health") {
        return Ok(one(Bytes::from_static(&[8, 1])));
    }
    let method = CONTRACT
        .get_service_by_name("qihang.kitchen.v1.KitchenService")
        .unwrap();
    let method = method.methods().find(|method| method.name() == name).unwrap();
    let first = messages.next().await.unwrap()?;
    let request = DynamicMessage::decode(method.input(), first).unwrap();
    let seen = String::from_utf8(write::message(&request).unwrap()).unwrap();
    let metadata: HashMap<String, String> = metadata
        .iter()
        // Otherwise the answer to a conditional request would be another one.
        .filter(|entry| !matches!(entry, KeyAndValueRef::Ascii(key, _) if key.as_str() == "if-none-match"))
        .filter_map(|entry| match entry {
            KeyAndValueRef::Ascii(key, value) => Some((key.to_string(), value.to_str().unwrap().to_owned())),
            KeyAndValueRef::Binary(..) => None,
        })
        .collect();
    match name.as_str() {
        "Fail" if seen.contains("slow") => {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(one(reported(seen, metadata, 0)))
        }
        "Fail" => Err(failure(
            request.get_field_by_name("id").unwrap().as_str().unwrap(),
        )),
        "Login" => Ok(one(login())),
        "Refresh" if seen.contains("dead") => Err(Status::unauthenticated("")),
        "Refresh" => Ok(one(tokens(seen.contains("old-refresh")).encode_to_vec().into())),
        "ListNames" => Ok(one(Bytes::from_static(b"\x0a\x06\xe5\xae\xab\xe4\xbf\x9d"))),
        "WatchDishes" => watch(&request),
        "GetPhoto" => photo(&request, &metadata),
        "PutPhoto" => {
            let mut bytes = 0_u64;
            while let Some(message) = messages.next().await {
                let message = DynamicMessage::decode(method.input(), message?).unwrap();
                let body = message.get_field_by_name("body").unwrap();
                bytes += body
                    .as_message()
                    .unwrap()
                    .get_field_by_name("data")
                    .unwrap()
                    .as_bytes()
                    .unwrap()
                    .len() as u64;
            }
            Ok(one(reported(seen, metadata, bytes)))
        }
        _ => Ok(one(reported(seen, metadata, 0))),
    }
}

fn one(message: Bytes) -> Response<Replies> {
    Response::new(Box::pin(stream::once(async { Ok(message) })))
}

fn reported(request: String, metadata: HashMap<String, String>, bytes: u64) -> Bytes {
    let mut report = DynamicMessage::new(CONTRACT.get_message_by_name("qihang.kitchen.v1.Report").unwrap());
    let metadata = metadata
        .into_iter()
        .map(|(key, value)| (MapKey::String(key), Value::String(value)))
        .collect();
    report.set_field_by_name("request", Value::String(request));
    report.set_field_by_name("metadata", Value::Map(metadata));
    report.set_field_by_name("bytes", Value::U64(bytes));
    report.set_field_by_name("etag", Value::String("\"7\"".into()));
    report.encode_to_vec().into()
}

fn tokens(is_refresh: bool) -> qihang_proto::common::v1::TokenPair {
    qihang_proto::common::v1::TokenPair {
        access_token: token("s1", "a1", 600),
        refresh_token: if is_refresh {
            "new-refresh".into()
        } else {
            "old-refresh".into()
        },
        refresh_expire_time: Some(prost_types::Timestamp {
            seconds: NOW.unix_timestamp() + 1000,
            nanos: 0,
        }),
        ..Default::default()
    }
}

fn login() -> Bytes {
    let mut reply = DynamicMessage::new(
        CONTRACT
            .get_message_by_name("qihang.kitchen.v1.LoginResponse")
            .unwrap(),
    );
    let pair = CONTRACT
        .get_message_by_name("qihang.common.v1.TokenPair")
        .unwrap();
    let pair = DynamicMessage::decode(pair, tokens(false).encode_to_vec().as_slice()).unwrap();
    reply.set_field_by_name("name", Value::String("李**".into()));
    reply.set_field_by_name("tokens", Value::Message(pair));
    reply.encode_to_vec().into()
}

fn failure(kind: &str) -> Status {
    match kind {
        "secret" => Status::internal("SELECT * FROM secrets"),
        "late" => Status::deadline_exceeded(""),
        "panic" => panic!("a service never does this"),
        "busy" => {
            let mut details = ErrorDetails::new();
            details.set_error_info("OVERLOADED", "qihang", HashMap::<String, String>::new());
            details.set_localized_message("zh-CN", "系统繁忙，请稍后重试");
            details.set_retry_info(Some(Duration::from_secs(3)));
            Status::with_error_details(tonic::Code::Unavailable, "", details)
        }
        _ => Status::failed_precondition(""),
    }
}

fn watch(request: &DynamicMessage) -> Result<Response<Replies>, Status> {
    let size = request.get_field_by_name("page_size").unwrap().as_i32().unwrap();
    if size < 0 {
        return Err(Status::invalid_argument("no"));
    }
    let tick = |number: u64| Ok(Bytes::from(vec![8, u8::try_from(number).unwrap()]));
    let ticks = stream::iter((1..=u64::try_from(size).unwrap()).map(tick));
    let end = stream::once(async move {
        tokio::time::sleep(Duration::from_millis(250)).await;
        Err(failure("busy"))
    });
    Ok(Response::new(if size == 3 {
        Box::pin(ticks.chain(end))
    } else {
        Box::pin(ticks)
    }))
}

fn photo(request: &DynamicMessage, metadata: &HashMap<String, String>) -> Result<Response<Replies>, Status> {
    let content: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    let id = request
        .get_field_by_name("id")
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned();
    let (from, to) = match metadata.get("range").map(String::as_str) {
        Some("bytes=10-19") => (10, 20),
        Some(_) => return Err(Status::out_of_range("")),
        None => (0, content.len()),
    };
    let whole = content.len();
    let part = content[from..to].to_vec();
    let chunks: Vec<Result<Bytes, Status>> = part
        .chunks(30_000)
        .enumerate()
        .map(|(index, data)| {
            let is_first = index == 0;
            let body = HttpBody {
                data: Bytes::copy_from_slice(data),
                content_type: if is_first {
                    "image/png".into()
                } else {
                    String::new()
                },
                file_name: if is_first {
                    "照片.png".into()
                } else {
                    String::new()
                },
                total_bytes: if is_first { whole as u64 } else { 0 },
            };
            if id == "torn" && index == 2 {
                Err(Status::internal("disk"))
            } else {
                Ok(body.encode_to_vec().into())
            }
        })
        .collect();
    let mut response: Response<Replies> = Response::new(Box::pin(stream::iter(chunks)));
    let headers = response.metadata_mut();
    headers.insert("x-http-header-etag", "\"photo\"".parse().unwrap());
    headers.insert("x-http-header-set-cookie", "stolen=1".parse().unwrap());
    if to - from < whole {
        headers.insert("x-http-status", "206".parse().unwrap());
        headers.insert(
            "x-http-header-content-range",
            format!("bytes {from}-{}/{whole}", to - 1).parse().unwrap(),
        );
    }
    Ok(response)
}
