//! What becomes of wishes to have an account erased: asked for and taken back by the owner, done by a task on their day.

use qihang_kit::{
    auth::Caller,
    db,
    outbox::{self, Outgoing},
    status::Fault,
};
use qihang_proto::messages::v1::AccountErased;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{
    App,
    domain::erasure::{self, Command, Decision, Refusal, State},
    error::Error,
    store::{
        audit::{self, Event},
        erasures::{self, ErasureRow},
        members,
    },
};

/// The day of the newest wish, when it waits.
fn waiting(row: Option<&ErasureRow>) -> Option<OffsetDateTime> {
    row.filter(|row| State::parse(&row.state) == Some(State::Waiting))
        .map(|row| row.due_time)
}

/// Writes the owner's wish.
///
/// # Errors
/// ERASURE_WAITING, ERASURE_BLOCKED; the database's.
pub(crate) async fn request(app: &App, account_id: Uuid, caller: &Caller) -> Result<(), Error> {
    let pause = Duration::days(app.config.erasure.wait_days);
    let mut transaction = app.ctx.pool.begin().await?;
    let row = erasures::newest(&mut transaction, account_id).await?;
    let decision = decided(
        &mut transaction,
        account_id,
        waiting(row.as_ref()),
        Command::Request(pause),
    )
    .await?;
    let id = app.ctx.ids.new_id();
    if !erasures::insert(&mut transaction, id, account_id, decision.due).await? {
        // Another request of the same moment was quicker.
        return Err(Refusal::Waiting { due: decision.due }.into());
    }
    let event = Event::of("account.requestErasure", account_id);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    transaction.commit().await?;
    Ok(())
}

/// Takes the wish back.
///
/// # Errors
/// ERASURE_NOT_WAITING; the database's.
pub(crate) async fn withdraw(app: &App, account_id: Uuid, caller: &Caller) -> Result<(), Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let row = erasures::newest(&mut transaction, account_id).await?;
    let due = waiting(row.as_ref());
    let decision = decided(&mut transaction, account_id, due, Command::Withdraw).await?;
    let id = row.map(|row| row.id).unwrap_or_default();
    if !erasures::end(&mut transaction, id, decision.state.as_str()).await? {
        // Its day was quicker.
        return Err(Refusal::NotWaiting.into());
    }
    let event = Event::of("account.withdrawErasure", account_id);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    transaction.commit().await?;
    Ok(())
}

/// Does one wish whose day has come; false when there is none.
///
/// # Errors
/// The database's.
pub(crate) async fn next(app: &App) -> Result<bool, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let Some((id, account)) = erasures::take_due(&mut transaction).await? else {
        return Ok(false);
    };
    if let Some(employer) = erasures::employer(&mut transaction, account).await? {
        // Two administrators must not go at once.
        members::lock(&mut transaction, employer).await?;
    }
    let now = db::now(&mut transaction).await?;
    let decision = decided(&mut transaction, account, Some(now), Command::Fall).await?;
    erasures::end(&mut transaction, id, decision.state.as_str()).await?;
    let event = match decision.state {
        State::Done => "account.erase",
        State::Waiting | State::Withdrawn => "account.keep",
    };
    let event = Event::of(event, account);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, &Caller::system()).await?;
    if decision.state == State::Done {
        erasures::erase(&mut transaction, account).await?;
        let message = AccountErased {
            account_id: account.to_string(),
        };
        let key = "identity.account.erased.v1";
        let outgoing = Outgoing::new(app.ctx.ids.new_id(), key, account, &message);
        outbox::publish(&mut transaction, outgoing).await?;
    }
    transaction.commit().await?;
    app.ctx.outbox.wake();
    Ok(true)
}

/// What stands against it now, in Chinese; empty for nothing.
///
/// # Errors
/// The database's.
pub(crate) async fn blocked(conn: &mut PgConnection, account_id: Uuid) -> Result<&'static str, Error> {
    let around = erasures::around(conn, account_id).await?;
    let now = db::now(conn).await?;
    Ok(erasure::blocked(around, now).map_or("", erasure::Blocked::message))
}

async fn decided(
    conn: &mut PgConnection,
    account_id: Uuid,
    waiting: Option<OffsetDateTime>,
    command: Command,
) -> Result<Decision, Error> {
    let around = erasures::around(conn, account_id).await?;
    let now = db::now(conn).await?;
    Ok(erasure::decide(waiting, command, around, now)?)
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let fault = match refusal {
            Refusal::Waiting { .. } | Refusal::TooEarly => {
                Fault::precondition("ERASURE_WAITING", "您已申请注销账号，可在到期前撤回")
            }
            Refusal::NotWaiting => {
                Fault::precondition("ERASURE_NOT_WAITING", "没有等待中的注销申请，请刷新页面后查看")
            }
            Refusal::Blocked(blocked) => Fault::precondition("ERASURE_BLOCKED", blocked.message()),
        };
        Self::Fault(fault)
    }
}
