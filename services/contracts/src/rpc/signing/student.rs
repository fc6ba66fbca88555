//! The student's side: opening, reading, signing.

use qihang_kit::{auth, db, idempotency::Call};
use qihang_proto::{
    contracts::v1::{
        AcceptOfferRequest, Agreement as Answer, CommandRequest, ConfirmAmendmentRequest,
        CreateReadTokenRequest, ReadToken,
    },
    identity::v1::DirectoryStudent,
};
use tonic::{Request, Response, Status};

use super::{
    command::{Asked, Work, run},
    look,
};
use crate::{
    App,
    act::{self, With},
    domain::{
        agreement::{Command, READ_TOKEN_LIFE, READING_TIME, Signing, State},
        refusal::Refusal,
        terms::{Archive, Household},
        window,
    },
    error::Error,
    party, peers,
    rpc::id,
    scope::Scope,
    store::{agreements, reads, slots},
    view::{archive_from_proto, household_from_proto, timestamp},
};

/// Notes that a revision was opened; a second look changes nothing.
pub(super) async fn open(app: &App, request: &Request<CommandRequest>) -> Result<Response<Answer>, Status> {
    let message = request.get_ref();
    let asked = Asked {
        request,
        method: "OpenOffer",
        id: &message.id,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    let mut opened = run(app, asked, |work| {
        Box::pin(async move {
            let rules = &work.record.rules;
            if rules.state == State::PendingStudent && rules.opened_revision == rules.revision {
                return Ok(());
            }
            act::apply(
                work.app,
                work.conn,
                work.record,
                Command::Open,
                work.by,
                With::default(),
            )
            .await
        })
    })
    .await?;
    look::tell_hindrance(app, opened.get_mut()).await;
    Ok(opened)
}

/// Begins the reading time.
pub(super) async fn read_token(
    app: &App,
    request: &Request<CreateReadTokenRequest>,
) -> Result<Response<ReadToken>, Status> {
    let scope = Scope::of(auth::principal(request)?)?;
    Ok(Response::new(
        begin_reading(app, request.get_ref(), &scope).await?,
    ))
}

async fn begin_reading(
    app: &App,
    request: &CreateReadTokenRequest,
    scope: &Scope,
) -> Result<ReadToken, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let record = agreements::find(&mut conn, id(&request.id)?, scope)
        .await?
        .ok_or(Error::NotFound)?;
    let now = db::now(&mut conn).await?;
    match record.rules.state {
        State::PendingStudent if !record.rules.open(now) => return Err(Refusal::Expired.into()),
        State::PendingStudent | State::AmendPendingStudent => {}
        from => return Err(Refusal::Transition { from, event: "read" }.into()),
    }
    let revision = i32::try_from(request.revision).unwrap_or(i32::MAX);
    if revision != record.rules.revision {
        return Err(Refusal::RevisionChanged {
            current: record.rules.revision,
        }
        .into());
    }
    let token = app.ctx.ids.new_id();
    reads::insert(
        &mut conn,
        token,
        record.rules.id,
        revision,
        record.student_id,
        now,
    )
    .await?;
    Ok(ReadToken {
        token: token.to_string(),
        ready_time: Some(timestamp(now + READING_TIME)),
        expire_time: Some(timestamp(now + READ_TOKEN_LIFE)),
    })
}

/// What the student signs with.
struct Signed {
    revision: u32,
    token: String,
    archive: Option<Archive>,
    household: Option<Household>,
}

/// Accepts an offer.
pub(super) async fn accept(
    app: &App,
    request: &Request<AcceptOfferRequest>,
) -> Result<Response<Answer>, Status> {
    let (message, principal) = (request.get_ref(), auth::principal(request)?);
    let call = Call::new("AcceptOffer", principal.account_id, &message.request_id, message);
    // A repeat is answered without asking identity again, so that it works while identity is away.
    if let Some(answer) = call.first_answer(&app.ctx.pool).await? {
        return Ok(Response::new(answer));
    }
    let student_id = Scope::of(principal)?.student_id.ok_or(Error::NotFound)?;
    // Asked before the transaction: identity's word is needed, never guessed, and no lock waits for it.
    let student = peers::student(&app.ctx, student_id).await?;
    let signed = Signed {
        revision: message.revision,
        token: message.read_token.clone(),
        archive: archive_from_proto(message.archive.clone()),
        household: household_from_proto(message.household.clone()),
    };
    let asked = Asked {
        request,
        method: "AcceptOffer",
        id: &message.id,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    run(app, asked, move |work| {
        Box::pin(sign(work, signed, Some(student)))
    })
    .await
}

/// Confirms an amendment.
pub(super) async fn confirm(
    app: &App,
    request: &Request<ConfirmAmendmentRequest>,
) -> Result<Response<Answer>, Status> {
    let message = request.get_ref();
    let signed = Signed {
        revision: message.revision,
        token: message.read_token.clone(),
        archive: archive_from_proto(message.archive.clone()),
        household: household_from_proto(message.household.clone()),
    };
    let asked = Asked {
        request,
        method: "ConfirmAmendment",
        id: &message.id,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    run(app, asked, move |work| Box::pin(sign(work, signed, None))).await
}

async fn sign(work: Work<'_>, signed: Signed, accepts: Option<DirectoryStudent>) -> Result<(), Error> {
    let Work {
        app,
        conn,
        record,
        by,
    } = work;
    let read = match signed.token.parse() {
        Ok(token) => reads::find(&mut *conn, token, record.rules.id, record.student_id).await?,
        Err(_) => None,
    };
    // Places that were named before stand until the student names others.
    let archive = signed
        .archive
        .or_else(|| record.archive.as_ref().map(party::read));
    let household = signed
        .household
        .or_else(|| record.household.as_ref().map(party::read));
    let signing = Signing {
        revision: i32::try_from(signed.revision).unwrap_or(i32::MAX),
        read,
        has_archive: archive.is_some(),
        has_household: household.is_some(),
    };
    let (command, student) = match accepts {
        Some(student) => {
            peers::may_sign_with(&student, record.employer_id)?;
            if record.rules.state == State::PendingStudent {
                window::check(peers::signing_window(&student), db::now(&mut *conn).await?)?;
            }
            let slot = slots::lock(&mut *conn, record.student_id, record.cohort).await?;
            (
                Command::Accept {
                    signing,
                    slot,
                    origin_approved: student.origin_approved,
                },
                Some(party::Student::from(student)),
            )
        }
        None => (Command::ConfirmAmendment { signing }, None),
    };
    let with = With {
        archive,
        household,
        student,
        ..With::default()
    };
    act::apply(app, conn, record, command, by, with).await
}
