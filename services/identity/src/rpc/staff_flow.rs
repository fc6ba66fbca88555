//! What is done to staff accounts, whether at one person's word or at two's: lock, load in scope, decide, save, note.

use qihang_kit::{
    auth::{Caller, Principal, Role},
    db, etag,
};
use qihang_proto::identity::v1::StaffActivation;
use sqlx::PgConnection;
use time::Duration;
use uuid::Uuid;

use crate::{
    App,
    domain::staff::{self, Account, Change, Command, Level, Manager, Place, Say},
    error::{Error, Missing},
    rpc::{person::timestamp, schools, staff_view},
    session,
    store::{
        accounts::{self, NewAccount},
        audit::{self, Event},
        sessions::{self, EndReason},
        staff::{self as store, StaffRow},
    },
};

/// Life of an activation token.
const ACTIVATION_LIFE: Duration = Duration::hours(72);

/// Who acts, and from where.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) manager: Manager<'a>,
    pub(crate) caller: &'a Caller,
}

/// A command on an account, as it was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) id: Uuid,
    pub(crate) command: Command,
    pub(crate) etag: &'a str,
    pub(crate) reason: &'a str,
}

/// A change of an account, as it was asked for.
pub(crate) struct Revision<'a> {
    pub(crate) id: Uuid,
    pub(crate) etag: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) change: Change,
}

/// Whose staff the caller manages; none is the whole province.
pub(crate) fn school(principal: &Principal) -> Option<&str> {
    match principal.role {
        Role::Province => None,
        // Nobody else passes the access layer; without a school nothing is in scope.
        _ => Some(principal.school_code.as_deref().unwrap_or_default()),
    }
}

/// The caller as the rules see them.
///
/// # Errors
/// The database's.
pub(crate) async fn manager<'a>(
    conn: &mut PgConnection,
    principal: &'a Principal,
) -> Result<Manager<'a>, Error> {
    let school = school(principal);
    Ok(Manager {
        account: principal.account_id,
        school,
        say: match school {
            Some(_) => Say::Whole,
            None => store::say(conn, principal.account_id).await?,
        },
    })
}

/// The caller as the rules see them, while nobody else changes the province's administrators until the transaction ends.
///
/// # Errors
/// The database's.
pub(crate) async fn managing<'a>(
    conn: &mut PgConnection,
    principal: &'a Principal,
) -> Result<Manager<'a>, Error> {
    store::lock_administrators(conn).await?;
    manager(conn, principal).await
}

/// Makes an account that waits for its owner.
///
/// # Errors
/// LOGIN_TAKEN; the database's.
pub(crate) async fn create(
    app: &App,
    conn: &mut PgConnection,
    by: By<'_>,
    place: Place,
    (login, name): (&str, &str),
) -> Result<Uuid, Error> {
    schools::takes_in(conn, place.school.as_deref()).await?;
    let level = place.level;
    let account = NewAccount {
        id: app.ctx.ids.new_id(),
        role: accounts::role(level.as_str()).ok_or(Error::Inconsistent("accounts.role"))?,
        school_code: place.school,
        department: place.department,
        classes: place.classes,
        login: Some(login.to_owned()),
        name: name.trim().to_owned(),
        ..NewAccount::default()
    };
    accounts::insert(conn, &account, &app.sealer).await?;
    note(app, conn, by, ("staff.create", level), account.id, "").await?;
    Ok(account.id)
}

/// Carries out a command and gives the account as it is then. The administrators must be locked.
///
/// # Errors
/// ACCOUNT_NOT_FOUND, VERSION_CONFLICT, what the rules refuse; the database's.
pub(crate) async fn carry_out(
    app: &App,
    conn: &mut PgConnection,
    by: By<'_>,
    order: Order<'_>,
) -> Result<StaffRow, Error> {
    let row = load(conn, by.manager, order.id).await?;
    etag::check(order.etag, row.version)?;
    let account = Account::try_from(&row)?;
    let next = staff::decide(&account, order.command, by.manager)?;
    store::save_state(conn, &row, next, order.reason).await?;
    let (event, ends) = match order.command {
        Command::Disable => ("staff.disable", Some(EndReason::Disabled)),
        Command::Enable => ("staff.enable", None),
        Command::Reset => ("staff.reset", Some(EndReason::Reset)),
    };
    if let Some(reason) = ends {
        sessions::end_all(conn, row.id, None, reason).await?;
    }
    note(app, conn, by, (event, account.place.level), row.id, order.reason).await?;
    load(conn, by.manager, row.id).await
}

/// Changes name and place of an account and gives it as it is then. Who belongs elsewhere signs in anew. The
/// administrators must be locked.
///
/// # Errors
/// ACCOUNT_NOT_FOUND, VERSION_CONFLICT, what the rules refuse; the database's.
pub(crate) async fn change(
    app: &App,
    conn: &mut PgConnection,
    by: By<'_>,
    revision: &Revision<'_>,
) -> Result<StaffRow, Error> {
    let row = load(conn, by.manager, revision.id).await?;
    etag::check(revision.etag, row.version)?;
    let account = Account::try_from(&row)?;
    let place = staff::change(&account, &revision.change, by.manager)?;
    let name = revision.name.unwrap_or(&row.name).trim();
    let moved = place != account.place;
    if !moved && name == row.name {
        return Ok(row);
    }
    store::save_place(conn, &row, name, &place).await?;
    let mut event = ("staff.rename", place.level);
    if moved {
        sessions::end_all(conn, row.id, None, EndReason::Scope).await?;
        event.0 = "staff.move";
    }
    note(app, conn, by, event, row.id, "").await?;
    load(conn, by.manager, row.id).await
}

/// A new activation token of an account; one from before does not count any more.
///
/// # Errors
/// The database's.
pub(crate) async fn activation(
    app: &App,
    conn: &mut PgConnection,
    manager: Manager<'_>,
    row: &StaffRow,
) -> Result<StaffActivation, Error> {
    let token = app.ctx.ids.token(32);
    let ends = db::now(conn).await? + ACTIVATION_LIFE;
    store::set_activation(conn, row.id, &session::digest(&token), manager.account, ends).await?;
    Ok(StaffActivation {
        staff: Some(staff_view::staff(row, manager)?),
        activation_token: token,
        expire_time: Some(timestamp(ends)),
    })
}

/// An account in scope, locked.
///
/// # Errors
/// ACCOUNT_NOT_FOUND; the database's.
pub(crate) async fn load(conn: &mut PgConnection, manager: Manager<'_>, id: Uuid) -> Result<StaffRow, Error> {
    let row = store::get(conn, manager.school, id).await?;
    row.ok_or(Error::NotFound(Missing::Account))
}

async fn note(
    app: &App,
    conn: &mut PgConnection,
    by: By<'_>,
    (event, level): (&'static str, Level),
    id: Uuid,
    reason: &str,
) -> Result<(), Error> {
    // That nobody was there to agree is part of what happened.
    let alone = level == Level::Province && by.manager.say == Say::Alone;
    let event = Event {
        actor_id: Some(by.manager.account),
        reason: match (alone, reason) {
            (true, "") => "没有其他省级管理员，由一人办理".to_owned(),
            (true, reason) => format!("没有其他省级管理员，由一人办理：{reason}"),
            (false, reason) => reason.to_owned(),
        },
        ..Event::of(event, id)
    };
    Ok(audit::write(conn, app.ctx.ids.new_id(), &event, by.caller).await?)
}
