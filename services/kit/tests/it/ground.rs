//! A tiny service out of two generated traits, whose answers show what the stack did.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use qihang_kit::{
    auth,
    auth::PeerTokens,
    client::{Channels, Local, Registry},
    clock::Clock,
    server::{Layers, stack},
    settings::{Common, LimitSettings, Secret},
    testing::{Acting, TestKeys},
};
use qihang_proto::{
    common::v1::HttpBody,
    documents::v1::{
        ClaimFilesRequest, ClaimFilesResponse, CreateUploadRequest, DownloadRequest, File, GetFileRequest,
        PutContentRequest, ReadFileRequest, ReleaseFilesRequest, ReleaseFilesResponse,
        file_service_server::{FileService, FileServiceServer},
    },
    identity::v1::{
        BatchFindStudentsRequest, BatchFindStudentsResponse, BatchGetEmployersRequest,
        BatchGetEmployersResponse, BatchGetSchoolsRequest, BatchGetSchoolsResponse, BatchGetStudentsRequest,
        BatchGetStudentsResponse, DirectoryStudent, FindStudentRequest, GetJwksRequest, GetJwksResponse,
        ListCodeChangesRequest, ListCodeChangesResponse, ListStaffAccountsRequest, ListStaffAccountsResponse,
        directory_service_server::{DirectoryService, DirectoryServiceServer},
    },
};
use tokio::sync::Notify;
use tonic::{Request, Response, Status, Streaming, service::Routes};

pub(crate) const SCHOOL: &str = "4123010213";

/// What the handlers saw and wait for.
#[derive(Clone, Default)]
pub(crate) struct Ground {
    pub(crate) entered: Arc<AtomicUsize>,
    pub(crate) go: Arc<Notify>,
    pub(crate) keys: Option<TestKeys>,
}

impl Ground {
    pub(crate) fn routes(&self) -> Routes {
        Routes::new(DirectoryServiceServer::new(self.clone()))
            .add_service(FileServiceServer::new(self.clone()))
    }
}

#[tonic::async_trait]
impl DirectoryService for Ground {
    async fn batch_get_students(
        &self,
        request: Request<BatchGetStudentsRequest>,
    ) -> Result<Response<BatchGetStudentsResponse>, Status> {
        let caller = auth::caller(&request);
        let student = DirectoryStudent {
            name: caller.peer.unwrap_or_default(),
            ..Default::default()
        };
        Ok(Response::new(BatchGetStudentsResponse {
            students: vec![student],
        }))
    }

    /// Waits until the test lets it go; `panic` panics.
    async fn find_student(
        &self,
        request: Request<FindStudentRequest>,
    ) -> Result<Response<DirectoryStudent>, Status> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        match request.get_ref().name.as_str() {
            "panic" => panic!("a bug with secrets in its text"),
            "wait" => self.go.notified().await,
            _ => {}
        }
        Ok(Response::new(DirectoryStudent {
            name: request.into_inner().name,
            ..Default::default()
        }))
    }

    async fn batch_find_students(
        &self,
        _: Request<BatchFindStudentsRequest>,
    ) -> Result<Response<BatchFindStudentsResponse>, Status> {
        Ok(Response::new(BatchFindStudentsResponse::default()))
    }

    async fn batch_get_employers(
        &self,
        _: Request<BatchGetEmployersRequest>,
    ) -> Result<Response<BatchGetEmployersResponse>, Status> {
        Ok(Response::new(BatchGetEmployersResponse::default()))
    }

    async fn batch_get_schools(
        &self,
        _: Request<BatchGetSchoolsRequest>,
    ) -> Result<Response<BatchGetSchoolsResponse>, Status> {
        Ok(Response::new(BatchGetSchoolsResponse::default()))
    }

    async fn list_code_changes(
        &self,
        _: Request<ListCodeChangesRequest>,
    ) -> Result<Response<ListCodeChangesResponse>, Status> {
        Ok(Response::new(ListCodeChangesResponse::default()))
    }

    async fn list_staff_accounts(
        &self,
        _: Request<ListStaffAccountsRequest>,
    ) -> Result<Response<ListStaffAccountsResponse>, Status> {
        Ok(Response::new(ListStaffAccountsResponse::default()))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        let set = self
            .keys
            .as_ref()
            .map(|keys| serde_json::to_string(&keys.set()).unwrap());
        Ok(Response::new(GetJwksResponse {
            jwks_json: set.unwrap_or_default(),
        }))
    }
}

type Chunks = Pin<Box<dyn Stream<Item = Result<HttpBody, Status>> + Send>>;

#[tonic::async_trait]
impl FileService for Ground {
    type DownloadStream = Chunks;
    type ReadFileStream = Chunks;

    async fn create_upload(&self, request: Request<CreateUploadRequest>) -> Result<Response<File>, Status> {
        let who = auth::principal(&request)?;
        Ok(Response::new(File {
            id: who.account_id.to_string(),
            ..Default::default()
        }))
    }

    async fn put_content(
        &self,
        request: Request<Streaming<PutContentRequest>>,
    ) -> Result<Response<File>, Status> {
        let mut stream = request.into_inner();
        let mut file = File::default();
        while let Some(part) = stream.message().await? {
            file.id.push_str(&part.id);
            file.size_bytes += part.body.map(|body| body.data.len() as u64).unwrap_or_default();
        }
        Ok(Response::new(file))
    }

    /// Tells where the call came from.
    async fn get_file(&self, request: Request<GetFileRequest>) -> Result<Response<File>, Status> {
        let caller = auth::caller(&request);
        let text = format!("{:?} {:?} {:?}", caller.address, caller.client, caller.peer);
        Ok(Response::new(File {
            file_name: text,
            sha256: caller.request_id,
            ..Default::default()
        }))
    }

    /// Two pieces, then for ids that end in 1 a panic, else nothing for ever.
    async fn download(&self, request: Request<DownloadRequest>) -> Result<Response<Chunks>, Status> {
        let panics = request.get_ref().id.ends_with('1');
        let piece = |text: &'static str| {
            Ok(HttpBody {
                data: text.into(),
                ..Default::default()
            })
        };
        let rest = futures::stream::poll_fn(move |_| {
            assert!(!panics, "a bug in a stream");
            std::task::Poll::Pending
        });
        Ok(Response::new(Box::pin(
            futures::stream::iter([piece("a"), piece("b")]).chain(rest),
        )))
    }

    async fn claim_files(
        &self,
        _: Request<ClaimFilesRequest>,
    ) -> Result<Response<ClaimFilesResponse>, Status> {
        Ok(Response::new(ClaimFilesResponse::default()))
    }

    async fn release_files(
        &self,
        _: Request<ReleaseFilesRequest>,
    ) -> Result<Response<ReleaseFilesResponse>, Status> {
        unreachable!("nobody gives files back here")
    }

    async fn read_file(&self, _: Request<ReadFileRequest>) -> Result<Response<Chunks>, Status> {
        Ok(Response::new(Box::pin(futures::stream::empty())))
    }
}

/// Settings with a secret and short limits.
pub(crate) fn common() -> Common {
    let mut common = Common::embedded().unwrap();
    common.auth.service_secret = Secret::from("a secret that only tests know, and long");
    common.limits = LimitSettings {
        lame_duck_ms: 200,
        drain_ms: 2000,
        ..common.limits
    };
    common
}

/// A stack without a database.
pub(crate) struct Bench {
    pub(crate) ground: Ground,
    pub(crate) keys: TestKeys,
    pub(crate) endpoint: Local,
    pub(crate) channels: Channels,
    pub(crate) common: Common,
}

/// The stack in process, as the gateway calls it.
pub(crate) fn bench(change: impl FnOnce(&mut Common)) -> Bench {
    let mut common = common();
    change(&mut common);
    let keys = TestKeys::default();
    let ground = Ground {
        keys: Some(keys.clone()),
        ..Ground::default()
    };
    let registry = Registry::default();
    let tokens = PeerTokens::new(&common.auth.service_secret, Clock::system());
    let channels = Channels::new(auth::GATEWAY, tokens.clone(), registry.clone(), &common.peers).unwrap();
    let layers = Layers {
        // The keys come by a real call of GetJwks through the same stack.
        verifier: auth::Verifier::new(
            auth::DirectoryKeys(channels.named("documents")),
            &common.auth,
            Clock::system(),
        ),
        peers: tokens,
        limits: common.limits,
    };
    let endpoint = stack("identity", ground.routes(), layers);
    registry.add("identity", endpoint.clone());
    Bench {
        ground,
        keys,
        endpoint,
        channels,
        common,
    }
}

impl Bench {
    pub(crate) fn signed_in(&self, principal: &auth::Principal) -> Acting {
        Acting {
            token: Some(self.keys.token(principal, Clock::system().now())),
            ..Acting::default()
        }
    }
}

/// Waits until so many calls have come in.
pub(crate) async fn entered(ground: &Ground, count: usize) {
    while ground.entered.load(Ordering::SeqCst) < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn find(name: &str) -> FindStudentRequest {
    FindStudentRequest {
        school_code: SCHOOL.into(),
        student_number: "1".into(),
        name: name.into(),
    }
}

/// No tables but kit's own.
pub(crate) static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate::Migrator::DEFAULT;
