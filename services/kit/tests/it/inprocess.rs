//! The layers, in process.

use std::time::Duration;

use futures::StreamExt as _;
use prost::Message as _;
use qihang_kit::{
    auth::Principal,
    testing::{Acting, employer, school_staff, student},
};
use qihang_proto::{
    common::v1::HttpBody,
    documents::v1::{
        ClaimFilesRequest, CreateUploadRequest, DownloadRequest, GetFileRequest, PutContentRequest,
        file_service_client::FileServiceClient,
    },
    identity::v1::{
        BatchGetStudentsRequest, GetJwksRequest, directory_service_client::DirectoryServiceClient,
    },
};
use tonic::{Code, Request, Status, service::interceptor::InterceptedService};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::ground::{Bench, SCHOOL, bench, entered, find};

type Channel = InterceptedService<qihang_kit::client::ServiceChannel, Acting>;

fn files(bench: &Bench, acting: Acting) -> FileServiceClient<Channel> {
    FileServiceClient::new(InterceptedService::new(bench.channels.get("identity"), acting))
}

fn directory(
    bench: &Bench,
    caller: &'static str,
) -> DirectoryServiceClient<qihang_kit::client::ServiceChannel> {
    DirectoryServiceClient::new(bench.channels.named(caller).get("identity"))
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

fn upload() -> CreateUploadRequest {
    CreateUploadRequest {
        purpose: 1,
        file_name: "名单.xlsx".into(),
        size_bytes: 10,
        request_id: String::new(),
    }
}

fn who() -> Principal {
    student(SCHOOL, Uuid::nil())
}

const ID: &str = "0190a0a0-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_token_makes_the_principal_of_the_handler() {
    let bench = bench(|_| {});
    let who = school_staff(SCHOOL);
    let answer = files(&bench, bench.signed_in(&who))
        .create_upload(upload())
        .await
        .unwrap();
    assert_eq!(answer.into_inner().id, who.account_id.to_string());
}

#[tokio::test]
async fn access_is_decided_before_anything_is_read() {
    let bench = bench(|_| {});
    let nobody = files(&bench, Acting::default())
        .create_upload(CreateUploadRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (nobody.code(), reason(&nobody).as_str()),
        (Code::Unauthenticated, "TOKEN_MISSING")
    );
    let bad = Acting {
        token: Some("x.y.z".into()),
        ..Acting::default()
    };
    let bad = files(&bench, bad).create_upload(upload()).await.unwrap_err();
    assert_eq!(
        (bad.code(), reason(&bad).as_str()),
        (Code::Unauthenticated, "TOKEN_INVALID")
    );
    let signed = bench.signed_in(&employer(Uuid::nil()));
    let person = files(&bench, signed)
        .claim_files(ClaimFilesRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        (person.code(), reason(&person).as_str()),
        (Code::PermissionDenied, "ROLE_NOT_ALLOWED")
    );
    let gateway = directory(&bench, "gateway")
        .find_student(find("x"))
        .await
        .unwrap_err();
    assert_eq!(gateway.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn services_call_service_methods_under_their_own_name() {
    let bench = bench(|_| {});
    let request = BatchGetStudentsRequest { ids: vec![ID.into()] };
    let answer = directory(&bench, "contracts")
        .batch_get_students(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.students[0].name, "contracts");
}

#[tokio::test]
async fn open_methods_take_stale_tokens_for_nobody() {
    let bench = bench(|_| {});
    let acting = Acting {
        token: Some("x.y.z".into()),
        ..Acting::default()
    };
    let mut client =
        DirectoryServiceClient::new(InterceptedService::new(bench.channels.get("identity"), acting));
    assert!(
        client
            .get_jwks(GetJwksRequest {})
            .await
            .unwrap()
            .into_inner()
            .jwks_json
            .contains("Ed25519")
    );
}

#[tokio::test]
async fn handlers_learn_where_a_call_comes_from_only_from_a_known_peer() {
    let bench = bench(|_| {});
    let request = GetFileRequest { id: ID.into() };
    let acting = bench.signed_in(&who());
    let known = files(&bench, acting.clone())
        .get_file(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(known.file_name, "Some(192.0.2.1) Web Some(\"gateway\")");
    assert_eq!(known.sha256, acting.request_id);
    // Straight to the service, without the gateway's token: what the headers claim does not count.
    let mut stranger = FileServiceClient::new(InterceptedService::new(bench.endpoint.clone(), acting));
    assert_eq!(
        stranger.get_file(request).await.unwrap().into_inner().file_name,
        "None System None"
    );
}

#[tokio::test]
async fn requests_are_validated_before_the_handler() {
    let bench = bench(|_| {});
    let request = CreateUploadRequest {
        purpose: 6,
        file_name: "x".repeat(129),
        size_bytes: 0,
        request_id: "no".into(),
    };
    let status = files(&bench, bench.signed_in(&who()))
        .create_upload(request)
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::InvalidArgument, "VALIDATION_FAILED")
    );
    let details = status.get_error_details();
    let told: Vec<_> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|one| (one.field.as_str(), one.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("purpose", "UNKNOWN_VALUE"),
            ("fileName", "TOO_LONG"),
            ("sizeBytes", "TOO_SMALL"),
            ("requestId", "UUID")
        ]
    );
}

#[tokio::test]
async fn a_stream_is_validated_at_its_first_message() {
    let bench = bench(|_| {});
    let part = |id: &str| PutContentRequest {
        id: id.into(),
        body: Some(HttpBody {
            data: vec![7; 1000].into(),
            ..Default::default()
        }),
    };
    let mut client = files(&bench, bench.signed_in(&who()));
    let good = futures::stream::iter([part(ID), part(""), part("")]);
    let file = client.put_content(good).await.unwrap().into_inner();
    assert_eq!((file.id.as_str(), file.size_bytes), (ID, 3000));
    let bad = client
        .put_content(futures::stream::iter([part("no uuid")]))
        .await
        .unwrap_err();
    assert_eq!(
        (bad.code(), reason(&bad).as_str()),
        (Code::InvalidArgument, "VALIDATION_FAILED")
    );
}

#[tokio::test]
async fn messages_over_the_limit_are_refused() {
    let bench = bench(|common| common.limits.max_message_bytes = 2000);
    let request = CreateUploadRequest {
        file_name: "x".repeat(3000),
        ..upload()
    };
    let mut client = files(&bench, bench.signed_in(&who()));
    assert_eq!(
        reason(&client.create_upload(request).await.unwrap_err()),
        "REQUEST_TOO_LARGE"
    );
    let body = Some(HttpBody {
        data: vec![7; 3000].into(),
        ..Default::default()
    });
    let parts = futures::stream::iter([PutContentRequest { id: ID.into(), body }]);
    assert_eq!(
        reason(&client.put_content(parts).await.unwrap_err()),
        "REQUEST_TOO_LARGE"
    );
}

#[tokio::test]
async fn broken_requests_are_malformed_and_unknown_methods_unimplemented() {
    let bench = bench(|_| {});
    let call = |path: &'static str, body: Vec<u8>| {
        let request =
            http::Request::post(path).body(tonic::body::Body::new(http_body_util::Full::new(body.into())));
        tower::ServiceExt::oneshot(bench.endpoint.clone(), request.unwrap())
    };
    let jwks = "/qihang.identity.v1.DirectoryService/GetJwks";
    for body in [
        vec![],
        vec![0, 0, 0],
        vec![1, 0, 0, 0, 0],
        vec![0, 0, 0, 0, 9],
        vec![0, 0, 0, 0, 1, 0xff],
    ] {
        let response = call(jwks, body.clone()).await.unwrap();
        assert_eq!(
            Code::from_bytes(response.headers()["grpc-status"].as_bytes()),
            Code::InvalidArgument,
            "{body:?}"
        );
    }
    let response = call("/qihang.identity.v1.DirectoryService/Nothing", vec![0; 5])
        .await
        .unwrap();
    assert_eq!(
        Code::from_bytes(response.headers()["grpc-status"].as_bytes()),
        Code::Unimplemented
    );
    assert!(prost::bytes::Bytes::from(GetJwksRequest {}.encode_to_vec()).is_empty());
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_at_the_limit() {
    let patient = bench(|common| common.limits.request_timeout_ms = 600_000);
    let mut request = Request::new(find("wait"));
    request.set_timeout(Duration::from_millis(30));
    let status = directory(&patient, "contracts").find_student(request).await;
    assert_eq!(status.unwrap_err().code(), Code::DeadlineExceeded);

    let hasty = bench(|common| common.limits.request_timeout_ms = 100);
    let mut request = Request::new(find("wait"));
    request.set_timeout(Duration::from_secs(600));
    let status = directory(&hasty, "contracts")
        .find_student(request)
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
    );
}

#[tokio::test]
async fn more_calls_than_allowed_are_shed_at_once() {
    let bench = bench(|common| common.limits.max_concurrent = 2);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let mut client = directory(&bench, "contracts");
            tokio::spawn(async move { client.find_student(find("wait")).await })
        })
        .collect();
    entered(&bench.ground, 2).await;
    let status = directory(&bench, "contracts")
        .find_student(find("x"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "OVERLOADED")
    );
    assert!(status.get_error_details().retry_info().is_some());
    bench.ground.go.notify_waiters();
    for call in waiting {
        assert!(call.await.unwrap().is_ok());
    }
    assert!(
        directory(&bench, "contracts")
            .find_student(find("x"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_tells_nothing() {
    let bench = bench(|_| {});
    let status = directory(&bench, "contracts")
        .find_student(find("panic"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Internal, "INTERNAL")
    );
    assert!(!format!("{status:?}").contains("secret"));
    let mut client = files(&bench, bench.signed_in(&who()));
    let id = ID.replace("000000000000", "000000000001");
    let mut stream = client
        .download(DownloadRequest { id })
        .await
        .unwrap()
        .into_inner();
    let all: Vec<_> = stream.by_ref().collect().await;
    assert_eq!(all.last().unwrap().as_ref().unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn a_stream_ends_at_its_deadline() {
    let bench = bench(|common| common.limits.stream_timeout_ms = 100);
    let mut client = files(&bench, bench.signed_in(&who()));
    let mut request = Request::new(DownloadRequest { id: ID.into() });
    request.set_timeout(Duration::from_secs(60));
    let stream = client.download(request).await.unwrap().into_inner();
    let all: Vec<_> = stream.collect().await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[2].as_ref().unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_service_that_nobody_knows_is_unavailable() {
    let bench = bench(|_| {});
    let mut client = DirectoryServiceClient::new(bench.channels.get("nobody"));
    let status = client.get_jwks(GetJwksRequest {}).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "PEER_UNAVAILABLE")
    );
}
