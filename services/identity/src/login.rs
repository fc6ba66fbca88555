//! Signing in with a password: captcha, throttle, password, session, in this order and with the same work whether the
//! account exists or not.

use qihang_kit::{
    auth::{BY_CODE, BY_PASSWORD, Caller},
    db,
};
use qihang_proto::identity::v1::IssuedSession;
use sqlx::PgConnection;
use time::Duration;
use uuid::Uuid;

use crate::{
    App, captcha,
    config::CaptchaMode,
    error::Error,
    factor::{self, Refusal},
    limits::{self, Limit},
    messages, purpose,
    rpc::join_employer,
    session,
    store::{
        self,
        accounts::{self, Credentials},
        audit::{self, Event},
        lockouts,
    },
};

/// Bucket of the failures of an account, known or not.
const ACCOUNT: &str = "login";

/// Who wants to sign in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who<'a> {
    /// A student.
    Student {
        school_code: &'a str,
        student_number: &'a str,
    },
    /// A member of an employer, by mobile or e-mail.
    Member { login: &'a str },
    /// Staff.
    Staff { login: &'a str },
}

/// An attempt to sign in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) who: Who<'a>,
    pub(crate) password: &'a str,
    /// A code of the second factor or a recovery code; empty for none.
    pub(crate) totp_code: &'a str,
    pub(crate) captcha_id: &'a str,
    pub(crate) captcha_answer: &'a str,
}

/// The two counters of an attempt.
pub(crate) struct Subjects {
    pub(crate) account: Vec<u8>,
    pub(crate) address: Vec<u8>,
}

/// Signs in.
///
/// # Errors
/// CAPTCHA_INVALID, LOGIN_THROTTLED, LOGIN_LIMITED, LOGIN_REFUSED, ACCOUNT_DISABLED, SECOND_FACTOR_NEEDED,
/// SECOND_FACTOR_WRONG; the database's.
pub(crate) async fn login(app: &App, attempt: Attempt<'_>, caller: &Caller) -> Result<IssuedSession, Error> {
    let subjects = Subjects {
        account: app.sealer.blind_index(purpose::LOGIN, &attempt.who.key()),
        address: limits::address(&app.sealer, caller),
    };
    check_captcha(app, &attempt, &subjects).await?;
    charge(app, &subjects).await?;
    let found = {
        let mut conn = app.ctx.pool.acquire().await?;
        attempt.who.find(app, &mut conn).await?
    };
    let hash = found.as_ref().and_then(|found| found.password_hash.as_deref());
    let right = app.passwords.verify(attempt.password, hash).await?;
    match found {
        Some(found) if right => succeed(app, &found, &subjects, attempt.totp_code, caller).await,
        found => refuse(app, found.map(|found| found.id), &subjects, caller).await,
    }
}

impl Who<'_> {
    /// What failures are counted by.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Student {
                school_code,
                student_number,
            } => format!("student:{school_code}:{}", student_number.trim()),
            Self::Member { login } => format!("member:{}", login.trim().to_lowercase()),
            Self::Staff { login } => format!("staff:{}", login.trim().to_lowercase()),
        }
    }

    /// The account and its password, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn find(
        &self,
        app: &App,
        conn: &mut PgConnection,
    ) -> Result<Option<Credentials>, Error> {
        let found = match self {
            Self::Student {
                school_code,
                student_number,
            } => accounts::find_student(conn, school_code, student_number.trim()).await,
            Self::Member { login } => {
                let login = login.trim().to_lowercase();
                let blind = |purpose| app.sealer.blind_index(purpose, &login);
                accounts::find_member(conn, &blind(purpose::MOBILE), &blind(purpose::EMAIL)).await
            }
            Self::Staff { login } => accounts::find_staff(conn, &login.trim().to_lowercase()).await,
        };
        Ok(found?)
    }
}

/// The limit of failures of one address, over all accounts.
fn address_limit(app: &App) -> Limit {
    Limit {
        bucket: "login.address",
        reason: "LOGIN_LIMITED",
        max: app.config.limits_of_attempts.login_failures,
        window: Duration::minutes(15),
    }
}

async fn check_captcha(app: &App, attempt: &Attempt<'_>, subjects: &Subjects) -> Result<(), Error> {
    let needless = app.config.captcha.login == CaptchaMode::Risk && attempt.captcha_id.is_empty();
    if needless && !risky(app, subjects).await? {
        return Ok(());
    }
    captcha::verify(&app.ctx.cache, attempt.captcha_id, attempt.captcha_answer).await
}

/// True after a failure of the account or of the address.
async fn risky(app: &App, subjects: &Subjects) -> Result<bool, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    let failures = store::limits::throttle(&mut conn, &subjects.account, now)
        .await?
        .failures;
    let limit = address_limit(app);
    let wait = store::limits::wait(&mut conn, limit.bucket, &subjects.address, 1, limit.window).await?;
    Ok(failures > 0 || !wait.is_zero())
}

/// Counts the attempt as failed before the password is looked at: of many at once only the first goes on.
///
/// # Errors
/// LOGIN_THROTTLED, LOGIN_LIMITED; the database's.
pub(crate) async fn charge(app: &App, subjects: &Subjects) -> Result<(), Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    address_limit(app)
        .check(&mut transaction, &subjects.address)
        .await?;
    store::limits::lock(&mut transaction, ACCOUNT, &subjects.account).await?;
    let now = db::now(&mut transaction).await?;
    let throttle = store::limits::throttle(&mut transaction, &subjects.account, now).await?;
    let charged = throttle.attempt(now).map_err(Error::LoginThrottled)?;
    store::limits::save_throttle(&mut transaction, &subjects.account, &charged).await?;
    Ok(transaction.commit().await?)
}

async fn succeed(
    app: &App,
    found: &Credentials,
    subjects: &Subjects,
    totp_code: &str,
    caller: &Caller,
) -> Result<IssuedSession, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    store::limits::clear_throttle(&mut transaction, &subjects.account).await?;
    if found.state != "ACTIVE" {
        let event = Event {
            refused: true,
            ..Event::of("login.disabled", found.id)
        };
        audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
        transaction.commit().await?;
        return Err(match found.state.as_str() {
            "REQUESTED" => join_employer::pending().into(),
            _ => Error::AccountDisabled,
        });
    }
    transaction.commit().await?;
    // Only now, when the password was right, an answer may tell that there is a second factor.
    let ways = if found.has_factor {
        if totp_code.trim().is_empty() {
            return Err(Refusal::CodeNeeded.into());
        }
        factor::prove(app, found.id, totp_code, caller).await?;
        &[BY_PASSWORD, BY_CODE][..]
    } else {
        &[BY_PASSWORD]
    };
    let mut transaction = app.ctx.pool.begin().await?;
    let issued = session::open(app, &mut transaction, found.id, ways, caller).await?;
    transaction.commit().await?;
    Ok(issued)
}

async fn refuse(
    app: &App,
    account_id: Option<Uuid>,
    subjects: &Subjects,
    caller: &Caller,
) -> Result<IssuedSession, Error> {
    note_refusal(app, "login.refuse", account_id, subjects, caller).await?;
    Err(Error::LoginRefused)
}

/// Counts a wrong password against the address and keeps it in the audit; the account was charged before. Its owner hears of
/// the failure that locks.
///
/// # Errors
/// The database's.
pub(crate) async fn note_refusal(
    app: &App,
    event: &'static str,
    account_id: Option<Uuid>,
    subjects: &Subjects,
    caller: &Caller,
) -> Result<(), Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    address_limit(app)
        .count(&mut transaction, &subjects.address)
        .await?;
    let event = Event {
        event,
        refused: true,
        account_id,
        ..Event::default()
    };
    audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
    // As much work for an account that does not exist.
    let locked = lockouts::attribute(&mut transaction, &subjects.account, account_id).await?;
    if let Some(until) = locked {
        let event = Event {
            event: "login.lock",
            refused: true,
            account_id,
            ..Event::default()
        };
        audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
        if let Some(account) = account_id {
            messages::account_locked(app, &mut transaction, account, until).await?;
        }
    }
    Ok(transaction.commit().await?)
}
