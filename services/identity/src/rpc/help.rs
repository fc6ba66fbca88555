//! HelpService: requests of those who cannot get in, into the queue of their school.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller},
    db, etag,
    idempotency::Call,
    page,
    status::Fault,
};
use qihang_proto::identity::v1::{
    AnswerHelpRequestRequest, CreateHelpRequestRequest, CreateHelpRequestResponse, GetHelpRequestRequest,
    HelpRequest, ListHelpRequestsRequest, ListHelpRequestsResponse, LookUpHelpRequestRequest,
    LookUpHelpRequestResponse, help_service_server,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use subtle::ConstantTimeEq as _;
use time::Duration;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App, captcha,
    domain::{
        help::{self, Command, Refusal, State},
        readable_code,
    },
    error::{Error, Missing},
    limits::{self, Limit},
    messages, purpose,
    rpc::{
        help_view,
        person::{Person, timestamp},
    },
    store::{
        self,
        audit::{self, Event},
        help::HelpRow,
    },
};

/// Letters of a number: 75 bits, so that numbers cannot be found by trying.
const LETTERS: usize = 15;

/// Takes requests for help.
pub(crate) struct HelpService(pub(crate) Arc<App>);

/// What an asker gives, as it is sealed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) text: String,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let message = format!(
            "该求助当前为“{}”，不能再处理，请刷新页面后查看",
            refusal.from.title()
        );
        Fault::precondition("INVALID_TRANSITION", message)
            .with("from", refusal.from.as_str())
            .with("event", refusal.event)
            .into()
    }
}

/// No such request in the school, or not with this telephone number.
fn not_found() -> Error {
    Fault::not_found("HELP_NOT_FOUND", "没有找到该求助，请核对编号和联系电话").into()
}

/// What the sealed words of a request are tied to.
pub(crate) fn tie(column: &str, id: Uuid) -> Vec<u8> {
    [
        b"identity.help_requests.".as_slice(),
        column.as_bytes(),
        id.as_bytes(),
    ]
    .concat()
}

/// Limits, by address and by telephone number, in this order.
fn limits_of() -> [Limit; 2] {
    let limit = |bucket, max, window| Limit {
        bucket,
        reason: "HELP_LIMITED",
        max,
        window,
    };
    [
        limit("help.address", 5, Duration::HOUR),
        limit("help.phone", 3, Duration::DAY),
    ]
}

/// The digits of a telephone number, by which two spellings are the same.
fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

impl HelpService {
    async fn create(
        &self,
        request: &CreateHelpRequestRequest,
        caller: &Caller,
    ) -> Result<CreateHelpRequestResponse, Error> {
        let Self(app) = self;
        captcha::verify(&app.ctx.cache, &request.captcha_id, &request.captcha_answer).await?;
        let subjects = [
            limits::address(&app.sealer, caller),
            app.sealer
                .blind_index(purpose::HELP, &digits(&request.contact_phone)),
        ];
        let mut transaction = app.ctx.pool.begin().await?;
        for (limit, subject) in limits_of().iter().zip(&subjects) {
            limit.check(&mut transaction, subject).await?;
            limit.count(&mut transaction, subject).await?;
        }
        let school = store::schools::get(&mut transaction, &request.school_code).await?;
        let school = school.ok_or(Error::NotFound(Missing::School))?;
        let row = self.row(&mut transaction, request).await?;
        store::help::insert(&mut transaction, &row).await?;
        note(app, &mut transaction, ("help.create", &row, None), caller).await?;
        messages::help_changed(app, &mut transaction, &row, State::Open).await?;
        transaction.commit().await?;
        app.ctx.outbox.wake();
        Ok(CreateHelpRequestResponse {
            number: row.number,
            school_name: school.name,
            office_name: school.office_name,
            office_phone: school.office_phone,
        })
    }

    async fn row(
        &self,
        conn: &mut PgConnection,
        request: &CreateHelpRequestRequest,
    ) -> Result<HelpRow, Error> {
        let Self(app) = self;
        let content = Content {
            name: request.contact_name.trim().to_owned(),
            phone: request.contact_phone.trim().to_owned(),
            text: request.text.trim().to_owned(),
        };
        let id = app.ctx.ids.new_id();
        let plain = serde_json::to_vec(&content).map_err(|error| Fault::internal(&error))?;
        let now = db::now(conn).await?;
        Ok(HelpRow {
            id,
            number: readable_code::write(&app.ctx.ids.bytes::<LETTERS>()),
            school_code: request.school_code.clone(),
            topic: help_view::topic_text(request.topic()).to_owned(),
            state: State::Open.as_str().to_owned(),
            case_number: request.case_number.to_uppercase(),
            content_sealed: app.sealer.seal(&plain, &tie("content", id))?,
            answer_sealed: None,
            answered_by: String::new(),
            version: 1,
            create_time: now,
            update_time: now,
        })
    }

    async fn look_up(&self, request: &LookUpHelpRequestRequest) -> Result<LookUpHelpRequestResponse, Error> {
        let Self(app) = self;
        captcha::verify(&app.ctx.cache, &request.captcha_id, &request.captcha_answer).await?;
        let letters = readable_code::read(&request.number, LETTERS).ok_or_else(not_found)?;
        let mut conn = app.ctx.pool.acquire().await?;
        let row = store::help::find(&mut conn, &readable_code::group(&letters)).await?;
        let row = row.ok_or_else(not_found)?;
        let (content, answer) = help_view::open(app, &row)?;
        let (kept, given) = (digits(&content.phone), digits(&request.contact_phone));
        if !bool::from(kept.as_bytes().ct_eq(given.as_bytes())) {
            return Err(not_found());
        }
        Ok(LookUpHelpRequestResponse {
            state: help_view::state(&row.state).into(),
            number: row.number,
            answer,
            create_time: Some(timestamp(row.create_time)),
            update_time: Some(timestamp(row.update_time)),
        })
    }

    async fn list(
        &self,
        person: &Person,
        request: &ListHelpRequestsRequest,
    ) -> Result<ListHelpRequestsResponse, Error> {
        let school = person.school_code()?;
        let state = help_view::state_text(request.state());
        let page = page::Query::new(request.page_size, &request.page_token, &(school, state))?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = store::help::list(&mut conn, school, state, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.id);
        Ok(ListHelpRequestsResponse {
            requests: rows.iter().map(help_view::summary).collect(),
            next_page_token,
        })
    }

    async fn get(
        &self,
        person: &Person,
        request: &GetHelpRequestRequest,
        caller: &Caller,
    ) -> Result<HelpRequest, Error> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let row = load(&mut transaction, person, &request.id).await?;
        note(app, &mut transaction, ("help.read", &row, Some(person)), caller).await?;
        transaction.commit().await?;
        help_view::whole(app, &row)
    }

    async fn answer(
        &self,
        person: &Person,
        command: Command,
        request: &AnswerHelpRequestRequest,
        caller: &Caller,
    ) -> Result<HelpRequest, Error> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        // The answer may hold personal data, so of the first reply nothing is kept; the request is read again.
        let call = Call::new(
            command.event(),
            person.principal.account_id,
            &request.request_id,
            request,
        );
        call.once(&mut transaction, async |conn| {
            let row = load(conn, person, &request.id).await?;
            etag::check(&request.etag, row.version)?;
            let from = State::parse(&row.state).ok_or(Error::Inconsistent("help_requests.state"))?;
            let next = help::decide(from, command).map_err(Error::from)?;
            let words = app
                .sealer
                .seal(request.answer.trim().as_bytes(), &tie("answer", row.id))
                .map_err(Error::from)?;
            let answered = (words.as_slice(), person.principal.name.as_str());
            store::help::answer(conn, &row, next, answered).await?;
            let row = load(conn, person, &request.id).await?;
            note(app, conn, (command.event(), &row, Some(person)), caller).await?;
            messages::help_changed(app, conn, &row, next).await
        })
        .await?;
        let row = load(&mut transaction, person, &request.id).await?;
        transaction.commit().await?;
        app.ctx.outbox.wake();
        help_view::whole(app, &row)
    }
}

/// Writes what happened to a request into the audit, with who did it.
async fn note(
    app: &App,
    conn: &mut PgConnection,
    (event, row, person): (&'static str, &HelpRow, Option<&Person>),
    caller: &Caller,
) -> Result<(), Error> {
    let event = Event {
        event,
        actor_id: person.map(|person| person.principal.account_id),
        school_code: Some(row.school_code.clone()),
        ..Event::default()
    };
    Ok(audit::write(conn, app.ctx.ids.new_id(), &event, caller).await?)
}

async fn load(conn: &mut PgConnection, person: &Person, id: &str) -> Result<HelpRow, Error> {
    let id = id.parse().map_err(|_| not_found())?;
    let row = store::help::get(conn, person.school_code()?, id).await?;
    row.ok_or_else(not_found)
}

#[tonic::async_trait]
impl help_service_server::HelpService for HelpService {
    async fn create_help_request(
        &self,
        request: Request<CreateHelpRequestRequest>,
    ) -> Result<Response<CreateHelpRequestResponse>, Status> {
        let caller = auth::caller(&request);
        Ok(Response::new(self.create(request.get_ref(), &caller).await?))
    }

    async fn look_up_help_request(
        &self,
        request: Request<LookUpHelpRequestRequest>,
    ) -> Result<Response<LookUpHelpRequestResponse>, Status> {
        Ok(Response::new(self.look_up(request.get_ref()).await?))
    }

    async fn list_help_requests(
        &self,
        request: Request<ListHelpRequestsRequest>,
    ) -> Result<Response<ListHelpRequestsResponse>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(self.list(&person, request.get_ref()).await?))
    }

    async fn get_help_request(
        &self,
        request: Request<GetHelpRequestRequest>,
    ) -> Result<Response<HelpRequest>, Status> {
        let (person, caller) = (Person::of(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.get(&person, request.get_ref(), &caller).await?,
        ))
    }

    async fn resolve_help_request(
        &self,
        request: Request<AnswerHelpRequestRequest>,
    ) -> Result<Response<HelpRequest>, Status> {
        let (person, caller) = (Person::of(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.answer(&person, Command::Resolve, request.get_ref(), &caller)
                .await?,
        ))
    }

    async fn close_help_request(
        &self,
        request: Request<AnswerHelpRequestRequest>,
    ) -> Result<Response<HelpRequest>, Status> {
        let (person, caller) = (Person::of(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.answer(&person, Command::Close, request.get_ref(), &caller)
                .await?,
        ))
    }
}
