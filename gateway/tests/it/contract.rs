//! The real contract in front of generated servers.

use std::sync::Arc;

use qihang_gateway::{Gateway, ports::Ports};
use qihang_proto::identity::v1::{
    BatchFindStudentsRequest, BatchFindStudentsResponse, BatchGetEmployersRequest, BatchGetEmployersResponse,
    BatchGetSchoolsRequest, BatchGetSchoolsResponse, BatchGetStudentsRequest, BatchGetStudentsResponse,
    DirectoryStudent, FindStudentRequest, GetJwksRequest, GetJwksResponse, ListCodeChangesRequest,
    ListCodeChangesResponse, ListStaffAccountsRequest, ListStaffAccountsResponse,
    directory_service_server::{DirectoryService, DirectoryServiceServer},
};
use tonic::{Request, Response, Status, service::Routes};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::support::{NOW, Windows, settings};

const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"AA"}]}"#;

struct Directory;

#[tonic::async_trait]
impl DirectoryService for Directory {
    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Ok(Response::new(GetJwksResponse {
            jwks_json: JWKS.to_owned(),
        }))
    }

    async fn batch_get_students(
        &self,
        _: Request<BatchGetStudentsRequest>,
    ) -> Result<Response<BatchGetStudentsResponse>, Status> {
        panic!("a method for services was reached over HTTP")
    }

    async fn find_student(
        &self,
        _: Request<FindStudentRequest>,
    ) -> Result<Response<DirectoryStudent>, Status> {
        panic!("a method for services was reached over HTTP")
    }

    async fn batch_find_students(
        &self,
        _: Request<BatchFindStudentsRequest>,
    ) -> Result<Response<BatchFindStudentsResponse>, Status> {
        panic!("a method for services was reached over HTTP")
    }

    async fn batch_get_employers(
        &self,
        _: Request<BatchGetEmployersRequest>,
    ) -> Result<Response<BatchGetEmployersResponse>, Status> {
        panic!("a method for services was reached over HTTP")
    }

    async fn batch_get_schools(
        &self,
        _: Request<BatchGetSchoolsRequest>,
    ) -> Result<Response<BatchGetSchoolsResponse>, Status> {
        panic!("a method for services was reached over HTTP")
    }

    async fn list_code_changes(
        &self,
        _: Request<ListCodeChangesRequest>,
    ) -> Result<Response<ListCodeChangesResponse>, Status> {
        panic!("a method for services was reached over HTTP")
    }

    async fn list_staff_accounts(
        &self,
        _: Request<ListStaffAccountsRequest>,
    ) -> Result<Response<ListStaffAccountsResponse>, Status> {
        panic!("a method for services was reached over HTTP")
    }
}

fn gateway() -> Arc<Gateway> {
    let routes = Routes::new(DirectoryServiceServer::new(Directory)).prepare();
    let identity = service_fn(move |request: http::Request<tonic::body::Body>| {
        let routes = routes.clone();
        async move {
            routes
                .oneshot(request)
                .await
                .map_err(|error| Status::from_error(error.into()))
        }
    });
    let ports = Ports {
        services: Arc::new(move |_| BoxCloneSyncService::new(identity.clone())),
        counter: Arc::new(Windows::default()),
        now: Arc::new(|| NOW),
        new_id: Arc::new(uuid::Uuid::now_v7),
        metrics: Arc::new(String::new),
    };
    Arc::new(Gateway::new(settings(), b"key", ports).unwrap())
}

async fn get(path: &str) -> (u16, String, String) {
    let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
    let response = qihang_gateway::router(&gateway()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, media, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_key_set_is_served_where_verifiers_look_for_it() {
    let (status, media, body) = get("/.well-known/jwks.json").await;
    assert_eq!(
        (status, media.as_str(), body.as_str()),
        (200, "application/jwk-set+json", JWKS)
    );
}

#[tokio::test]
async fn methods_for_services_have_no_path() {
    let path = "/qihang.identity.v1.DirectoryService/BatchGetStudents";
    assert_eq!(get(path).await.0, 404);
    let (_, _, document) = get("/openapi.json").await;
    assert!(!document.contains("BatchGetStudents"));
}

#[tokio::test]
async fn a_service_that_does_not_know_a_method_is_said_to_lack_it() {
    let id = "0190a0b0-0000-7000-8000-000000000001";
    let mut request = http::Request::get(format!("/v1/files/{id}"))
        .body(axum::body::Body::empty())
        .unwrap();
    request
        .headers_mut()
        .insert("authorization", "Bearer e30.e30.x".parse().unwrap());
    let response = qihang_gateway::router(&gateway()).oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 501);
}

#[test]
fn the_pages_are_made_from_this_contract() {
    let routes = qihang_gateway::transcode::route::routes(&qihang_proto::POOL).unwrap();
    let table = qihang_gateway::transcode::router::Table::new(routes).unwrap();
    let document = qihang_gateway::openapi::document(&qihang_proto::POOL, &table);
    let kept: serde_json::Value =
        serde_json::from_str(include_str!("../../web/packages/api/openapi.json")).unwrap();
    assert!(
        document == kept,
        "gateway/web/packages/api/openapi.json is stale; run make api"
    );
}
