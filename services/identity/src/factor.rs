//! The second factor: one-time codes of an authenticator, and recovery codes for the day when it is lost.
//!
//! A code is charged like a password before it is looked at, under a counter of its own, so that neither signing in with the
//! right password nor StepUp gives more guesses than the other.

use qihang_kit::{auth::Caller, db, status::Fault, totp::Totp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    App,
    domain::readable_code,
    error::Error,
    limits,
    login::{self, Subjects},
    purpose,
    store::{
        self,
        audit::{self, Event},
        factors,
    },
};

/// Letters of a recovery code: fifty bits, far out of reach of what the throttle lets anybody try.
pub(crate) const RECOVERY_LETTERS: usize = 10;
/// Recovery codes that an account gets at a time.
pub(crate) const RECOVERY_CODES: usize = 10;

/// Why a proof of the person does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The password is wrong.
    PasswordWrong,
    /// No password was given.
    PasswordMissing,
    /// The password was right; the account wants a code as well.
    CodeNeeded,
    /// No code was given.
    CodeMissing,
    /// The code is none of the account's, or was used.
    CodeWrong,
    /// No secret waits for its first code.
    FactorNotPending,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Fault::from(refusal).into()
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::PasswordWrong => Self::invalid("password", "PASSWORD_WRONG", "密码不正确，请重新输入"),
            Refusal::PasswordMissing => {
                Self::invalid("password", "PASSWORD_MISSING", "请输入登录密码以验证身份")
            }
            Refusal::CodeNeeded => Self::unauthenticated(
                "SECOND_FACTOR_NEEDED",
                "请输入身份验证器上的 6 位动态验证码；手机不在身边时可输入恢复码",
            ),
            Refusal::CodeMissing => {
                Self::invalid("totpCode", "CODE_MISSING", "请输入动态验证码或恢复码以验证身份")
            }
            Refusal::CodeWrong => Self::unauthenticated(
                "SECOND_FACTOR_WRONG",
                "动态验证码不正确、已过期或已使用过，请等待身份验证器显示新的验证码后再输入",
            ),
            Refusal::FactorNotPending => Self::precondition(
                "FACTOR_NOT_PENDING",
                "没有待确认的动态验证码，请先重新获取二维码并用身份验证器扫描",
            ),
        }
    }
}

/// What a factor's sealed secret is tied to.
pub(crate) fn tie(account_id: Uuid) -> Vec<u8> {
    [
        b"identity.second_factors.secret".as_slice(),
        account_id.as_bytes(),
    ]
    .concat()
}

/// Seals a secret.
///
/// # Errors
/// INTERNAL when it cannot be sealed.
pub(crate) fn seal(app: &App, account_id: Uuid, secret: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(app.sealer.seal(secret, &tie(account_id))?)
}

/// Opens a sealed secret.
///
/// # Errors
/// INTERNAL when it does not open.
pub(crate) fn open(app: &App, account_id: Uuid, sealed: &[u8]) -> Result<Totp, Error> {
    let secret = app.sealer.open(sealed, &tie(account_id))?;
    Totp::new(&secret).ok_or(Error::Inconsistent("second_factors.secret"))
}

/// The hash of a recovery code as it is kept.
pub(crate) fn recovery_hash(app: &App, account_id: Uuid, letters: &str) -> Vec<u8> {
    app.sealer
        .blind_index(purpose::RECOVERY_CODE, &format!("{account_id}:{letters}"))
}

/// Takes a code, or a recovery code, of an account that has a second factor. It never counts again.
///
/// # Errors
/// SECOND_FACTOR_WRONG, LOGIN_THROTTLED, LOGIN_LIMITED; the database's.
pub(crate) async fn prove(app: &App, account_id: Uuid, code: &str, caller: &Caller) -> Result<(), Error> {
    let subjects = subjects(app, account_id, caller);
    login::charge(app, &subjects).await?;
    let mut transaction = app.ctx.pool.begin().await?;
    let Some(event) = take(app, &mut transaction, account_id, code).await? else {
        transaction.rollback().await?;
        login::note_refusal(app, "factor.refuse", Some(account_id), &subjects, caller).await?;
        return Err(Refusal::CodeWrong.into());
    };
    store::limits::clear_throttle(&mut transaction, &subjects.account).await?;
    let event = Event::of(event, account_id);
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    Ok(transaction.commit().await?)
}

/// The counters of an account's codes.
pub(crate) fn subjects(app: &App, account_id: Uuid, caller: &Caller) -> Subjects {
    Subjects {
        account: app
            .sealer
            .blind_index(purpose::LOGIN, &format!("factor:{account_id}")),
        address: limits::address(&app.sealer, caller),
    }
}

/// Uses a code up; the name of what happened, or none when the code does not count.
async fn take(
    app: &App,
    conn: &mut PgConnection,
    account_id: Uuid,
    code: &str,
) -> Result<Option<&'static str>, Error> {
    let factor = factors::lock(conn, account_id).await?;
    let Some(sealed) = factor.and_then(|factor| factor.secret_sealed) else {
        return Ok(None);
    };
    if let Some(letters) = readable_code::read(code, RECOVERY_LETTERS) {
        let hash = recovery_hash(app, account_id, &letters);
        let used = factors::use_recovery_code(conn, account_id, &hash).await?;
        return Ok(used.then_some("factor.recovery"));
    }
    // The database's clock decides, as it does for the throttle.
    let now = db::now(conn).await?;
    match open(app, account_id, &sealed)?.step(code.trim(), now) {
        Some(step) if factors::use_step(conn, account_id, step).await? => Ok(Some("factor.code")),
        _ => Ok(None),
    }
}
