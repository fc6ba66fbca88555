//! RegisterEmployer: the employer, its first administrator and that one's session, in one transaction.

use std::sync::Arc;

use qihang_kit::{
    auth::{Caller, Role},
    db,
    idempotency::Call,
    status::Fault,
    validators,
};
use qihang_proto::{
    common::v1::TokenPair,
    identity::v1::{RegisterEmployerRequest, RegisterEmployerResponse},
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    App, captcha,
    domain::{
        employer::{Actor, Part, State},
        member, password,
    },
    error::Error,
    rpc::{
        employer_view::{self, Viewer},
        set_credentials,
    },
    session,
    store::{
        self,
        accounts::NewAccount,
        employers::NewEmployer,
        history::{Author, Step, micros},
        members::NewMember,
    },
};

/// What is kept of a first answer: tokens never are.
#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(string, tag = "1")]
    employer_id: String,
    #[prost(string, tag = "2")]
    account_id: String,
}

/// A registration whose fields have been read.
struct Applicant<'a> {
    name: &'a str,
    credit_code: validators::CreditCode,
    contact_name: &'a str,
    mobile: &'a str,
    email: &'a str,
}

/// Registers an employer.
///
/// # Errors
/// Fields that are wrong, CREDIT_CODE_TAKEN, LOGIN_TAKEN, the captcha's and the password policy's refusals.
pub(crate) async fn register(
    app: &Arc<App>,
    request: &RegisterEmployerRequest,
    author: Author,
    caller: &Caller,
) -> Result<RegisterEmployerResponse, Fault> {
    let applicant = read(request)?;
    let forbidden = [
        applicant.name,
        applicant.mobile,
        applicant.email,
        applicant.contact_name,
    ];
    password::check(&request.password, &forbidden).map_err(Error::Weak)?;
    // The hash of the request is kept, so the password stays out of it; a repeat proves it against the account instead.
    let shown = RegisterEmployerRequest {
        password: String::new(),
        ..request.clone()
    };
    let call = Call::new("RegisterEmployer", Uuid::nil(), &request.request_id, &shown);
    let first: Option<Kept> = call.first_answer(&app.ctx.pool).await?;
    // A repeat has used its captcha up, and has its hash already.
    let hash = if first.is_none() {
        captcha::verify(&app.ctx.cache, &request.captcha_id, &request.captcha_answer).await?;
        // Hashed once the cheap refusals are over, and while no connection waits for it.
        Some(app.passwords.hash(&request.password).await?)
    } else {
        None
    };
    let mut transaction = app.ctx.pool.begin().await?;
    let now = db::now(&mut transaction).await?;
    let kept = match (call.claim(&mut transaction).await?.fresh_or::<Kept>()?, hash) {
        (Err(kept), _) => {
            let account_id = id(&kept.account_id)?;
            set_credentials::prove(app, &mut transaction, account_id, &request.password).await?;
            kept
        }
        (Ok(ticket), Some(hash)) => {
            let kept = create(app, &mut transaction, &applicant, (hash, author), now).await?;
            ticket.save(&mut transaction, &kept).await?;
            kept
        }
        // The first answer was deleted this very moment.
        (Ok(_), None) => return Err(Error::Inconsistent("idempotency_keys").into()),
    };
    let answer = answer(app, &mut transaction, &kept, caller, now).await?;
    transaction.commit().await?;
    Ok(answer)
}

fn read(request: &RegisterEmployerRequest) -> Result<Applicant<'_>, Fault> {
    let field = |field: &'static str| {
        move |invalid: validators::Invalid| Fault::invalid(field, invalid.reason(), invalid.to_string())
    };
    Ok(Applicant {
        name: request.name.trim(),
        credit_code: validators::credit_code(&request.credit_code).map_err(field("creditCode"))?,
        contact_name: request.contact_name.trim(),
        mobile: validators::mobile(&request.mobile).map_err(field("mobile"))?,
        email: validators::email(&request.email).map_err(field("email"))?,
    })
}

async fn create(
    app: &Arc<App>,
    conn: &mut PgConnection,
    applicant: &Applicant<'_>,
    (password_hash, author): (String, Author),
    now: OffsetDateTime,
) -> Result<Kept, Fault> {
    let (employer_id, account_id) = (app.ctx.ids.new_id(), app.ctx.ids.new_id());
    let new = NewEmployer {
        id: employer_id,
        name: applicant.name,
        credit_code: applicant.credit_code.as_str(),
        contact_name: applicant.contact_name,
        contact_phone: applicant.mobile,
        contact_email: applicant.email,
        now,
    };
    store::employers::insert(conn, &new).await.map_err(taken)?;
    let account = NewAccount {
        id: account_id,
        role: Role::Employer,
        employer_id: Some(employer_id),
        name: applicant.contact_name.to_owned(),
        mobile: applicant.mobile.to_owned(),
        email: applicant.email.to_owned(),
        password_hash,
        ..NewAccount::default()
    };
    store::accounts::insert(conn, &account, &app.sealer).await?;
    let member = NewMember {
        employer_id,
        account_id,
        role: member::Role::Admin,
        state: member::State::Active,
        message: "",
    };
    store::members::insert(conn, &member, 1, now).await?;
    let author = Author {
        account: Some(account_id),
        name: validators::mask_name(applicant.contact_name),
        ..author
    };
    store::history::append_employer(conn, &first_step(employer_id, author, now)).await?;
    Ok(Kept {
        employer_id: employer_id.to_string(),
        account_id: account_id.to_string(),
    })
}

fn first_step(employer_id: Uuid, author: Author, now: OffsetDateTime) -> Step {
    Step {
        subject: employer_id,
        event: "register".to_owned(),
        from_state: String::new(),
        to_state: State::Registered.as_str().to_owned(),
        submission_version: 0,
        author,
        reason_code: String::new(),
        reason: String::new(),
        before_hash: Vec::new(),
        after_hash: Vec::new(),
        micros: micros(now),
        time: now,
    }
}

async fn answer(
    app: &Arc<App>,
    conn: &mut PgConnection,
    kept: &Kept,
    caller: &Caller,
    now: OffsetDateTime,
) -> Result<RegisterEmployerResponse, Fault> {
    let (employer_id, account_id) = (id(&kept.employer_id)?, id(&kept.account_id)?);
    let tokens: TokenPair = session::issue(app, conn, account_id, caller).await?;
    let row = store::employers::get(conn, employer_id, false)
        .await?
        .ok_or_else(super::employer_flow::not_found)?;
    let viewer = Viewer::member(Actor {
        account: account_id,
        part: Part::Administrator,
    });
    let employer = employer_view::employer(&row, &viewer, now)?;
    Ok(RegisterEmployerResponse {
        tokens: Some(tokens),
        employer: Some(employer),
    })
}

fn id(text: &str) -> Result<Uuid, Fault> {
    text.parse().map_err(|error: uuid::Error| Fault::internal(&error))
}

fn taken(error: sqlx::Error) -> Fault {
    match db::constraint(&error) {
        Some("employers_credit_code") => Fault::already_exists(
            "CREDIT_CODE_TAKEN",
            "该统一社会信用代码已注册。如果您是该单位的经办人，请使用“申请加入”，由本单位管理员审核",
        ),
        _ => Fault::database(error),
    }
}
