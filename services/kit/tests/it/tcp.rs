//! The same over TCP: what the caller sees, readiness, lame duck, drain.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use qihang_kit::{
    auth::PeerTokens,
    client::{Channels, Registry},
    clock::Clock,
    server,
    testing::{Acting, school_staff},
};
use qihang_proto::{
    documents::v1::{CreateUploadRequest, file_service_client::FileServiceClient},
    identity::v1::directory_service_client::DirectoryServiceClient,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Code, service::interceptor::InterceptedService, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::ground::{Bench, SCHOOL, bench, entered, find};

struct Served {
    bench: Bench,
    url: String,
    channels: Channels,
    ready: Arc<AtomicBool>,
    stop: CancellationToken,
    server: JoinHandle<anyhow::Result<()>>,
}

async fn served() -> Served {
    let bench = bench(|_| {});
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (ready, stop) = (Arc::new(AtomicBool::new(true)), CancellationToken::new());
    let probe: server::Ready = Arc::new({
        let ready = ready.clone();
        move || {
            let ready = ready.load(Ordering::SeqCst);
            Box::pin(async move { ready })
        }
    });
    let server = tokio::spawn(server::serve(
        bench.endpoint.clone(),
        listener,
        bench.common.limits,
        probe,
        stop.clone(),
    ));
    let channels = remote(&bench, &url);
    Served {
        bench,
        url,
        channels,
        ready,
        stop,
        server,
    }
}

/// Channels of another process.
fn remote(bench: &Bench, url: &str) -> Channels {
    let peers = [("identity".to_owned(), url.to_owned())].into();
    let tokens = PeerTokens::new(&bench.common.auth.service_secret, Clock::system());
    Channels::new("contracts", tokens, Registry::default(), &peers).unwrap()
}

async fn health(url: &str) -> Result<i32, tonic::Status> {
    let channel = Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy();
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await?;
    Ok(answer.into_inner().status)
}

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

#[tokio::test]
async fn callers_cannot_tell_tcp_from_in_process() {
    let served = served().await;
    let local = served.bench.channels.named("contracts");
    for channels in [&served.channels, &local] {
        let mut client = DirectoryServiceClient::new(channels.get("identity"));
        assert_eq!(
            client.find_student(find("中文")).await.unwrap().into_inner().name,
            "中文"
        );
        let status = client.find_student(find(&"长".repeat(65))).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(!status.details().is_empty());
        let status = client.find_student(find("panic")).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        let acting = served.bench.signed_in(&school_staff(SCHOOL));
        let mut files = FileServiceClient::new(InterceptedService::new(channels.get("identity"), acting));
        let request = CreateUploadRequest {
            purpose: 1,
            file_name: "a".into(),
            size_bytes: 1,
            ..Default::default()
        };
        assert!(files.create_upload(request.clone()).await.is_ok());
        let nobody = InterceptedService::new(channels.get("identity"), Acting::default());
        let status = FileServiceClient::new(nobody)
            .create_upload(request)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn a_stop_first_turns_health_off_then_drains_what_is_under_way() {
    let served = served().await;
    // The listener is bound, so the first look waits for the server at most.
    assert_eq!(health(&served.url).await.unwrap(), SERVING);
    let mut client = DirectoryServiceClient::new(served.channels.get("identity"));
    let under_way = tokio::spawn(async move { client.find_student(find("wait")).await });
    entered(&served.bench.ground, 1).await;
    served.stop.cancel();
    while health(&served.url).await.unwrap() != NOT_SERVING {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Lame duck: a newcomer is still served.
    let newcomer = remote(&served.bench, &served.url);
    assert!(
        DirectoryServiceClient::new(newcomer.get("identity"))
            .find_student(find("x"))
            .await
            .is_ok()
    );
    tokio::time::sleep(Duration::from_millis(400)).await;
    // Drain: no newcomers, but the call under way ends well.
    assert!(health(&served.url).await.is_err());
    served.bench.ground.go.notify_waiters();
    assert!(under_way.await.unwrap().is_ok());
    served.server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_ends_in_time_though_a_call_does_not() {
    let served = served().await;
    let mut client = DirectoryServiceClient::new(served.channels.get("identity"));
    let stuck = tokio::spawn(async move { client.find_student(find("wait")).await });
    entered(&served.bench.ground, 1).await;
    served.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), served.server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    stuck.abort();
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_peer_that_is_away() {
    let bench = bench(|_| {});
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let (_call, mut answer) = connection.accept().await.unwrap().unwrap();
        let head = http::Response::builder().header("content-type", "application/grpc");
        let _body = answer.send_response(head.body(()).unwrap(), false).unwrap();
        // What was said so far leaves; then the process is gone.
        let _ = tokio::time::timeout(Duration::from_millis(200), connection.accept()).await;
    });
    let mut client = DirectoryServiceClient::new(remote(&bench, &url).get("identity"));
    let status = client.find_student(find("x")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "PEER_UNAVAILABLE");
    assert!(details.retry_info().is_some());
}

#[tokio::test]
async fn health_follows_readiness() {
    let bench = bench(|_| {});
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let probe: server::Ready = Arc::new(|| Box::pin(async { false }));
    tokio::spawn(server::serve(
        bench.endpoint,
        listener,
        bench.common.limits,
        probe,
        CancellationToken::new(),
    ));
    while health(&url).await.unwrap() != NOT_SERVING {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn replicas_take_turns_and_one_that_stops_loses_no_call() {
    let (mut first, second) = (served().await, served().await);
    let channels = remote(&first.bench, &format!("{}, {}", first.url, second.url));
    let client = DirectoryServiceClient::new(channels.get("identity"));
    let had = |served: &Served| served.bench.ground.entered.load(Ordering::SeqCst);
    for _ in 0..20 {
        client.clone().find_student(find("x")).await.unwrap();
    }
    assert_eq!((had(&first), had(&second)), (10, 10));
    first.stop.cancel();
    let calls = (0..400).map(|_| async {
        client.clone().find_student(find("x")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    });
    futures::stream::StreamExt::collect::<Vec<()>>(futures::stream::StreamExt::buffer_unordered(
        futures::stream::iter(calls),
        4,
    ))
    .await;
    (&mut first.server).await.unwrap().unwrap();
    client.clone().find_student(find("x")).await.unwrap();
    assert_eq!(had(&first) + had(&second), 421, "each call is had once");
}

#[tokio::test]
async fn a_restarted_peer_is_found_again() {
    let first = served().await;
    let mut client = DirectoryServiceClient::new(first.channels.get("identity"));
    assert!(client.find_student(find("x")).await.is_ok());
    let address = first.url.trim_start_matches("http://").to_owned();
    first.stop.cancel();
    first.server.await.unwrap().unwrap();
    let status = client.find_student(find("x")).await;
    let listener = TcpListener::bind(&address).await.unwrap();
    let probe: server::Ready = Arc::new(|| Box::pin(async { true }));
    let (endpoint, limits) = (first.bench.endpoint.clone(), first.bench.common.limits);
    tokio::spawn(server::serve(
        endpoint,
        listener,
        limits,
        probe,
        CancellationToken::new(),
    ));
    assert!(client.find_student(find("x")).await.is_ok(), "after {status:?}");
    assert!(first.ready.load(Ordering::SeqCst));
}
