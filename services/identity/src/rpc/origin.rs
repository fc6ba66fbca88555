//! OriginService: students check and send their record, staff review it.

use std::sync::Arc;

use qihang_kit::{codes, db, idempotency::Call, status::Fault};
use qihang_proto::{
    documents::v1::{ClaimFilesRequest, File, file_service_client::FileServiceClient},
    identity::v1::{
        ApproveOriginRequest, BatchApproveOriginsRequest, BatchApproveOriginsResponse, FlaggedIssue,
        GetMyRosterRequest, IssueResolution, ListOriginHistoryRequest, ListOriginHistoryResponse,
        ListOriginReviewsRequest, ListOriginReviewsResponse, ReopenOriginRequest, ReturnOriginRequest,
        Student, SubmitMyRosterRequest, UpdateMyRosterRequest, issue_resolution, origin_service_server,
    },
};
use time::OffsetDateTime;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::origin::{Checked, Command, Issue, Outcome, Reason, Resolution},
    rpc::{
        evidence,
        origin_flow::{self, Wanted, not_found},
        person::{self, Person},
        student_view,
    },
};

/// The service.
pub(crate) struct OriginService {
    pub(super) app: Arc<App>,
}

impl OriginService {
    /// The service on its parts.
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Takes one step of one record, once a request id.
    async fn step<R: prost::Message>(
        &self,
        method: &'static str,
        person: &Person,
        (id, request, request_id, etag): (Uuid, &R, &str, &str),
        command: Command,
    ) -> Result<Student, Fault> {
        let mut transaction = self.app.ctx.pool.begin().await?;
        let call = Call::new(method, person.principal.account_id, request_id, request);
        let now = db::now(&mut transaction).await?;
        let scope = person.scope()?;
        // The answer holds personal data, so not it but only that there was one is kept.
        call.once(&mut transaction, async |conn| {
            let loaded = origin_flow::load(&self.app, conn, &scope, id).await?;
            origin_flow::take(
                &self.app,
                conn,
                &loaded,
                Wanted {
                    person,
                    command,
                    etag,
                    now,
                },
            )
            .await?;
            Ok(())
        })
        .await?;
        let after = origin_flow::load(&self.app, &mut transaction, &scope, id).await?;
        let view = after.view(person, now)?;
        transaction.commit().await?;
        self.app.ctx.outbox.wake();
        Ok(view)
    }
}

/// Claims files with documents, and names the field when they cannot be.
pub(crate) async fn claim_files(
    app: &App,
    request: ClaimFilesRequest,
    field: &str,
) -> Result<Vec<File>, Fault> {
    use tonic::Code;
    let mut client = FileServiceClient::new(app.ctx.channels.get("documents"));
    match client.claim_files(request).await {
        Ok(answer) => Ok(answer.into_inner().files),
        Err(status)
            if matches!(
                status.code(),
                Code::Unavailable
                    | Code::DeadlineExceeded
                    | Code::Internal
                    | Code::Unknown
                    | Code::Unauthenticated
            ) =>
        {
            Err(Fault::unavailable(
                "DOCUMENTS_UNAVAILABLE",
                "文件服务暂时不可用，请稍后重试",
            ))
        }
        Err(_) => Err(Fault::invalid(
            field,
            "FILE_UNUSABLE",
            "文件不存在、用途不符、未通过检查或不是您上传的，请重新上传",
        )),
    }
}

fn issues(flagged: &[FlaggedIssue]) -> Result<Vec<Issue>, Fault> {
    let issue = |flagged: &FlaggedIssue| {
        let evidence_file_id = match flagged.evidence_file_id.as_str() {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| Fault::invalid("flaggedIssues", "FILE_UNUSABLE", "证明材料编号不正确"))?,
            ),
        };
        Ok(Issue {
            field: flagged.field.clone(),
            present_value: String::new(),
            proposed_value: flagged.proposed_value.clone(),
            note: flagged.note.clone(),
            evidence_file_id,
            outcome: None,
            outcome_note: String::new(),
        })
    };
    flagged.iter().map(issue).collect()
}

fn resolutions(wire: &[IssueResolution]) -> Vec<Resolution> {
    let outcome = |resolution: &IssueResolution| match resolution.outcome() {
        issue_resolution::Outcome::Corrected => Outcome::Corrected,
        _ => Outcome::Kept,
    };
    let one = |resolution: &IssueResolution| Resolution {
        field: resolution.field.clone(),
        outcome: outcome(resolution),
        note: resolution.note.clone(),
    };
    wire.iter().map(one).collect()
}

#[tonic::async_trait]
impl origin_service_server::OriginService for OriginService {
    async fn get_my_roster(&self, request: Request<GetMyRosterRequest>) -> Result<Response<Student>, Status> {
        let person = Person::of(&request)?;
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Fault::database)?;
        let now = db::now(&mut conn).await.map_err(Fault::database)?;
        let loaded = origin_flow::load(&self.app, &mut conn, &person.scope()?, person.student_id()?).await?;
        Ok(Response::new(loaded.view(&person, now)?))
    }

    async fn update_my_roster(
        &self,
        request: Request<UpdateMyRosterRequest>,
    ) -> Result<Response<Student>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let command = Command::SaveDraft(student_view::changes(request.own.clone()));
        let call = (
            person.student_id()?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        Ok(Response::new(
            self.step("UpdateMyRoster", &person, call, command).await?,
        ))
    }

    async fn submit_my_roster(
        &self,
        request: Request<SubmitMyRosterRequest>,
    ) -> Result<Response<Student>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let issues = issues(&request.flagged_issues)?;
        let files = issues.iter().filter_map(|issue| issue.evidence_file_id);
        evidence::claim(&self.app, &person, ("identity.origin", "flaggedIssues"), files).await?;
        let changes = student_view::changes(request.own.clone());
        let checked = if request.checked {
            Checked::Yes
        } else {
            Checked::No
        };
        let command = Command::Submit {
            changes,
            issues,
            checked,
        };
        let call = (
            person.student_id()?,
            &request,
            request.request_id.as_str(),
            request.etag.as_str(),
        );
        Ok(Response::new(
            self.step("SubmitMyRoster", &person, call, command).await?,
        ))
    }

    async fn list_origin_reviews(
        &self,
        request: Request<ListOriginReviewsRequest>,
    ) -> Result<Response<ListOriginReviewsResponse>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        Ok(Response::new(self.list_reviews(&person, &request).await?))
    }

    async fn approve_origin(
        &self,
        request: Request<ApproveOriginRequest>,
    ) -> Result<Response<Student>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        let command = Command::Approve {
            version: request.version,
            resolutions: resolutions(&request.resolutions),
        };
        let id = person::id(&request.student_id, not_found)?;
        let call = (id, &request, request.request_id.as_str(), request.etag.as_str());
        Ok(Response::new(
            self.step("ApproveOrigin", &person, call, command).await?,
        ))
    }

    async fn return_origin(
        &self,
        request: Request<ReturnOriginRequest>,
    ) -> Result<Response<Student>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        codes::review_reason("ORIGIN", &request.reason_code)?;
        let reason = Reason {
            code: request.reason_code.clone(),
            text: request.reason.clone(),
            fields: request.fields.clone(),
        };
        let command = Command::Return {
            version: request.version,
            reason,
        };
        let id = person::id(&request.student_id, not_found)?;
        let call = (id, &request, request.request_id.as_str(), request.etag.as_str());
        Ok(Response::new(
            self.step("ReturnOrigin", &person, call, command).await?,
        ))
    }

    async fn reopen_origin(
        &self,
        request: Request<ReopenOriginRequest>,
    ) -> Result<Response<Student>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        codes::review_reason("ORIGIN_REOPEN", &request.reason_code)?;
        let reason = Reason {
            code: request.reason_code.clone(),
            text: request.reason.clone(),
            fields: Vec::new(),
        };
        let id = person::id(&request.student_id, not_found)?;
        let call = (id, &request, request.request_id.as_str(), request.etag.as_str());
        Ok(Response::new(
            self.step("ReopenOrigin", &person, call, Command::Reopen { reason })
                .await?,
        ))
    }

    async fn batch_approve_origins(
        &self,
        request: Request<BatchApproveOriginsRequest>,
    ) -> Result<Response<BatchApproveOriginsResponse>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        Ok(Response::new(self.batch_approve(&person, &request).await?))
    }

    async fn list_origin_history(
        &self,
        request: Request<ListOriginHistoryRequest>,
    ) -> Result<Response<ListOriginHistoryResponse>, Status> {
        let person = Person::of(&request)?;
        let request = request.into_inner();
        Ok(Response::new(self.list_history(&person, &request).await?))
    }
}

/// A time from microseconds since 1970.
pub(crate) fn from_micros(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
