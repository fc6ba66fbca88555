//! Identity and documents as far as contracts asks them, played by the test.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::stream::{self, BoxStream, StreamExt as _};
use qihang_kit::{ids::Ids, status::Fault};
use qihang_proto::{
    common::v1::HttpBody,
    documents::v1::{
        ClaimFilesRequest, ClaimFilesResponse, CreateUploadRequest, DownloadRequest, File, GetFileRequest,
        IssueDocumentRequest, IssuedDocument, PutContentRequest, ReadFileRequest, ReleaseFilesRequest,
        ReleaseFilesResponse, RenderRequest, RenderResponse, VerifySealRequest, VerifySealResponse,
        file_service_server::FileService, render_service_server::RenderService,
    },
    identity::v1::{
        BatchFindStudentsRequest, BatchFindStudentsResponse, BatchGetEmployersRequest,
        BatchGetEmployersResponse, BatchGetSchoolsRequest, BatchGetSchoolsResponse, BatchGetStudentsRequest,
        BatchGetStudentsResponse, DirectoryEmployer, DirectorySchool, DirectoryStudent, FindStudentRequest,
        GetJwksRequest, GetJwksResponse, ListCodeChangesRequest, ListCodeChangesResponse,
        ListStaffAccountsRequest, ListStaffAccountsResponse, directory_service_server::DirectoryService,
    },
};
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status, Streaming, async_trait};
use uuid::Uuid;

/// A school with one level of review.
pub(crate) const SCHOOL: &str = "4123010213";
/// A school with two.
pub(crate) const TWO_LEVELS: &str = "4123010217";
/// Everybody's department.
pub(crate) const DEPARTMENT: &str = "计算机学院";

/// Identity: knows the students it was told of, every school, and every employer.
#[derive(Clone, Default)]
pub(crate) struct Identity(Arc<Known>);

#[derive(Default)]
struct Known {
    students: Mutex<HashMap<String, DirectoryStudent>>,
    /// States of employers that are not simply admitted; FROZEN is admitted, and kept away by [`SCHOOL`].
    employers: Mutex<HashMap<String, String>>,
    away: AtomicBool,
}

impl Identity {
    /// Takes a student in, or replaces what is known.
    pub(crate) fn enrol(&self, student: DirectoryStudent) {
        self.0
            .students
            .lock()
            .unwrap()
            .insert(student.id.clone(), student);
    }

    /// Says of an employer what it became.
    pub(crate) fn employer_is(&self, id: Uuid, state: &str) {
        let mut employers = self.0.employers.lock().unwrap();
        employers.insert(id.to_string(), state.to_owned());
    }

    /// Goes away or comes back.
    pub(crate) fn away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    fn find(&self, asked: &FindStudentRequest) -> Option<DirectoryStudent> {
        let known = self.0.students.lock().unwrap();
        let found = known.values().find(|student| {
            student.school_code == asked.school_code
                && student.student_number == asked.student_number
                && student.name == asked.name
        });
        found.cloned()
    }

    fn here(&self) -> Result<(), Status> {
        here(&self.0.away)
    }
}

/// Documents: draws and seals without drawing or sealing, and keeps what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Documents(Arc<Made>);

#[derive(Default)]
struct Made {
    drawn: Mutex<Vec<RenderRequest>>,
    issued: Mutex<Vec<IssueDocumentRequest>>,
    files: Mutex<HashMap<String, Vec<u8>>>,
    by_request: Mutex<HashMap<String, IssuedDocument>>,
    away: AtomicBool,
}

impl Documents {
    /// What was asked to be drawn.
    pub(crate) fn drawn(&self) -> Vec<RenderRequest> {
        self.0.drawn.lock().unwrap().clone()
    }

    /// What was asked to be sealed, repeats included.
    pub(crate) fn issued(&self) -> Vec<IssueDocumentRequest> {
        self.0.issued.lock().unwrap().clone()
    }

    /// Goes away or comes back.
    pub(crate) fn away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    fn here(&self) -> Result<(), Status> {
        here(&self.0.away)
    }
}

fn here(away: &AtomicBool) -> Result<(), Status> {
    if away.load(Ordering::SeqCst) {
        return Err(Fault::unavailable("AWAY", "不在").into());
    }
    Ok(())
}

#[async_trait]
impl DirectoryService for Identity {
    async fn batch_get_students(
        &self,
        request: Request<BatchGetStudentsRequest>,
    ) -> Result<Response<BatchGetStudentsResponse>, Status> {
        self.here()?;
        let known = self.0.students.lock().unwrap();
        let states = self.0.employers.lock().unwrap();
        let frozen: Vec<String> = states
            .iter()
            .filter(|(_, state)| *state == "FROZEN")
            .map(|(id, _)| id.clone())
            .collect();
        let student = |id| {
            let student: DirectoryStudent = known.get(id).cloned()?;
            let kept = student.school_code == SCHOOL;
            Some(DirectoryStudent {
                frozen_employer_ids: if kept { frozen.clone() } else { Vec::new() },
                ..student
            })
        };
        let students = request.get_ref().ids.iter().filter_map(student).collect();
        Ok(Response::new(BatchGetStudentsResponse { students }))
    }

    async fn find_student(
        &self,
        request: Request<FindStudentRequest>,
    ) -> Result<Response<DirectoryStudent>, Status> {
        self.here()?;
        self.find(request.get_ref())
            .map(Response::new)
            .ok_or_else(|| Fault::not_found("STUDENT_NOT_FOUND", "没有这名学生").into())
    }

    async fn batch_find_students(
        &self,
        request: Request<BatchFindStudentsRequest>,
    ) -> Result<Response<BatchFindStudentsResponse>, Status> {
        self.here()?;
        let asked = &request.get_ref().students;
        let students = asked.iter().filter_map(|one| self.find(one)).collect();
        Ok(Response::new(BatchFindStudentsResponse { students }))
    }

    async fn batch_get_employers(
        &self,
        request: Request<BatchGetEmployersRequest>,
    ) -> Result<Response<BatchGetEmployersResponse>, Status> {
        self.here()?;
        let states = self.0.employers.lock().unwrap();
        let employer = |id: &String| {
            let state = states.get(id).map_or("APPROVED", String::as_str);
            let frozen = state == "FROZEN";
            DirectoryEmployer {
                id: id.clone(),
                name: "龙江软件有限公司".to_owned(),
                credit_code: "91230100MA00000000".to_owned(),
                state: if frozen { "APPROVED" } else { state }.to_owned(),
                frozen_school_codes: frozen.then(|| SCHOOL.to_owned()).into_iter().collect(),
                ..DirectoryEmployer::default()
            }
        };
        let employers = request.get_ref().ids.iter().map(employer).collect();
        Ok(Response::new(BatchGetEmployersResponse { employers }))
    }

    async fn batch_get_schools(
        &self,
        request: Request<BatchGetSchoolsRequest>,
    ) -> Result<Response<BatchGetSchoolsResponse>, Status> {
        self.here()?;
        let school = |code: &String| DirectorySchool {
            code: code.clone(),
            name: "黑龙江大学".to_owned(),
            review_levels: if code == TWO_LEVELS { 2 } else { 1 },
            ..DirectorySchool::default()
        };
        let schools = request.get_ref().codes.iter().map(school).collect();
        Ok(Response::new(BatchGetSchoolsResponse { schools }))
    }

    async fn list_code_changes(
        &self,
        _: Request<ListCodeChangesRequest>,
    ) -> Result<Response<ListCodeChangesResponse>, Status> {
        self.here()?;
        Ok(Response::new(ListCodeChangesResponse::default()))
    }

    async fn list_staff_accounts(
        &self,
        _: Request<ListStaffAccountsRequest>,
    ) -> Result<Response<ListStaffAccountsResponse>, Status> {
        Err(Status::unimplemented("not asked by contracts"))
    }

    async fn get_jwks(&self, _request: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Ok(Response::new(GetJwksResponse::default()))
    }
}

#[async_trait]
impl RenderService for Documents {
    async fn render(&self, request: Request<RenderRequest>) -> Result<Response<RenderResponse>, Status> {
        self.here()?;
        self.0.drawn.lock().unwrap().push(request.into_inner());
        let pages = vec![b"page 1".to_vec(), b"page 2".to_vec()];
        Ok(Response::new(RenderResponse { pages }))
    }

    async fn issue_document(
        &self,
        request: Request<IssueDocumentRequest>,
    ) -> Result<Response<IssuedDocument>, Status> {
        self.here()?;
        let request = request.into_inner();
        self.0.issued.lock().unwrap().push(request.clone());
        let mut by_request = self.0.by_request.lock().unwrap();
        let issued = by_request.entry(request.request_id.clone()).or_insert_with(|| {
            let pdf = format!("%PDF-1.7 sealed for {}", request.owner).into_bytes();
            let file_id = Ids::random().new_id().to_string();
            let sha256 = hex::encode(Sha256::digest(&pdf));
            let size_bytes = pdf.len() as u64;
            self.0.files.lock().unwrap().insert(file_id.clone(), pdf);
            IssuedDocument {
                file_id,
                sha256,
                size_bytes,
            }
        });
        Ok(Response::new(issued.clone()))
    }

    async fn verify_seal(
        &self,
        _request: Request<VerifySealRequest>,
    ) -> Result<Response<VerifySealResponse>, Status> {
        self.here()?;
        let reason = "没有签章".to_owned();
        Ok(Response::new(VerifySealResponse {
            reason,
            ..VerifySealResponse::default()
        }))
    }
}

type Pieces = BoxStream<'static, Result<HttpBody, Status>>;

#[async_trait]
impl FileService for Documents {
    async fn create_upload(&self, _: Request<CreateUploadRequest>) -> Result<Response<File>, Status> {
        Err(Status::unimplemented("not asked by contracts"))
    }

    async fn put_content(&self, _: Request<Streaming<PutContentRequest>>) -> Result<Response<File>, Status> {
        Err(Status::unimplemented("not asked by contracts"))
    }

    async fn get_file(&self, _: Request<GetFileRequest>) -> Result<Response<File>, Status> {
        Err(Status::unimplemented("not asked by contracts"))
    }

    type DownloadStream = Pieces;

    async fn download(&self, _: Request<DownloadRequest>) -> Result<Response<Pieces>, Status> {
        Err(Status::unimplemented("not asked by contracts"))
    }

    async fn claim_files(
        &self,
        _: Request<ClaimFilesRequest>,
    ) -> Result<Response<ClaimFilesResponse>, Status> {
        Err(Status::unimplemented("not asked by contracts"))
    }

    type ReadFileStream = Pieces;

    async fn release_files(
        &self,
        _: Request<ReleaseFilesRequest>,
    ) -> Result<Response<ReleaseFilesResponse>, Status> {
        unreachable!("nobody gives files back here")
    }

    async fn read_file(&self, request: Request<ReadFileRequest>) -> Result<Response<Pieces>, Status> {
        self.here()?;
        let files = self.0.files.lock().unwrap();
        let file = files.get(&request.get_ref().id).cloned();
        let file: Vec<u8> = file.ok_or_else(|| Fault::not_found("FILE_NOT_FOUND", "没有这个文件"))?;
        let (head, tail) = file.split_at(8);
        let first = HttpBody {
            content_type: "application/pdf".to_owned(),
            data: head.to_vec().into(),
            total_bytes: file.len() as u64,
            ..HttpBody::default()
        };
        let second = HttpBody {
            data: tail.to_vec().into(),
            ..HttpBody::default()
        };
        Ok(Response::new(stream::iter([Ok(first), Ok(second)]).boxed()))
    }
}
