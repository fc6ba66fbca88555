//! EmployerService: registration by credit code, onboarding, the province's review.

use std::sync::Arc;

use qihang_kit::{auth::Role, codes, db, etag, idempotency::Call, page, status::Fault};
use qihang_proto::{
    documents::v1::{ClaimFilesRequest, FilePurpose},
    identity::v1::{
        ApproveEmployerRequest, Employer, EmployerProfile, GetEmployerRequest, GetMyEmployerRequest,
        ListEmployerHistoryRequest, ListEmployerHistoryResponse, ListEmployersRequest, ListEmployersResponse,
        RegisterEmployerRequest, RegisterEmployerResponse, RejectEmployerRequest, RestoreEmployerRequest,
        ReturnEmployerRequest, ReviseEmployerRequest, SubmitEmployerRequest, SuspendEmployerRequest,
        UpdateMyEmployerRequest, WithdrawRevisionRequest, employer_service_server,
    },
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::employer::{self, Command, Papers, Part, Profile, Reason, Revision, State},
    rpc::{
        employer_flow::{actor, not_found, record, save},
        employer_view::{self, Viewer},
        origin::{claim_files, from_micros},
        person::{self, Person},
        register_employer, student_view,
    },
    store::{
        self,
        employers::{EmployerRow, Filter},
        history::{Author, micros},
    },
};

/// The service.
pub(crate) struct EmployerService {
    app: Arc<App>,
}

impl EmployerService {
    /// The service on its parts.
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Takes one step of one employer, once a request id.
    async fn step<R: prost::Message>(
        &self,
        method: &'static str,
        person: &Person,
        (id, request, request_id, etag): (Uuid, &R, &str, &str),
        command: impl FnOnce(&EmployerRow) -> Command + Send,
    ) -> Result<Employer, Fault> {
        let mut transaction = self.app.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new(method, caller, request_id, request);
        let now = db::now(&mut transaction).await?;
        call.once(&mut transaction, async |conn| {
            let row = store::employers::get(conn, id, false)
                .await?
                .ok_or_else(not_found)?;
            etag::check(etag, row.version)?;
            let decision = employer::decide(&record(&row)?, command(&row), actor(&person.principal), now)?;
            save(&self.app, conn, &row, (&decision, &person.author), now).await?;
            Ok(())
        })
        .await?;
        let row = store::employers::get(&mut transaction, id, false)
            .await?
            .ok_or_else(not_found)?;
        let view = employer_view::employer(&row, &Viewer::of(&person.principal), now)?;
        transaction.commit().await?;
        self.app.ctx.outbox.wake();
        Ok(view)
    }

    /// The revision is the approved state with what the request changes of it.
    async fn revise(&self, person: &Person, request: &ReviseEmployerRequest) -> Result<Employer, Fault> {
        if actor(&person.principal).part != Part::Administrator {
            return Err(employer::Refusal::AdministratorOnly.into());
        }
        let new = |text: &str, field| {
            Some(text)
                .filter(|text| !text.is_empty())
                .map(|text| paper(text, field))
                .transpose()
        };
        let licence = new(&request.licence_file_id, "licenceFileId")?;
        let authorisation = new(&request.authorisation_file_id, "authorisationFileId")?;
        let contact_identity = new(&request.contact_identity_file_id, "contactIdentityFileId")?;
        self.claim_papers(person, [licence, authorisation, contact_identity])
            .await?;
        let call = (
            person.employer_id()?,
            request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        let command = |row: &EmployerRow| {
            let name = request.name.trim();
            Command::Revise(Box::new(Revision {
                name: if name.is_empty() {
                    row.name.clone()
                } else {
                    name.to_owned()
                },
                profile: merged(row, request.profile.clone().unwrap_or_default()),
                papers: Papers {
                    licence: licence.or(row.licence_file_id).unwrap_or_default(),
                    authorisation: authorisation.or(row.authorisation_file_id).unwrap_or_default(),
                    contact_identity: contact_identity
                        .or(row.contact_identity_file_id)
                        .unwrap_or_default(),
                },
            }))
        };
        self.step("ReviseEmployer", person, call, command).await
    }

    /// Claims new papers: licence, letter of authorisation, identity card.
    async fn claim_papers(&self, person: &Person, papers: [Option<Uuid>; 3]) -> Result<(), Fault> {
        const KINDS: [(FilePurpose, &str); 3] = [
            (FilePurpose::EmployerLicence, "licenceFileId"),
            (FilePurpose::EmployerAuthorisation, "authorisationFileId"),
            (FilePurpose::ContactIdentity, "contactIdentityFileId"),
        ];
        let id = person.employer_id()?;
        for (file, (purpose, field)) in papers.into_iter().zip(KINDS) {
            let Some(file) = file else { continue };
            let request = ClaimFilesRequest {
                ids: vec![file.to_string()],
                owner: format!("identity.employer/{id}"),
                uploader_account_id: person.principal.account_id.to_string(),
                purposes: vec![purpose.into()],
                employer_id: id.to_string(),
                ..ClaimFilesRequest::default()
            };
            claim_files(&self.app, request, field).await?;
        }
        Ok(())
    }

    async fn register(
        &self,
        request: &RegisterEmployerRequest,
        (author, caller): (Author, qihang_kit::auth::Caller),
    ) -> Result<RegisterEmployerResponse, Fault> {
        register_employer::register(&self.app, request, author, &caller).await
    }

    async fn get(&self, person: &Person, id: Uuid, only_approved: bool) -> Result<Employer, Fault> {
        let mut conn = self.app.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let row = store::employers::get(&mut conn, id, only_approved)
            .await?
            .ok_or_else(not_found)?;
        employer_view::employer(&row, &Viewer::of(&person.principal), now)
    }

    async fn list(
        &self,
        person: &Person,
        request: &ListEmployersRequest,
    ) -> Result<ListEmployersResponse, Fault> {
        let asked = employer_view::filter(request.state());
        let approved = Some(State::Approved.as_str());
        let state = if person.principal.role == Role::Province {
            asked
        } else {
            approved
        };
        if asked.is_some() && asked != state {
            return Ok(ListEmployersResponse::default());
        }
        let text = (!request.text.trim().is_empty()).then(|| request.text.trim().to_owned());
        let revised = request.revised && person.principal.role == Role::Province;
        let filter = Filter { state, text, revised };
        let query = page::Query::new(request.page_size, &request.page_token, &filter)?;
        let after = query
            .after::<(i64, Uuid)>()?
            .map(|(micros, id)| (from_micros(micros), id));
        let mut conn = self.app.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let rows = store::employers::list(&mut conn, &filter, after, query.limit()).await?;
        let key = |row: &EmployerRow| (micros(row.submit_time.unwrap_or(row.create_time)), row.id);
        let (rows, next_page_token) = query.finish(rows, key);
        let viewer = Viewer::of(&person.principal);
        let employers = rows
            .iter()
            .map(|row| employer_view::employer(row, &viewer, now))
            .collect::<Result<_, _>>()?;
        Ok(ListEmployersResponse {
            employers,
            next_page_token,
        })
    }

    async fn history(
        &self,
        person: &Person,
        request: &ListEmployerHistoryRequest,
    ) -> Result<ListEmployerHistoryResponse, Fault> {
        let id = person::id(&request.id, not_found)?;
        if person.principal.role == Role::Employer && person.employer_id()? != id {
            return Err(not_found());
        }
        let query = page::Query::new(request.page_size, &request.page_token, &request.id)?;
        let mut conn = self.app.ctx.pool.acquire().await?;
        store::employers::get(&mut conn, id, false)
            .await?
            .ok_or_else(not_found)?;
        let rows = store::history::list_employer(&mut conn, id, query.after()?, query.limit()).await?;
        let (rows, next_page_token) = query.finish(rows, |row| row.sequence);
        let entries = rows.into_iter().map(student_view::history).collect();
        Ok(ListEmployerHistoryResponse {
            entries,
            next_page_token,
        })
    }
}

/// The profile with the present fields of a request written in.
fn merged(row: &EmployerRow, wire: EmployerProfile) -> Profile {
    let old = row.profile();
    let keep = |new: Option<String>, old: String| new.map_or(old, |text| text.trim().to_owned());
    Profile {
        nature_code: keep(wire.nature_code, old.nature_code),
        industry_code: keep(wire.industry_code, old.industry_code),
        scale_code: keep(wire.scale_code, old.scale_code),
        region_code: keep(wire.region_code, old.region_code),
        address: keep(wire.address, old.address),
        postcode: keep(wire.postcode, old.postcode),
        legal_person: keep(wire.legal_person, old.legal_person),
        contact_name: keep(wire.contact_name, old.contact_name),
        contact_phone: keep(wire.contact_phone, old.contact_phone),
        contact_email: keep(wire.contact_email, old.contact_email),
        website: keep(wire.website, old.website),
        introduction: keep(wire.introduction, old.introduction),
    }
}

fn paper(text: &str, field: &str) -> Result<Uuid, Fault> {
    text.parse()
        .map_err(|_| Fault::invalid(field, "FILE_UNUSABLE", "文件编号不正确，请重新上传"))
}

#[tonic::async_trait]
impl employer_service_server::EmployerService for EmployerService {
    async fn register_employer(
        &self,
        request: Request<RegisterEmployerRequest>,
    ) -> Result<Response<RegisterEmployerResponse>, Status> {
        let author = person::author(&request, None);
        let caller = qihang_kit::auth::caller(&request);
        Ok(Response::new(
            self.register(&request.into_inner(), (author, caller)).await?,
        ))
    }

    async fn get_my_employer(
        &self,
        request: Request<GetMyEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(
            self.get(&person, person.employer_id()?, false).await?,
        ))
    }

    async fn update_my_employer(
        &self,
        request: Request<UpdateMyEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let wire = request.profile.clone().unwrap_or_default();
        let call = (
            person.employer_id()?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        let command = |row: &EmployerRow| Command::Save(Box::new(merged(row, wire)));
        Ok(Response::new(
            self.step("UpdateMyEmployer", &person, call, command).await?,
        ))
    }

    async fn submit_employer(
        &self,
        request: Request<SubmitEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        if actor(&person.principal).part != Part::Administrator {
            return Err(Fault::from(employer::Refusal::AdministratorOnly).into());
        }
        let papers = Papers {
            licence: paper(&request.licence_file_id, "licenceFileId")?,
            authorisation: paper(&request.authorisation_file_id, "authorisationFileId")?,
            contact_identity: paper(&request.contact_identity_file_id, "contactIdentityFileId")?,
        };
        let files = [papers.licence, papers.authorisation, papers.contact_identity];
        self.claim_papers(&person, files.map(Some)).await?;
        let call = (
            person.employer_id()?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        Ok(Response::new(
            self.step("SubmitEmployer", &person, call, |_| Command::Submit(papers))
                .await?,
        ))
    }

    async fn revise_employer(
        &self,
        request: Request<ReviseEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(self.revise(&person, &request.into_inner()).await?))
    }

    async fn withdraw_revision(
        &self,
        request: Request<WithdrawRevisionRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let call = (
            person.employer_id()?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        Ok(Response::new(
            self.step("WithdrawRevision", &person, call, |_| Command::WithdrawRevision)
                .await?,
        ))
    }

    async fn list_employers(
        &self,
        request: Request<ListEmployersRequest>,
    ) -> Result<Response<ListEmployersResponse>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(self.list(&person, &request.into_inner()).await?))
    }

    async fn get_employer(&self, request: Request<GetEmployerRequest>) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let id = person::id(&request.into_inner().id, not_found)?;
        Ok(Response::new(
            self.get(&person, id, person.principal.role != Role::Province)
                .await?,
        ))
    }

    async fn approve_employer(
        &self,
        request: Request<ApproveEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let call = (
            person::id(&request.id, not_found)?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        let command = Command::Approve {
            submission: request.submission_version,
        };
        Ok(Response::new(
            self.step("ApproveEmployer", &person, call, |_| command).await?,
        ))
    }

    async fn return_employer(
        &self,
        request: Request<ReturnEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        codes::review_reason("EMPLOYER_RETURN", &request.reason_code)?;
        let reason = Reason {
            code: request.reason_code.clone(),
            text: request.reason.clone(),
            fields: request.fields.clone(),
        };
        let call = (
            person::id(&request.id, not_found)?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        let command = Command::Return {
            submission: request.submission_version,
            reason,
        };
        Ok(Response::new(
            self.step("ReturnEmployer", &person, call, |_| command).await?,
        ))
    }

    async fn reject_employer(
        &self,
        request: Request<RejectEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        codes::review_reason("EMPLOYER_REJECT", &request.reason_code)?;
        let reason = Reason {
            code: request.reason_code.clone(),
            text: request.reason.clone(),
            fields: Vec::new(),
        };
        let call = (
            person::id(&request.id, not_found)?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        let command = Command::Reject {
            submission: request.submission_version,
            reason,
        };
        Ok(Response::new(
            self.step("RejectEmployer", &person, call, |_| command).await?,
        ))
    }

    async fn suspend_employer(
        &self,
        request: Request<SuspendEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        codes::review_reason("EMPLOYER_SUSPEND", &request.reason_code)?;
        let reason = Reason {
            code: request.reason_code.clone(),
            text: request.reason.clone(),
            fields: Vec::new(),
        };
        let call = (
            person::id(&request.id, not_found)?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        Ok(Response::new(
            self.step("SuspendEmployer", &person, call, |_| Command::Suspend { reason })
                .await?,
        ))
    }

    async fn restore_employer(
        &self,
        request: Request<RestoreEmployerRequest>,
    ) -> Result<Response<Employer>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let call = (
            person::id(&request.id, not_found)?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        Ok(Response::new(
            self.step("RestoreEmployer", &person, call, |_| Command::Restore)
                .await?,
        ))
    }

    async fn list_employer_history(
        &self,
        request: Request<ListEmployerHistoryRequest>,
    ) -> Result<Response<ListEmployerHistoryResponse>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(self.history(&person, &request.into_inner()).await?))
    }
}
