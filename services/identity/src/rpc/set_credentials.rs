//! SetCredentials: the account of a checked student, and its first session, in one transaction.

use std::sync::Arc;

use qihang_kit::{
    auth::{BY_PASSWORD, Caller, Role},
    db,
    idempotency::Call,
    status::Fault,
    validators,
};
use qihang_proto::identity::v1::{IssuedSession, SetCredentialsRequest};
use uuid::Uuid;

use crate::{
    App,
    domain::{
        calendar::Kind,
        password,
        ticket::{Ticket, TicketFault},
    },
    error::Error,
    messages,
    rpc::verify_student,
    sealing::{self, CredentialsRow},
    session,
    store::{
        accounts::{self, NewAccount},
        audit::{self, Event},
    },
};

/// Characters at the end of an identity number that a password may not contain: the part that people know by heart.
const IDENTITY_TAIL: usize = 6;

/// What is kept of a first answer: tokens never are.
#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(string, tag = "1")]
    account_id: String,
}

/// Sets the credentials.
///
/// # Errors
/// TICKET_INVALID, TICKET_EXPIRED, fields that are wrong, WINDOW_CLOSED, ALREADY_REGISTERED; the database's.
pub(crate) async fn set(
    app: &Arc<App>,
    request: &SetCredentialsRequest,
    caller: &Caller,
) -> Result<IssuedSession, Error> {
    let student = read_ticket(app, &request.ticket).await?;
    let account = new_account(app, request, &student).await?;
    let mut transaction = app.ctx.pool.begin().await?;
    // The hash of the request is kept, so the password stays out of it; a repeat proves it against the account instead.
    let shown = SetCredentialsRequest {
        password: String::new(),
        ..request.clone()
    };
    let call = Call::new("SetCredentials", student.student_id, &request.request_id, &shown);
    let account_id = match call.claim(&mut transaction).await?.fresh_or::<Kept>()? {
        Ok(ticket) => {
            let now = db::now(&mut transaction).await?;
            verify_student::window(&mut transaction, &student.school_code, student.cohort)
                .await?
                .check(Kind::Registration, now)?;
            accounts::insert(&mut transaction, &account, &app.sealer).await?;
            let event = Event {
                student_id: Some(student.student_id),
                school_code: Some(student.school_code.clone()),
                ..Event::of("registration.complete", account.id)
            };
            audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
            messages::student_registered(app, &mut transaction, student.student_id, &student.school_code)
                .await?;
            ticket
                .save(
                    &mut transaction,
                    &Kept {
                        account_id: account.id.to_string(),
                    },
                )
                .await?;
            account.id
        }
        Err(kept) => {
            let id = kept
                .account_id
                .parse()
                .map_err(|_| Error::Inconsistent("idempotency_keys"))?;
            prove(app, &mut transaction, id, &request.password).await?;
            id
        }
    };
    let issued = session::open(app, &mut transaction, account_id, &[BY_PASSWORD], caller).await?;
    transaction.commit().await?;
    app.ctx.outbox.wake();
    Ok(issued)
}

async fn read_ticket(app: &App, text: &str) -> Result<CredentialsRow, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    let ticket =
        Ticket::read(text, now, |bytes| verify_student::sign(app, bytes)).map_err(|fault| match fault {
            TicketFault::Invalid => Error::TicketInvalid,
            TicketFault::Expired => Error::TicketExpired,
        })?;
    let student = sealing::find_for_credentials(&mut conn, &app.sealer, ticket.student_id).await?;
    student.ok_or(Error::TicketInvalid)
}

async fn new_account(
    app: &App,
    request: &SetCredentialsRequest,
    student: &CredentialsRow,
) -> Result<NewAccount, Error> {
    let field = |field: &'static str| {
        move |invalid: validators::Invalid| Fault::invalid(field, invalid.reason(), invalid.to_string())
    };
    let mobile = validators::mobile(&request.mobile).map_err(field("mobile"))?;
    let email = validators::email(&request.email).map_err(field("email"))?;
    let tail = tail(&student.identity_number);
    let personal = [student.student_number.as_str(), &student.name, &tail, mobile];
    password::check(&request.password, &personal).map_err(Error::Weak)?;
    Ok(NewAccount {
        id: app.ctx.ids.new_id(),
        role: Role::Student,
        student_id: Some(student.student_id),
        mobile: mobile.to_owned(),
        email: email.to_owned(),
        password_hash: app.passwords.hash(&request.password).await?,
        ..NewAccount::default()
    })
}

/// The end of an identity number.
pub(crate) fn tail(identity_number: &str) -> String {
    let length = identity_number.chars().count();
    identity_number
        .chars()
        .skip(length.saturating_sub(IDENTITY_TAIL))
        .collect()
}

/// Whether a repeat brings the password of the first time.
///
/// # Errors
/// REQUEST_ID_REUSED when it does not.
pub(crate) async fn prove(
    app: &App,
    conn: &mut sqlx::PgConnection,
    id: Uuid,
    password: &str,
) -> Result<(), Error> {
    let found = accounts::credentials(conn, id).await?;
    let hash = found.as_ref().and_then(|found| found.password_hash.as_deref());
    if app.passwords.verify(password, hash).await? {
        return Ok(());
    }
    Err(reused())
}

/// The request id belongs to another request.
pub(crate) fn reused() -> Error {
    Fault::invalid(
        "requestId",
        "REQUEST_ID_REUSED",
        "这个 requestId 已用于另一次不同的请求，请为新的请求换一个",
    )
    .into()
}
