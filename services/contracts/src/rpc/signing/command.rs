//! What every command does around its decision: one transaction, the request id, the version, the answer.

use futures::future::BoxFuture;
use prost::Message;
use qihang_kit::{
    auth::{self, Caller, Principal, Role},
    db, etag,
    idempotency::Call,
};
use qihang_proto::contracts::v1::{Agreement, CommandRequest, ReasonRequest};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    act::{self, By, With},
    domain::{agreement::Command, slot::Slot},
    error::Error,
    rpc::id,
    store::{agreements::Record, revisions, slots},
    view::{self, Around},
};

/// A command that needs nothing but itself and perhaps a reason.
pub(crate) struct Plain {
    id: String,
    etag: String,
    request_id: String,
    reason: String,
    method: &'static str,
    command: Command,
}

impl Plain {
    pub(crate) fn reason(request: &ReasonRequest, method: &'static str, command: Command) -> Self {
        Self {
            id: request.id.clone(),
            etag: request.etag.clone(),
            request_id: request.request_id.clone(),
            reason: request.reason.trim().to_owned(),
            method,
            command,
        }
    }

    pub(crate) fn bare(request: &CommandRequest, method: &'static str, command: Command) -> Self {
        Self {
            id: request.id.clone(),
            etag: request.etag.clone(),
            request_id: request.request_id.clone(),
            reason: String::new(),
            method,
            command,
        }
    }
}

/// What a command's work is given.
pub(crate) struct Work<'a> {
    pub(crate) app: &'a App,
    pub(crate) conn: &'a mut PgConnection,
    pub(crate) record: &'a mut Record,
    pub(crate) by: &'a By<'a>,
}

/// Identifies a command.
pub(crate) struct Asked<'a, R> {
    pub(crate) request: &'a Request<R>,
    pub(crate) method: &'static str,
    pub(crate) id: &'a str,
    pub(crate) etag: &'a str,
    pub(crate) request_id: &'a str,
}

/// A plain command.
pub(crate) async fn plain<R: Message>(
    app: &App,
    request: &Request<R>,
    plain: Plain,
) -> Result<Response<Agreement>, Status> {
    let asked = Asked {
        request,
        method: plain.method,
        id: &plain.id,
        etag: &plain.etag,
        request_id: &plain.request_id,
    };
    let (command, reason) = (plain.command, plain.reason.clone());
    run(app, asked, move |work| {
        Box::pin(async move {
            let with = With {
                reason,
                ..With::default()
            };
            act::apply(work.app, work.conn, work.record, command, work.by, with).await
        })
    })
    .await
}

/// Runs a command's work in one transaction, once a request id, on the version the caller has seen.
pub(crate) async fn run<R, F>(app: &App, asked: Asked<'_, R>, work: F) -> Result<Response<Agreement>, Status>
where
    R: Message,
    F: for<'a> FnOnce(Work<'a>) -> BoxFuture<'a, Result<(), Error>>,
{
    let principal = auth::principal(asked.request)?;
    let caller = auth::caller(asked.request);
    Ok(Response::new(
        transact(app, &asked, principal, &caller, work).await?,
    ))
}

async fn transact<R, F>(
    app: &App,
    asked: &Asked<'_, R>,
    principal: &Principal,
    caller: &Caller,
    work: F,
) -> Result<Agreement, Error>
where
    R: Message,
    F: for<'a> FnOnce(Work<'a>) -> BoxFuture<'a, Result<(), Error>>,
{
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new(
        asked.method,
        principal.account_id,
        asked.request_id,
        asked.request.get_ref(),
    );
    let answer = call
        .once(&mut transaction, async |conn| {
            let by = By {
                principal: Some(principal),
                caller,
            };
            let mut record = act::load(conn, id(asked.id)?, &by).await?;
            etag::check(asked.etag, record.version)?;
            work(Work {
                app,
                conn: &mut *conn,
                record: &mut record,
                by: &by,
            })
            .await?;
            Ok(view(app, conn, &record, principal).await?)
        })
        .await?;
    transaction.commit().await?;
    app.ctx.outbox.wake();
    Ok(answer)
}

/// An agreement as the caller may see it.
pub(crate) async fn view(
    app: &App,
    conn: &mut PgConnection,
    record: &Record,
    viewer: &Principal,
) -> Result<Agreement, Error> {
    let terms = revisions::terms(&mut *conn, record.rules.id, record.rules.revision).await?;
    let around = around(conn, record.student_id, viewer).await?;
    view::agreement(
        app,
        record,
        &terms.ok_or(Error::RevisionNotFound)?,
        viewer,
        &around,
    )
}

/// What the buttons depend on; slot and origin count for students only.
pub(crate) async fn around(
    conn: &mut PgConnection,
    student_id: Uuid,
    viewer: &Principal,
) -> Result<Around, Error> {
    if viewer.role == Role::Student {
        return slots::around(conn, student_id).await;
    }
    Ok(Around {
        now: db::now(conn).await?,
        slot: Slot::Free,
        origin_approved: true,
    })
}
