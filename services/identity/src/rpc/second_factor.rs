//! The caller's own second factor: enrolled, confirmed with its first code, removed; and proofs of the person.

use qihang_kit::{
    auth::{BY_CODE, BY_PASSWORD, Caller, Principal},
    db,
    totp::{SECRET_LENGTH, Totp},
};
use qihang_proto::identity::v1::{
    ConfirmTotpRequest, ConfirmTotpResponse, EnrolTotpResponse, StepUpRequest, StepUpResponse,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    App,
    domain::readable_code,
    error::{Error, Missing},
    factor::{self, RECOVERY_CODES, RECOVERY_LETTERS, Refusal},
    limits,
    login::{self, Subjects},
    purpose, session,
    store::{
        self,
        accounts::{self, AccountRow, Credentials},
        audit::{self, Event},
        factors,
        sessions::{self, EndReason},
    },
};

/// Makes a secret, shown only now. It counts once its first code has come.
///
/// # Errors
/// The database's.
pub(crate) async fn enrol(
    app: &App,
    principal: &Principal,
    caller: &Caller,
) -> Result<EnrolTotpResponse, Error> {
    let id = principal.account_id;
    let secret = app.ctx.ids.bytes::<SECRET_LENGTH>();
    let totp = Totp::new(&secret).ok_or(Error::Inconsistent("second factor"))?;
    let sealed = factor::seal(app, id, &secret)?;
    let mut transaction = app.ctx.pool.begin().await?;
    let account = accounts::get(&mut transaction, id)
        .await?
        .ok_or(Error::NotFound(Missing::Account))?;
    factors::propose(&mut transaction, id, &sealed).await?;
    let event = Event::of("factor.propose", id);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    transaction.commit().await?;
    Ok(EnrolTotpResponse {
        secret: totp.base32(),
        uri: totp
            .address(&label(&account))
            .ok_or(Error::Inconsistent("second factor"))?,
    })
}

/// What an authenticator shows: the login, or for those who sign in with a telephone number the place they belong to.
fn label(account: &AccountRow) -> String {
    let name = account.login.as_deref().or(account.employer_name.as_deref());
    name.filter(|name| !name.is_empty())
        .unwrap_or("账号")
        .replace(':', " ")
}

/// Takes the first code of the secret that waits. Every other session of the account ends: none of them knows the factor.
///
/// # Errors
/// FACTOR_NOT_PENDING, SECOND_FACTOR_WRONG, LOGIN_THROTTLED; the database's.
pub(crate) async fn confirm(
    app: &App,
    request: &ConfirmTotpRequest,
    principal: &Principal,
    caller: &Caller,
) -> Result<ConfirmTotpResponse, Error> {
    let id = principal.account_id;
    let subjects = factor::subjects(app, id, caller);
    login::charge(app, &subjects).await?;
    let mut transaction = app.ctx.pool.begin().await?;
    let pending = factors::lock(&mut transaction, id)
        .await?
        .and_then(|factor| factor.pending_sealed)
        .ok_or(Refusal::FactorNotPending)?;
    let now = db::now(&mut transaction).await?;
    let Some(step) = factor::open(app, id, &pending)?.step(request.code.trim(), now) else {
        transaction.rollback().await?;
        login::note_refusal(app, "factor.refuse", Some(id), &subjects, caller).await?;
        return Err(Refusal::CodeWrong.into());
    };
    factors::confirm(&mut transaction, id, step).await?;
    let recovery_codes = renew_recovery_codes(app, &mut transaction, principal).await?;
    store::limits::clear_throttle(&mut transaction, &subjects.account).await?;
    let current = Some(principal.session_id);
    sessions::end_all(&mut transaction, id, current, EndReason::Factor).await?;
    let event = Event::of("factor.confirm", id);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    let tokens = session::prove(app, &mut transaction, principal, BY_CODE).await?;
    transaction.commit().await?;
    Ok(ConfirmTotpResponse {
        tokens: Some(tokens),
        recovery_codes,
    })
}

async fn renew_recovery_codes(
    app: &App,
    conn: &mut PgConnection,
    principal: &Principal,
) -> Result<Vec<String>, Error> {
    let id = principal.account_id;
    let letters: Vec<String> = (0..RECOVERY_CODES)
        .map(|_| readable_code::letters(&app.ctx.ids.bytes::<RECOVERY_LETTERS>()))
        .collect();
    let hashes: Vec<Vec<u8>> = letters
        .iter()
        .map(|letters| factor::recovery_hash(app, id, letters))
        .collect();
    factors::set_recovery_codes(conn, id, &hashes).await?;
    Ok(letters
        .iter()
        .map(|letters| readable_code::group(letters))
        .collect())
}

/// Removes the caller's second factor. Nothing happens when there is none.
///
/// # Errors
/// The database's.
pub(crate) async fn remove(app: &App, principal: &Principal, caller: &Caller) -> Result<(), Error> {
    let id = principal.account_id;
    let mut transaction = app.ctx.pool.begin().await?;
    if factors::remove(&mut transaction, id).await? {
        let event = Event::of("factor.remove", id);
        audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
        sessions::forget_way(&mut transaction, id, BY_CODE).await?;
    }
    Ok(transaction.commit().await?)
}

/// Proves the person anew and gives fresh tokens of the same session. Who has a second factor proves with it.
///
/// # Errors
/// CODE_MISSING, PASSWORD_MISSING, SECOND_FACTOR_WRONG, PASSWORD_WRONG, LOGIN_THROTTLED, REFRESH_INVALID; the database's.
pub(crate) async fn step_up(
    app: &App,
    request: &StepUpRequest,
    principal: &Principal,
    caller: &Caller,
) -> Result<StepUpResponse, Error> {
    let id = principal.account_id;
    let found = {
        let mut conn = app.ctx.pool.acquire().await?;
        accounts::credentials(&mut conn, id).await?
    };
    let way = if found.as_ref().is_some_and(|found| found.has_factor) {
        if request.totp_code.trim().is_empty() {
            return Err(Refusal::CodeMissing.into());
        }
        factor::prove(app, id, &request.totp_code, caller).await?;
        BY_CODE
    } else {
        prove_password(app, request, (id, found), caller).await?;
        BY_PASSWORD
    };
    let mut transaction = app.ctx.pool.begin().await?;
    let tokens = session::prove(app, &mut transaction, principal, way).await?;
    let event = Event::of("session.step_up", id);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    transaction.commit().await?;
    Ok(StepUpResponse { tokens: Some(tokens) })
}

async fn prove_password(
    app: &App,
    request: &StepUpRequest,
    (id, found): (Uuid, Option<Credentials>),
    caller: &Caller,
) -> Result<(), Error> {
    if request.password.is_empty() {
        return Err(Refusal::PasswordMissing.into());
    }
    // The counter of ChangePassword: the same guess, asked elsewhere.
    let subjects = Subjects {
        account: app.sealer.blind_index(purpose::LOGIN, &format!("account:{id}")),
        address: limits::address(&app.sealer, caller),
    };
    login::charge(app, &subjects).await?;
    let hash = found.and_then(|found| found.password_hash);
    if !app.passwords.verify(&request.password, hash.as_deref()).await? {
        login::note_refusal(app, "password.refuse", Some(id), &subjects, caller).await?;
        return Err(Refusal::PasswordWrong.into());
    }
    let mut conn = app.ctx.pool.acquire().await?;
    Ok(store::limits::clear_throttle(&mut conn, &subjects.account).await?)
}
