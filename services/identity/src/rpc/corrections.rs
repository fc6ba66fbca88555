//! CorrectionService: students ask for corrections of their record, staff decide.

use std::sync::Arc;

use qihang_kit::{auth, codes, db, idempotency::Call, page, status::Fault};
use qihang_proto::identity::v1::{
    ApproveCorrectionRequest, CorrectedField, Correction, GetCorrectionRequest, ListCorrectionsRequest,
    ListCorrectionsResponse, RejectCorrectionRequest, RequestCorrectionRequest, RevealCorrectionRequest,
    WithdrawCorrectionRequest, correction_service_server,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::{
        correction::{self, Asked, Command, Confirmed},
        origin::Reason,
    },
    error::Error,
    rpc::{
        correction_flow::{self, Content, Loaded, Subject, not_found},
        correction_view::{self, Shown},
        evidence,
        person::{self, Person},
    },
    store::{
        self,
        audit::{self, Event},
        corrections::Filter,
    },
};

/// The service.
pub(crate) struct CorrectionService(pub(crate) Arc<App>);

impl CorrectionService {
    async fn open(&self, person: &Person, request: &RequestCorrectionRequest) -> Result<Correction, Fault> {
        let app = &self.0;
        let asked = asked(&request.fields)?;
        let files = asked.iter().flat_map(|one| one.evidence.iter().copied());
        evidence::claim(app, person, ("identity.correction", "fields"), files).await?;
        let mut transaction = app.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new("RequestCorrection", caller, &request.request_id, request);
        // The answer holds personal data, so not it but only the correction's id is kept.
        let id: String = call
            .once(&mut transaction, async |conn| {
                let student_id = person.student_id()?;
                store::students::lock(conn, student_id).await?;
                let subject = Subject::load(app, conn, person, student_id).await?;
                let content = Content {
                    changes: correction::request(&subject.base()?, asked)?,
                    reason: request.reason.trim().to_owned(),
                };
                let now = db::now(conn).await?;
                let id = correction_flow::open(app, conn, (person, &subject), &content, now).await?;
                Ok(id.to_string())
            })
            .await?;
        let id = person::id(&id, not_found)?;
        let after = correction_flow::load(app, &mut transaction, person, id).await?;
        transaction.commit().await?;
        app.ctx.outbox.wake();
        correction_view::correction(&after, person, Shown::Whole)
    }

    /// Takes one step of one correction, once a request id.
    async fn step<R: prost::Message>(
        &self,
        method: &'static str,
        person: &Person,
        (id, request, request_id, etag): (&str, &R, &str, &str),
        command: Command,
    ) -> Result<Correction, Fault> {
        let app = &self.0;
        let id = person::id(id, not_found)?;
        let mut transaction = app.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new(method, caller, request_id, request);
        call.once(&mut transaction, async |conn| {
            let loaded = correction_flow::lock(app, conn, person, id).await?;
            let now = db::now(conn).await?;
            correction_flow::take(app, conn, (person, &loaded), (command, etag), now).await?;
            Ok(())
        })
        .await?;
        let after = correction_flow::load(app, &mut transaction, person, id).await;
        transaction.commit().await?;
        app.ctx.outbox.wake();
        correction_view::correction(&after?, person, Shown::to(person.principal.role))
    }

    async fn list(
        &self,
        person: &Person,
        request: &ListCorrectionsRequest,
    ) -> Result<ListCorrectionsResponse, Fault> {
        let app = &self.0;
        let student = Some(request.student_id.as_str()).filter(|id| !id.is_empty());
        let asked = student.map(|id| person::id(id, not_found)).transpose()?;
        let filter = Filter {
            state: correction_view::filter_state(request.state()),
            department: Some(request.department.clone()).filter(|name| !name.is_empty()),
            // A student sees their own, whomever they ask for.
            student_id: person.principal.student_id.or(asked),
        };
        let query = page::Query::new(request.page_size, &request.page_token, &filter)?;
        let mut conn = app.ctx.pool.acquire().await?;
        let scope = person.scope()?;
        let rows =
            store::corrections::list(&mut conn, &scope, &filter, query.after()?, query.limit()).await?;
        let (rows, next_page_token) = query.finish(rows, |row| row.id);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.student_id).collect();
        let subjects = Subject::load_many(app, &mut conn, person, &ids).await?;
        let mut corrections = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(subject) = subjects.get(&row.student_id) {
                let loaded = Loaded::new(app, row, subject.clone())?;
                let shown = Shown::to(person.principal.role);
                corrections.push(correction_view::correction(&loaded, person, shown)?);
            }
        }
        Ok(ListCorrectionsResponse {
            corrections,
            next_page_token,
        })
    }

    async fn reveal<T>(
        &self,
        request: &Request<T>,
        person: &Person,
        (id, reason): (&str, &str),
    ) -> Result<Correction, Fault> {
        let app = &self.0;
        let id = person::id(id, not_found)?;
        let mut transaction = app.ctx.pool.begin().await?;
        let loaded = correction_flow::load(app, &mut transaction, person, id).await?;
        if !loaded.rules()?.state.is_open() {
            return Err(Fault::precondition(
                "INVALID_TRANSITION",
                "该纠错申请已处理完毕，不再显示完整信息",
            ));
        }
        let event = Event {
            student_id: Some(loaded.row.student_id),
            school_code: Some(loaded.subject.row.school_code.clone()),
            reason: reason.trim().to_owned(),
            // Not of the reviewer's account: the student sees who looked, and not from where.
            actor_id: Some(person.principal.account_id),
            event: "correction.reveal",
            ..Event::default()
        };
        audit::write(
            &mut transaction,
            app.ctx.ids.new_id(),
            &event,
            &auth::caller(request),
        )
        .await?;
        transaction.commit().await?;
        correction_view::correction(&loaded, person, Shown::Whole)
    }
}

fn asked(fields: &[CorrectedField]) -> Result<Vec<Asked>, Fault> {
    let one = |(index, field): (usize, &CorrectedField)| {
        let unusable = |_| {
            Fault::invalid(
                &format!("fields[{index}].evidenceFileIds"),
                "FILE_UNUSABLE",
                "证明材料编号不正确，请重新上传",
            )
        };
        let evidence = field.evidence_file_ids.iter().map(|id| id.parse());
        Ok(Asked {
            field: field.field.clone(),
            value: field.value.clone(),
            evidence: evidence.collect::<Result<_, _>>().map_err(unusable)?,
        })
    };
    fields.iter().enumerate().map(one).collect()
}

#[tonic::async_trait]
impl correction_service_server::CorrectionService for CorrectionService {
    async fn request_correction(
        &self,
        request: Request<RequestCorrectionRequest>,
    ) -> Result<Response<Correction>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(self.open(&person, request.get_ref()).await?))
    }

    async fn list_corrections(
        &self,
        request: Request<ListCorrectionsRequest>,
    ) -> Result<Response<ListCorrectionsResponse>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(self.list(&person, request.get_ref()).await?))
    }

    async fn get_correction(
        &self,
        request: Request<GetCorrectionRequest>,
    ) -> Result<Response<Correction>, Status> {
        let person = Person::of(&request)?;
        let id = person::id(&request.get_ref().id, not_found)?;
        let mut conn = self.0.ctx.pool.acquire().await.map_err(Error::from)?;
        let loaded = correction_flow::load(&self.0, &mut conn, &person, id).await?;
        let shown = Shown::to(person.principal.role);
        Ok(Response::new(correction_view::correction(
            &loaded, &person, shown,
        )?))
    }

    async fn reveal_correction(
        &self,
        request: Request<RevealCorrectionRequest>,
    ) -> Result<Response<Correction>, Status> {
        let person = Person::of(&request)?;
        let asked = request.get_ref();
        let revealed = self.reveal(&request, &person, (&asked.id, &asked.reason)).await?;
        Ok(Response::new(revealed))
    }

    async fn withdraw_correction(
        &self,
        request: Request<WithdrawCorrectionRequest>,
    ) -> Result<Response<Correction>, Status> {
        let person = Person::of(&request)?;
        let asked = request.get_ref();
        let call = (
            asked.id.as_str(),
            asked,
            asked.request_id.as_str(),
            asked.etag.as_str(),
        );
        let done = self
            .step("WithdrawCorrection", &person, call, Command::Withdraw)
            .await?;
        Ok(Response::new(done))
    }

    async fn approve_correction(
        &self,
        request: Request<ApproveCorrectionRequest>,
    ) -> Result<Response<Correction>, Status> {
        let person = Person::of(&request)?;
        let asked = request.get_ref();
        let confirmed = if asked.values_confirmed {
            Confirmed::Yes
        } else {
            Confirmed::No
        };
        let call = (
            asked.id.as_str(),
            asked,
            asked.request_id.as_str(),
            asked.etag.as_str(),
        );
        let done = self
            .step("ApproveCorrection", &person, call, Command::Approve(confirmed))
            .await?;
        Ok(Response::new(done))
    }

    async fn reject_correction(
        &self,
        request: Request<RejectCorrectionRequest>,
    ) -> Result<Response<Correction>, Status> {
        let person = Person::of(&request)?;
        let asked = request.get_ref();
        codes::review_reason("CORRECTION", &asked.reason_code)?;
        let reason = Reason {
            code: asked.reason_code.clone(),
            text: asked.reason.trim().to_owned(),
            fields: asked.fields.clone(),
        };
        let call = (
            asked.id.as_str(),
            asked,
            asked.request_id.as_str(),
            asked.etag.as_str(),
        );
        let done = self
            .step("RejectCorrection", &person, call, Command::Reject(reason))
            .await?;
        Ok(Response::new(done))
    }
}
