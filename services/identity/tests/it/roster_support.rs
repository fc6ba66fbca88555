//! What the tests of rosters, records and employers stand on: a service, files, and people.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use futures::stream;
use qihang_kit::{
    auth::Principal,
    testing::{self, TestService},
    validators,
};
use qihang_kit::{client::ServiceChannel, testing::Acting};
use qihang_proto::{
    common::v1::HttpBody,
    documents::v1::{
        ClaimFilesRequest, ClaimFilesResponse, CreateUploadRequest, DownloadRequest, File, GetFileRequest,
        PutContentRequest, ReadFileRequest, ReleaseFilesRequest, ReleaseFilesResponse,
        file_service_server::{FileService, FileServiceServer},
    },
    identity::v1::{
        GetImportRequest, ImportRosterRequest, ListStudentsRequest, RosterImport, StudentSummary,
        origin_service_client::OriginServiceClient, roster_service_client::RosterServiceClient,
    },
};
use tonic::{
    Request, Response, Status, Streaming,
    service::{Routes, interceptor::InterceptedService},
};
use uuid::Uuid;

/// The school of the tests, 黑龙江大学.
pub(crate) const SCHOOL: &str = "4123010212";

/// Another one.
pub(crate) const OTHER_SCHOOL: &str = "4123010213";

/// Headers of the files below.
pub(crate) const HEADERS: &str = "ksh,xh,xm,xbdm,csrq,sfzh,mzdm,zzmmdm,yxdm,xldm,zydm,zy,pyfsdm,syszddm,xz,rxsj,bysj,szyx,szbj,sjhm,dzyx,jtdz,jtyb,jtlxr";

/// Documents, as far as identity uses it.
#[derive(Clone, Default)]
pub(crate) struct FakeDocuments {
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    /// Claims, in order.
    pub(crate) claims: Arc<Mutex<Vec<ClaimFilesRequest>>>,
    /// Files that were given back.
    pub(crate) released: Arc<Mutex<Vec<String>>>,
}

impl FakeDocuments {
    /// Takes a file in.
    pub(crate) fn add(&self, bytes: impl Into<Vec<u8>>) -> String {
        let id = qihang_kit::ids::Ids::random().new_id().to_string();
        self.files.lock().unwrap().insert(id.clone(), bytes.into());
        id
    }
}

type Pieces = stream::Iter<std::vec::IntoIter<Result<HttpBody, Status>>>;

#[tonic::async_trait]
impl FileService for FakeDocuments {
    type DownloadStream = Pieces;
    type ReadFileStream = Pieces;

    async fn create_upload(&self, _: Request<CreateUploadRequest>) -> Result<Response<File>, Status> {
        unreachable!("identity does not upload")
    }

    async fn put_content(&self, _: Request<Streaming<PutContentRequest>>) -> Result<Response<File>, Status> {
        unreachable!("identity does not upload")
    }

    async fn get_file(&self, _: Request<GetFileRequest>) -> Result<Response<File>, Status> {
        unreachable!("identity does not ask")
    }

    async fn download(&self, _: Request<DownloadRequest>) -> Result<Response<Pieces>, Status> {
        unreachable!("identity reads")
    }

    async fn claim_files(
        &self,
        request: Request<ClaimFilesRequest>,
    ) -> Result<Response<ClaimFilesResponse>, Status> {
        let request = request.into_inner();
        let known = self.files.lock().unwrap();
        if request.ids.iter().any(|id| !known.contains_key(id)) {
            return Err(qihang_kit::status::Fault::not_found("FILE_NOT_FOUND", "没有找到该文件").into());
        }
        let file = |id: &String| File {
            id: id.clone(),
            sha256: "ab".repeat(32),
            ..File::default()
        };
        let files = request.ids.iter().map(file).collect();
        self.claims.lock().unwrap().push(request);
        Ok(Response::new(ClaimFilesResponse { files }))
    }

    async fn release_files(
        &self,
        request: Request<ReleaseFilesRequest>,
    ) -> Result<Response<ReleaseFilesResponse>, Status> {
        self.released.lock().unwrap().extend(request.into_inner().ids);
        Ok(Response::new(ReleaseFilesResponse {}))
    }

    async fn read_file(&self, request: Request<ReadFileRequest>) -> Result<Response<Pieces>, Status> {
        let bytes = self
            .files
            .lock()
            .unwrap()
            .get(&request.into_inner().id)
            .cloned()
            .unwrap_or_default();
        let piece = |data: &[u8]| {
            Ok(HttpBody {
                data: data.to_vec().into(),
                ..HttpBody::default()
            })
        };
        let pieces: Vec<_> = bytes.chunks(64 * 1024).map(piece).collect();
        Ok(Response::new(stream::iter(pieces)))
    }
}

/// Identity with its neighbours.
pub(crate) struct World {
    pub(crate) identity: TestService,
    pub(crate) documents: FakeDocuments,
    pub(crate) staff: Principal,
}

/// A client of a service.
pub(crate) type Way = InterceptedService<ServiceChannel, Acting>;

impl World {
    /// A new one, empty.
    pub(crate) async fn new() -> Self {
        let identity = crate::support::identity().await;
        let documents = FakeDocuments::default();
        identity.peer(
            "documents",
            Routes::new(FileServiceServer::new(documents.clone())),
        );
        Self {
            identity,
            documents,
            staff: testing::school_staff(SCHOOL),
        }
    }

    /// One with so many students, imported by one of the staff.
    pub(crate) async fn with_students(count: u32) -> Self {
        let world = Self::new().await;
        let importer = testing::school_staff(SCHOOL);
        let import = world.import(&importer, &file(count), false).await;
        assert_eq!(import.error, "");
        world
    }

    pub(crate) fn roster(&self, principal: &Principal) -> RosterServiceClient<Way> {
        RosterServiceClient::new(self.identity.as_principal(principal))
    }

    pub(crate) fn origin(&self, principal: &Principal) -> OriginServiceClient<Way> {
        OriginServiceClient::new(self.identity.as_principal(principal))
    }

    /// Imports a file and waits for its end.
    pub(crate) async fn import(
        &self,
        staff: &Principal,
        bytes: &(impl AsRef<[u8]> + ?Sized),
        dry_run: bool,
    ) -> RosterImport {
        let request = ImportRosterRequest {
            file_id: self.documents.add(bytes.as_ref()),
            dry_run,
            cohort: 2026,
            request_id: String::new(),
        };
        let mut client = self.roster(staff);
        let operation = client.import_roster(request).await.unwrap().into_inner();
        assert!(!operation.done);
        self.identity.run_tasks().await;
        client
            .get_import(GetImportRequest { id: operation.id })
            .await
            .unwrap()
            .into_inner()
    }

    /// The students that one of the staff sees.
    pub(crate) async fn students(&self, staff: &Principal) -> Vec<StudentSummary> {
        let request = ListStudentsRequest {
            page_size: 100,
            ..ListStudentsRequest::default()
        };
        self.roster(staff)
            .list_students(request)
            .await
            .unwrap()
            .into_inner()
            .students
    }

    /// The student of a number, signed in.
    pub(crate) async fn student(&self, number: u32) -> Principal {
        let number = format!("2022{number:06}");
        let students = self.students(&self.staff).await;
        let found = students
            .iter()
            .find(|student| student.student_number == number)
            .unwrap();
        testing::student(SCHOOL, found.id.parse::<Uuid>().unwrap())
    }

    /// How many levels of review the school wants.
    pub(crate) async fn two_levels(&self) {
        let schools = sqlx::query("UPDATE identity.schools SET review_levels = 2 WHERE code = $1")
            .bind(SCHOOL)
            .execute(&self.identity.db.pool)
            .await
            .unwrap();
        assert_eq!(schools.rows_affected(), 1);
    }
}

/// An identity number that passes, different for each row.
pub(crate) fn identity_number(row: u32) -> String {
    let head = format!(
        "2301022003{:02}{:02}{:03}",
        row / 28_000 + 1,
        row / 1000 % 28 + 1,
        row % 1000
    );
    let check = char::from(validators::identity_check(head.as_bytes()).unwrap());
    format!("{head}{check}")
}

/// One good row.
pub(crate) fn row(row: u32) -> String {
    let identity = identity_number(row);
    let sex = if row % 2 == 1 { 1 } else { 2 };
    let department = if row.is_multiple_of(2) {
        "计算机学院"
    } else {
        "外国语学院"
    };
    format!(
        "26230101{row:06},2022{row:06},李明,{sex},{},{identity},01,13,10212,31,080902,软件工程,1,230102,4,202209,202607,{department},软件{},138{row:08},li{row}@hlju.edu.cn,哈尔滨市道里区中央大街{row}号,150010,李建国",
        &identity[6..14],
        row / 40,
    )
}

/// A file of so many good rows.
pub(crate) fn file(rows: u32) -> String {
    let mut text = format!("{HEADERS}\n");
    for number in 0..rows {
        writeln!(text, "{}", row(number)).unwrap();
    }
    text
}

/// The reason in an error.
pub(crate) fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

/// An answer to a proof of work.
pub(crate) fn solve(challenge: &str, difficulty: u32) -> String {
    use sha2::{Digest as _, Sha256};
    let bits = |answer: &str| {
        let hash = Sha256::digest([challenge.as_bytes(), answer.as_bytes()].concat());
        u32::from_be_bytes(hash[..4].try_into().unwrap()).leading_zeros()
    };
    (0_u64..)
        .map(|answer| answer.to_string())
        .find(|answer| bits(answer) >= difficulty)
        .unwrap()
}
