//! SchoolService: the province's list of schools, and each school's own details.

use std::sync::Arc;

use prost::Message;
use qihang_kit::{
    auth::{self, Caller, Principal, Role},
    codes, etag,
    idempotency::Call,
    page,
    status::Fault,
    validators,
};
use qihang_proto::identity::v1::{
    CloseSchoolRequest, CreateSchoolRequest, Department, GetOnboardingRequest, GetSchoolRequest,
    ListDepartmentsRequest, ListDepartmentsResponse, ListSchoolsRequest, ListSchoolsResponse, Onboarding,
    ReopenSchoolRequest, School, UpdateSchoolRequest, onboarding, school as wire, school_service_server,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use crate::{
    App, dictionaries,
    domain::school::{self as rules, Command, Refusal, State, Who},
    error::{Error, Missing},
    rpc::person::timestamp,
    store::{
        audit::{self, Event},
        schools::{self, NewSchool, SchoolRow},
        students,
    },
};

/// 黑龙江省, in GB/T 2260.
const PROVINCE: &str = "230000";

/// Shows the schools and lets each keep its office's details.
pub(crate) struct SchoolService(pub(crate) Arc<App>);

impl SchoolService {
    async fn list(&self, request: &ListSchoolsRequest) -> Result<ListSchoolsResponse, Error> {
        let (text, region) = (given(&request.text), given(&request.region_code));
        let state = match request.state() {
            wire::State::Unspecified => None,
            wire::State::Open => Some(State::Open.as_str()),
            wire::State::Closed => Some(State::Closed.as_str()),
        };
        let page = page::Query::new(request.page_size, &request.page_token, &(text, region, state))?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = schools::list(&mut conn, text, region, state, page.after()?, page.limit()).await?;
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

    async fn create(&self, person: By<'_>, request: &CreateSchoolRequest) -> Result<School, Error> {
        let new = NewSchool {
            code: &request.code,
            name: request.name.trim(),
            region_code: city(&request.region_code)?,
            short_code: &request.short_code,
            level: &request.level,
            run_by: &request.run_by,
        };
        self.once(
            ("CreateSchool", "school.create", ""),
            person,
            (&request.code, &request.request_id, request),
            async |conn| schools::insert(conn, &new).await,
        )
        .await
    }

    async fn update(&self, person: By<'_>, request: &UpdateSchoolRequest) -> Result<School, Error> {
        in_scope(person.0, &request.code)?;
        self.once(
            ("UpdateSchool", "school.update", ""),
            person,
            (&request.code, &request.request_id, request),
            async |conn| {
                let row = self.version(conn, &request.code, &request.etag).await?;
                schools::save(conn, &changed(row, person.0, request)?).await
            },
        )
        .await
    }

    /// Closes or opens a school.
    async fn turn(
        &self,
        person: By<'_>,
        (command, code, etag): (Command, &str, &str),
        (reason, request_id, request): (&str, &str, &impl Message),
    ) -> Result<School, Error> {
        let (method, event) = match command {
            Command::Close => ("CloseSchool", "school.close"),
            Command::Reopen => ("ReopenSchool", "school.reopen"),
        };
        self.once(
            (method, event, reason),
            person,
            (code, request_id, request),
            async |conn| {
                let row = self.version(conn, code, etag).await?;
                let state = rules::decide(state(&row)?, command)?;
                let saved = SchoolRow {
                    state: state.as_str().to_owned(),
                    close_reason: reason.to_owned(),
                    kept_by_province: true,
                    ..row
                };
                schools::save(conn, &saved).await
            },
        )
        .await
    }

    /// Does something to a school once: what it was is audited, and the answer is the school afterwards.
    async fn once(
        &self,
        (method, event, reason): (&'static str, &'static str, &str),
        (principal, caller): By<'_>,
        (code, request_id, request): (&str, &str, &impl Message),
        act: impl AsyncFnOnce(&mut PgConnection) -> Result<(), Error>,
    ) -> Result<School, Error> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let call = Call::new(method, principal.account_id, request_id, request);
        let saved = call
            .once(&mut transaction, async |conn| {
                act(conn).await?;
                let event = Event {
                    event,
                    actor_id: Some(principal.account_id),
                    school_code: Some(code.to_owned()),
                    reason: reason.to_owned(),
                    ..Event::default()
                };
                audit::write(conn, app.ctx.ids.new_id(), &event, caller).await?;
                let saved = schools::get(conn, code).await?;
                Ok(school(saved.ok_or(Error::NotFound(Missing::School))?))
            })
            .await?;
        transaction.commit().await?;
        // The other services follow within two minutes.
        dictionaries::refresh(app).await?;
        Ok(saved)
    }

    /// The row that a change starts from.
    async fn version(&self, conn: &mut PgConnection, code: &str, etag: &str) -> Result<SchoolRow, Error> {
        let row = schools::get(conn, code).await?;
        let row = row.ok_or(Error::NotFound(Missing::School))?;
        etag::check(etag, row.version)?;
        Ok(row)
    }

    async fn onboarding(&self, principal: &Principal, code: &str) -> Result<Onboarding, Error> {
        in_scope(principal, code)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let progress = schools::progress(&mut conn, code).await?;
        let steps = rules::steps(&progress.ok_or(Error::NotFound(Missing::School))?);
        let step = |step: rules::Step| onboarding::Step {
            name: step.name.to_owned(),
            title: step.title.to_owned(),
            done: step.done,
            optional: step.optional,
            who: match step.who {
                Who::Province => "PROVINCE",
                Who::School => "SCHOOL",
            }
            .to_owned(),
            detail: step.detail,
        };
        Ok(Onboarding {
            ready: steps.iter().all(|step| step.done || step.optional),
            steps: steps.into_iter().map(step).collect(),
        })
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

/// Who acts, and from where.
type By<'a> = (&'a Principal, &'a Caller);

/// The state of a row.
///
/// # Errors
/// Inconsistent when the row says none.
pub(crate) fn state(row: &SchoolRow) -> Result<State, Error> {
    State::parse(&row.state).ok_or(Error::Inconsistent("schools.state"))
}

/// Checks that a school takes somebody in; nothing is checked where there is none.
///
/// # Errors
/// SCHOOL_NOT_FOUND, SCHOOL_CLOSED; the database's.
pub(crate) async fn takes_in(conn: &mut PgConnection, code: Option<&str>) -> Result<(), Error> {
    let Some(code) = code else {
        return Ok(());
    };
    let row = schools::get(conn, code).await?;
    let row = row.ok_or(Error::NotFound(Missing::School))?;
    Ok(rules::takes_in(state(&row)?)?)
}

/// A city or region of the province.
fn city(code: &str) -> Result<&str, Refusal> {
    codes::dictionary("region_heilongjiang")
        .and_then(|regions| regions.entry(code))
        .filter(|city| city.parent.as_deref() == Some(PROVINCE))
        .map(|_| code)
        .ok_or(Refusal::RegionUnknown)
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

fn changed(row: SchoolRow, by: &Principal, request: &UpdateSchoolRequest) -> Result<SchoolRow, Error> {
    let text = |new: &Option<String>, old: String| new.as_ref().map_or(old, |new| new.trim().to_owned());
    let field = |field: &'static str| {
        move |invalid: validators::Invalid| Fault::invalid(field, invalid.reason(), invalid.to_string())
    };
    let of_province = [
        ("name", request.name.is_some()),
        ("regionCode", request.region_code.is_some()),
        ("level", request.level.is_some()),
        ("runBy", request.run_by.is_some()),
    ];
    let of_province = of_province
        .into_iter()
        .find_map(|(field, given)| given.then_some(field));
    match of_province {
        Some(field) if by.role != Role::Province => return Err(Refusal::ProvinceOnly { field }.into()),
        _ => {}
    }
    if let Some(region) = &request.region_code {
        city(region)?;
    }
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
        name: text(&request.name, row.name),
        region_code: text(&request.region_code, row.region_code),
        level: text(&request.level, row.level),
        run_by: text(&request.run_by, row.run_by),
        kept_by_province: row.kept_by_province || of_province.is_some(),
        ..row
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
        state: match State::parse(&row.state) {
            Some(State::Open) => wire::State::Open,
            Some(State::Closed) => wire::State::Closed,
            None => wire::State::Unspecified,
        }
        .into(),
        close_reason: row.close_reason,
        short_code: row.short_code,
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
        let by = (auth::principal(&request)?, &auth::caller(&request));
        Ok(Response::new(self.update(by, request.get_ref()).await?))
    }

    async fn create_school(&self, request: Request<CreateSchoolRequest>) -> Result<Response<School>, Status> {
        let by = (auth::principal(&request)?, &auth::caller(&request));
        Ok(Response::new(self.create(by, request.get_ref()).await?))
    }

    async fn close_school(&self, request: Request<CloseSchoolRequest>) -> Result<Response<School>, Status> {
        let by = (auth::principal(&request)?, &auth::caller(&request));
        let asked = request.get_ref();
        let reason = asked.reason.trim();
        if reason.is_empty() {
            return Err(Fault::invalid("reason", "REASON_BLANK", "请填写停用的原因").into());
        }
        let what = (Command::Close, asked.code.as_str(), asked.etag.as_str());
        Ok(Response::new(
            self.turn(by, what, (reason, &asked.request_id, asked)).await?,
        ))
    }

    async fn reopen_school(&self, request: Request<ReopenSchoolRequest>) -> Result<Response<School>, Status> {
        let by = (auth::principal(&request)?, &auth::caller(&request));
        let asked = request.get_ref();
        let what = (Command::Reopen, asked.code.as_str(), asked.etag.as_str());
        Ok(Response::new(
            self.turn(by, what, ("", &asked.request_id, asked)).await?,
        ))
    }

    async fn get_onboarding(
        &self,
        request: Request<GetOnboardingRequest>,
    ) -> Result<Response<Onboarding>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(
            self.onboarding(principal, &request.get_ref().code).await?,
        ))
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
