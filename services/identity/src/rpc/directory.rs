//! DirectoryService: what other services may ask about people, schools and employers.

use std::sync::Arc;

use qihang_kit::{codes, status::Fault};
use qihang_proto::identity::v1::{
    BatchFindStudentsRequest, BatchFindStudentsResponse, BatchGetEmployersRequest, BatchGetEmployersResponse,
    BatchGetSchoolsRequest, BatchGetSchoolsResponse, BatchGetStudentsRequest, BatchGetStudentsResponse,
    DirectoryEmployer, DirectorySchool, DirectoryStudent, DirectoryWindow, FindStudentRequest,
    GetJwksRequest, GetJwksResponse, ListCodeChangesRequest, ListCodeChangesResponse,
    ListStaffAccountsRequest, ListStaffAccountsResponse, directory_service_server,
    list_code_changes_response,
};
use time::{Duration, OffsetDateTime};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App, dictionaries,
    domain::{calendar::Effective, own_fields::OwnFields},
    keys,
    rpc::{origin_flow, person::timestamp},
    sealing::{self, Kind},
    store::{
        self,
        directory::{DirectoryRow, EmployerRow},
    },
};

/// The service.
pub(crate) struct DirectoryService {
    app: Arc<App>,
}

impl DirectoryService {
    /// The service on its parts.
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    async fn students(&self, ids: &[Uuid]) -> Result<Vec<DirectoryStudent>, Fault> {
        let mut conn = self.app.ctx.pool.acquire().await?;
        let rows = store::directory::students(&mut conn, ids).await?;
        rows.into_iter().map(|row| self.student(row)).collect()
    }

    async fn find(&self, named: &[FindStudentRequest]) -> Result<Vec<DirectoryStudent>, Fault> {
        let named: Vec<(&str, &str, &str)> = named
            .iter()
            .map(|one| {
                (
                    one.school_code.as_str(),
                    one.student_number.trim(),
                    one.name.trim(),
                )
            })
            .collect();
        let mut conn = self.app.ctx.pool.acquire().await?;
        let ids = store::directory::find_students(&mut conn, &named).await?;
        drop(conn);
        self.students(&ids).await
    }

    fn student(&self, row: DirectoryRow) -> Result<DirectoryStudent, Fault> {
        let words = |table: &str, code: &str| codes::name(table, code).unwrap_or_default().to_owned();
        let own: OwnFields = sealing::open(&self.app.sealer, Kind::Own, row.id, &row.own_sealed)?;
        let identity_number = sealing::open(&self.app.sealer, Kind::Identity, row.id, &row.identity_sealed)?;
        let signing_window = window(row.signing());
        let (waiting_for, since) = waiting(&row);
        let details = row.locked.0;
        Ok(DirectoryStudent {
            id: row.id.to_string(),
            school_name: codes::school(&row.school_code)
                .map(|school| school.name.to_owned())
                .unwrap_or_default(),
            school_code: row.school_code,
            department: row.department,
            class_name: row.class_name,
            student_number: row.student_number,
            name: row.name,
            gender: words("gender", &details.gender),
            ethnic: words("ethnic", &details.ethnic),
            political: words("political", &details.political),
            birth_date: details.birth_date,
            identity_number,
            education: words("education_moe", &details.education),
            schooling_years: details.schooling_years,
            training_mode: words("training_mode", &details.training_mode),
            major: details.major,
            origin_region: codes::region_path(&row.origin_region),
            origin_region_code: row.origin_region,
            graduation: details.graduation.chars().take(7).collect(),
            cohort: u32::try_from(row.cohort).unwrap_or_default(),
            mobile: own.mobile,
            email: own.email,
            home_address: own.home_address,
            origin_approved: row.origin_state == "APPROVED",
            active: row.active,
            signing_window,
            origin_waiting_for: waiting_for.to_owned(),
            origin_since: since.map(timestamp),
            frozen_employer_ids: row.frozen.iter().map(Uuid::to_string).collect(),
        })
    }
}

/// Who acts next on a record, and since when.
fn waiting(row: &DirectoryRow) -> (&'static str, Option<OffsetDateTime>) {
    match row.origin_state.as_str() {
        "APPROVED" => ("", row.review_time),
        "SUBMITTED" if row.two_levels => ("DEPARTMENT", row.submit_time),
        "SUBMITTED" => ("SCHOOL", row.submit_time),
        "DEPARTMENT_PASSED" => ("SCHOOL", row.review_time.or(row.submit_time)),
        "RETURNED" => ("STUDENT", row.review_time),
        _ => ("STUDENT", None),
    }
}

/// A window as instants. One that never opens ends before it begins, so that no instant is within.
fn window(effective: Effective) -> Option<DirectoryWindow> {
    let (open, close) = match effective {
        Effective::Always => return None,
        Effective::Within(days) => (days.open_time(), days.close_time()),
        Effective::Never => (
            OffsetDateTime::UNIX_EPOCH + Duration::SECOND,
            OffsetDateTime::UNIX_EPOCH,
        ),
    };
    Some(DirectoryWindow {
        open_time: Some(timestamp(open)),
        close_time: Some(timestamp(close)),
    })
}

/// Ids that are ids; others name nothing.
fn ids(texts: &[String]) -> Vec<Uuid> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

fn employer(row: EmployerRow) -> DirectoryEmployer {
    let words = |table: &str, code: &str| codes::name(table, code).unwrap_or_default().to_owned();
    DirectoryEmployer {
        id: row.id.to_string(),
        name: row.name,
        credit_code: row.credit_code,
        nature: words("employer_nature", &row.nature_code),
        industry: words("industry_moe", &row.industry_code),
        region: codes::region_path(&row.region_code),
        address: row.address,
        postcode: row.postcode,
        contact_name: row.contact_name,
        contact_phone: row.contact_phone,
        contact_email: row.contact_email,
        state: row.state,
        frozen_school_codes: row.frozen,
    }
}

#[tonic::async_trait]
impl directory_service_server::DirectoryService for DirectoryService {
    async fn batch_get_students(
        &self,
        request: Request<BatchGetStudentsRequest>,
    ) -> Result<Response<BatchGetStudentsResponse>, Status> {
        let students = self.students(&ids(&request.into_inner().ids)).await?;
        Ok(Response::new(BatchGetStudentsResponse { students }))
    }

    async fn find_student(
        &self,
        request: Request<FindStudentRequest>,
    ) -> Result<Response<DirectoryStudent>, Status> {
        let mut found = self.find(&[request.into_inner()]).await?;
        Ok(Response::new(found.pop().ok_or_else(origin_flow::not_found)?))
    }

    async fn batch_find_students(
        &self,
        request: Request<BatchFindStudentsRequest>,
    ) -> Result<Response<BatchFindStudentsResponse>, Status> {
        let students = self.find(&request.get_ref().students).await?;
        Ok(Response::new(BatchFindStudentsResponse { students }))
    }

    async fn batch_get_employers(
        &self,
        request: Request<BatchGetEmployersRequest>,
    ) -> Result<Response<BatchGetEmployersResponse>, Status> {
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Fault::database)?;
        let ids = ids(&request.into_inner().ids);
        let rows = store::directory::employers(&mut conn, &ids)
            .await
            .map_err(Fault::database)?;
        Ok(Response::new(BatchGetEmployersResponse {
            employers: rows.into_iter().map(employer).collect(),
        }))
    }

    async fn batch_get_schools(
        &self,
        request: Request<BatchGetSchoolsRequest>,
    ) -> Result<Response<BatchGetSchoolsResponse>, Status> {
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Fault::database)?;
        let rows = store::directory::schools(&mut conn, &request.into_inner().codes)
            .await
            .map_err(Fault::database)?;
        let school = |row: store::directory::SchoolRow| DirectorySchool {
            code: row.code,
            name: row.name,
            office_name: row.office_name,
            office_contact: row.office_contact,
            office_phone: row.office_phone,
            address: row.address,
            postcode: row.postcode,
            review_levels: u32::try_from(row.review_levels).unwrap_or(1),
        };
        Ok(Response::new(BatchGetSchoolsResponse {
            schools: rows.into_iter().map(school).collect(),
        }))
    }

    async fn list_staff_accounts(
        &self,
        request: Request<ListStaffAccountsRequest>,
    ) -> Result<Response<ListStaffAccountsResponse>, Status> {
        let request = request.into_inner();
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Fault::database)?;
        let staff = store::directory::Staff {
            roles: request.roles,
            school_codes: request.school_codes,
            departments: request.departments,
        };
        let (after, limit) = (request.after.parse().ok(), i64::from(request.limit));
        let ids = store::directory::staff(&mut conn, &staff, after, limit).await;
        let total = store::directory::count_staff(&mut conn, &staff).await;
        Ok(Response::new(ListStaffAccountsResponse {
            account_ids: ids
                .map_err(Fault::database)?
                .iter()
                .map(Uuid::to_string)
                .collect(),
            total: u32::try_from(total.map_err(Fault::database)?).unwrap_or(u32::MAX),
        }))
    }

    async fn list_code_changes(
        &self,
        _: Request<ListCodeChangesRequest>,
    ) -> Result<Response<ListCodeChangesResponse>, Status> {
        let found = dictionaries::in_force(&self.app).await.map_err(Fault::database)?;
        let change = |codes::Change { table, entry }| list_code_changes_response::Change {
            table,
            code: entry.code,
            name: entry.name,
            parent: entry.parent.unwrap_or_default(),
            attributes: entry.attributes.into_iter().collect(),
            ended: entry.ended,
        };
        Ok(Response::new(ListCodeChangesResponse {
            changes: found.into_iter().map(change).collect(),
        }))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        let jwks_json = keys::jwks(&self.app).await.map_err(Fault::from)?;
        Ok(Response::new(GetJwksResponse { jwks_json }))
    }
}
