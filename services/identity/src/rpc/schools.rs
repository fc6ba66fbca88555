//! SchoolService.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Principal, Role},
    codes, etag, idempotency, page,
    status::Fault,
    validators,
};
use qihang_proto::identity::v1::{
    Department, GetSchoolRequest, ListDepartmentsRequest, ListDepartmentsResponse, ListSchoolsRequest,
    ListSchoolsResponse, School, UpdateSchoolRequest, school_service_server,
};
use tonic::{Request, Response, Status};

use crate::{
    App,
    error::{Error, Missing},
    rpc::person::timestamp,
    store::{
        schools::{self, SchoolRow},
        students,
    },
};

/// Shows the schools and lets each keep its office's details.
pub(crate) struct SchoolService(pub(crate) Arc<App>);

impl SchoolService {
    async fn list(&self, request: &ListSchoolsRequest) -> Result<ListSchoolsResponse, Error> {
        let (text, region) = (given(&request.text), given(&request.region_code));
        let page = page::Query::new(request.page_size, &request.page_token, &(text, region))?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = schools::list(&mut conn, text, region, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.code.clone());
        Ok(ListSchoolsResponse {
            schools: rows.into_iter().map(school).collect(),
            next_page_token,
        })
    }

    async fn get(&self, code: &str) -> Result<School, Error> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let row = schools::get(&mut conn, code).await?;
        row.map(school).ok_or(Error::NotFound(Missing::School))
    }

    async fn update(&self, principal: &Principal, request: &UpdateSchoolRequest) -> Result<School, Error> {
        in_scope(principal, &request.code)?;
        let mut transaction = self.0.ctx.pool.begin().await?;
        let caller = principal.account_id;
        let claim = idempotency::claim(
            &mut transaction,
            "UpdateSchool",
            caller,
            &request.request_id,
            request,
        )
        .await?;
        let ticket = match claim.fresh_or::<School>()? {
            Ok(ticket) => ticket,
            Err(first) => return Ok(first),
        };
        let row = schools::get(&mut transaction, &request.code)
            .await?
            .ok_or(Error::NotFound(Missing::School))?;
        etag::check(&request.etag, row.version)?;
        schools::save(&mut transaction, &changed(row, request)?).await?;
        let saved = schools::get(&mut transaction, &request.code)
            .await?
            .ok_or(Error::NotFound(Missing::School))?;
        let saved = school(saved);
        ticket.save(&mut transaction, &saved).await?;
        transaction.commit().await?;
        Ok(saved)
    }

    async fn departments(&self, principal: &Principal, code: &str) -> Result<ListDepartmentsResponse, Error> {
        in_scope(principal, code)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = students::departments(&mut conn, code).await?;
        let department = |(name, count): (String, i64)| Department {
            name,
            student_count: u64::try_from(count).unwrap_or_default(),
        };
        Ok(ListDepartmentsResponse {
            departments: rows.into_iter().map(department).collect(),
        })
    }
}

/// The province sees every school, staff of a school its own.
fn in_scope(principal: &Principal, code: &str) -> Result<(), Error> {
    if principal.role == Role::Province || principal.school_code.as_deref() == Some(code) {
        return Ok(());
    }
    Err(Error::NotFound(Missing::School))
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn changed(row: SchoolRow, request: &UpdateSchoolRequest) -> Result<SchoolRow, Error> {
    let text = |new: &Option<String>, old: String| new.as_ref().map_or(old, |new| new.trim().to_owned());
    let field = |field: &'static str| {
        move |invalid: validators::Invalid| Fault::invalid(field, invalid.reason(), invalid.to_string())
    };
    let new = SchoolRow {
        office_name: text(&request.office_name, row.office_name),
        office_contact: text(&request.office_contact, row.office_contact),
        office_phone: text(&request.office_phone, row.office_phone),
        address: text(&request.address, row.address),
        postcode: text(&request.postcode, row.postcode),
        review_levels: request
            .review_levels
            .and_then(|levels| i32::try_from(levels).ok())
            .unwrap_or(row.review_levels),
        code: row.code,
        name: row.name,
        region_code: row.region_code,
        level: row.level,
        run_by: row.run_by,
        version: row.version,
        update_time: row.update_time,
    };
    if !new.postcode.is_empty() {
        validators::postcode(&new.postcode).map_err(field("postcode"))?;
    }
    if !new.office_phone.is_empty() {
        validators::telephone(&new.office_phone).map_err(field("officePhone"))?;
    }
    Ok(new)
}

fn school(row: SchoolRow) -> School {
    School {
        region: codes::region_path(&row.region_code),
        code: row.code,
        name: row.name,
        region_code: row.region_code,
        level: row.level,
        run_by: row.run_by,
        office_name: row.office_name,
        office_contact: row.office_contact,
        office_phone: row.office_phone,
        address: row.address,
        postcode: row.postcode,
        review_levels: u32::try_from(row.review_levels).unwrap_or_default(),
        update_time: Some(timestamp(row.update_time)),
        etag: etag::of(row.version),
    }
}

#[tonic::async_trait]
impl school_service_server::SchoolService for SchoolService {
    async fn list_schools(
        &self,
        request: Request<ListSchoolsRequest>,
    ) -> Result<Response<ListSchoolsResponse>, Status> {
        Ok(Response::new(self.list(request.get_ref()).await?))
    }

    async fn get_school(&self, request: Request<GetSchoolRequest>) -> Result<Response<School>, Status> {
        Ok(Response::new(self.get(&request.get_ref().code).await?))
    }

    async fn update_school(&self, request: Request<UpdateSchoolRequest>) -> Result<Response<School>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.update(principal, request.get_ref()).await?))
    }

    async fn list_departments(
        &self,
        request: Request<ListDepartmentsRequest>,
    ) -> Result<Response<ListDepartmentsResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(
            self.departments(principal, &request.get_ref().code).await?,
        ))
    }
}
