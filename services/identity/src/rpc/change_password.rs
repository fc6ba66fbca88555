//! ChangePassword (【密码修改】 of the manual): the old password is proved like at sign-in, and every other session ends.

use qihang_kit::{
    auth::{Caller, Principal},
    db,
    idempotency::Call,
};
use qihang_proto::identity::v1::{ChangePasswordRequest, ChangePasswordResponse};
use sqlx::PgConnection;
use uuid::Uuid;

use super::set_credentials;
use crate::{
    App,
    domain::password,
    error::{Error, Missing},
    limits,
    login::{self, Subjects},
    purpose, sealing,
    store::{
        self,
        accounts::{self, AccountRow},
        audit::{self, Event},
        sessions::{self, EndReason},
    },
};

/// Changes the password of the caller's account.
///
/// # Errors
/// PASSWORD_WRONG, PASSWORD_UNCHANGED, the policy's refusals, LOGIN_THROTTLED, REQUEST_ID_REUSED; the database's.
pub(crate) async fn change(
    app: &App,
    request: &ChangePasswordRequest,
    principal: &Principal,
    caller: &Caller,
) -> Result<ChangePasswordResponse, Error> {
    check_new(app, request, principal).await?;
    let subjects = Subjects {
        account: app
            .sealer
            .blind_index(purpose::LOGIN, &format!("account:{}", principal.account_id)),
        address: limits::address(&app.sealer, caller),
    };
    login::charge(app, &subjects).await?;
    let proved = {
        let mut conn = app.ctx.pool.acquire().await?;
        accounts::credentials(&mut conn, principal.account_id)
            .await?
            .and_then(|found| found.password_hash)
    };
    let right = app
        .passwords
        .verify(&request.old_password, proved.as_deref())
        .await?;
    match proved {
        Some(proved) if right => save(app, request, principal, &subjects, &proved, caller).await,
        _ => repeated(app, request, principal, &subjects, caller).await,
    }
}

async fn check_new(app: &App, request: &ChangePasswordRequest, principal: &Principal) -> Result<(), Error> {
    if request.old_password == request.new_password {
        return Err(Error::PasswordUnchanged);
    }
    let mut conn = app.ctx.pool.acquire().await?;
    check_personal(app, &mut conn, principal.account_id, &request.new_password).await
}

/// Whether a new password is good enough for an account, given what others may know of its owner.
///
/// # Errors
/// The policy's refusals; the database's.
pub(crate) async fn check_personal(
    app: &App,
    conn: &mut PgConnection,
    account_id: Uuid,
    new_password: &str,
) -> Result<(), Error> {
    let account = accounts::get(conn, account_id)
        .await?
        .ok_or(Error::NotFound(Missing::Account))?;
    let personal = personal(app, conn, &account).await?;
    let words: Vec<&str> = personal.iter().map(String::as_str).collect();
    password::check(new_password, &words).map_err(Error::WeakNew)
}

/// What others may know of the account's owner.
async fn personal(app: &App, conn: &mut PgConnection, account: &AccountRow) -> Result<Vec<String>, Error> {
    let mut words = vec![account.name.clone()];
    words.extend(account.login.clone());
    words.extend(account.student_number.clone());
    for (column, sealed) in [
        ("mobile", &account.mobile_sealed),
        ("email", &account.email_sealed),
    ] {
        if let Some(sealed) = sealed {
            let plain = app.sealer.open(sealed, &accounts::tie(column, account.id))?;
            words.push(String::from_utf8_lossy(&plain).into_owned());
        }
    }
    if let Some(student_id) = account.student_id
        && let Some(student) = sealing::find_for_credentials(conn, &app.sealer, student_id).await?
    {
        words.push(set_credentials::tail(&student.identity_number));
    }
    Ok(words)
}

/// The request without its passwords: its hash is kept.
fn shown(request: &ChangePasswordRequest) -> ChangePasswordRequest {
    ChangePasswordRequest {
        old_password: String::new(),
        new_password: String::new(),
        ..request.clone()
    }
}

async fn save(
    app: &App,
    request: &ChangePasswordRequest,
    principal: &Principal,
    subjects: &Subjects,
    proved: &str,
    caller: &Caller,
) -> Result<ChangePasswordResponse, Error> {
    let hash = app.passwords.hash(&request.new_password).await?;
    let account = principal.account_id;
    let mut transaction = app.ctx.pool.begin().await?;
    let shown = shown(request);
    let call = Call::new("ChangePassword", account, &request.request_id, &shown);
    // The old password still holds, so an answer that was kept belongs to another change.
    let ticket = call
        .claim(&mut transaction)
        .await?
        .fresh_or::<ChangePasswordResponse>()?
        .map_err(|_| set_credentials::reused())?;
    let changed = accounts::change_password(&mut transaction, account, proved, &hash).await?;
    db::one(&changed)?;
    let ended = sessions::end_all(
        &mut transaction,
        account,
        Some(principal.session_id),
        EndReason::Password,
    )
    .await?;
    store::limits::clear_throttle(&mut transaction, &subjects.account).await?;
    // Who remembers the password needs no token for a forgotten one.
    store::resets::withdraw(&mut transaction, account).await?;
    let event = Event::of("password.change", account);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    let answer = ChangePasswordResponse {
        revoked: u32::try_from(ended).unwrap_or(u32::MAX),
    };
    ticket.save(&mut transaction, &answer).await?;
    transaction.commit().await?;
    Ok(answer)
}

/// The old password does not hold: either it is wrong, or the same change came before.
async fn repeated(
    app: &App,
    request: &ChangePasswordRequest,
    principal: &Principal,
    subjects: &Subjects,
    caller: &Caller,
) -> Result<ChangePasswordResponse, Error> {
    let account = principal.account_id;
    let mut transaction = app.ctx.pool.begin().await?;
    let shown = shown(request);
    let call = Call::new("ChangePassword", account, &request.request_id, &shown);
    if let Err(kept) = call
        .claim(&mut transaction)
        .await?
        .fresh_or::<ChangePasswordResponse>()?
    {
        set_credentials::prove(app, &mut transaction, account, &request.new_password).await?;
        store::limits::clear_throttle(&mut transaction, &subjects.account).await?;
        transaction.commit().await?;
        return Ok(kept);
    }
    transaction.rollback().await?;
    login::note_refusal(app, "password.refuse", Some(account), subjects, caller).await?;
    Err(Error::OldPasswordWrong)
}
