//! JoinEmployer: an account that waits until an administrator of the employer lets it in.

use qihang_kit::{
    auth::{Caller, Role as Caste},
    db,
    idempotency::Call,
    status::Fault,
    validators,
};
use qihang_proto::identity::v1::{JoinEmployerRequest, JoinEmployerResponse};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    App, captcha,
    domain::{
        member::{PROVINCE_AFTER, Role, State},
        password,
    },
    error::Error,
    rpc::{members::contacts, person::timestamp},
    store::{
        accounts::{self, NewAccount},
        audit::{self, Event},
        members::{self, NewMember},
    },
};

/// Requests that an employer may have unanswered.
const MOST: i64 = 20;

/// Asks to join.
///
/// # Errors
/// Fields that are wrong, EMPLOYER_NOT_REGISTERED, LOGIN_TAKEN, JOIN_LIMIT, the captcha's and the password policy's refusals.
pub(crate) async fn join(
    app: &App,
    request: &JoinEmployerRequest,
    caller: &Caller,
) -> Result<JoinEmployerResponse, Error> {
    let (mobile, email) = contacts(&request.mobile, &request.email)?;
    let name = request.name.trim();
    let code = validators::credit_code(&request.credit_code)
        .map_err(|invalid| Fault::invalid("creditCode", invalid.reason(), invalid.to_string()))?;
    password::check(&request.password, &[name, mobile, email]).map_err(Error::Weak)?;
    // The hash of the request is kept, so the password stays out of it.
    let shown = JoinEmployerRequest {
        password: String::new(),
        ..request.clone()
    };
    let call = Call::new("JoinEmployer", Uuid::nil(), &request.request_id, &shown);
    // A repeat has used its captcha up.
    if let Some(first) = call.first_answer(&app.ctx.pool).await? {
        return Ok(first);
    }
    captcha::verify(&app.ctx.cache, &request.captcha_id, &request.captcha_answer).await?;
    // Hashed once the cheap refusals are over, and while no connection waits for it.
    let password_hash = app.passwords.hash(&request.password).await?;
    let mut transaction = app.ctx.pool.begin().await?;
    let answer = call
        .once(&mut transaction, async |conn| {
            let found = members::joinable(conn, code.as_str()).await?;
            let (employer_id, employer_name) = found.ok_or_else(not_registered)?;
            let account = NewAccount {
                id: app.ctx.ids.new_id(),
                role: Caste::Employer,
                employer_id: Some(employer_id),
                name: name.to_owned(),
                mobile: mobile.to_owned(),
                email: email.to_owned(),
                password_hash,
                ..NewAccount::default()
            };
            Ok(ask(app, conn, &account, (request, employer_name), caller).await?)
        })
        .await?;
    transaction.commit().await?;
    Ok(answer)
}

async fn ask(
    app: &App,
    conn: &mut PgConnection,
    account: &NewAccount,
    (request, employer_name): (&JoinEmployerRequest, String),
    caller: &Caller,
) -> Result<JoinEmployerResponse, Error> {
    accounts::insert(conn, account, &app.sealer).await?;
    let member = NewMember {
        employer_id: account.employer_id.unwrap_or_default(),
        account_id: account.id,
        // Until an administrator says what they may do.
        role: Role::Hr,
        state: State::Requested,
        message: request.message.trim(),
    };
    let now = db::now(conn).await?;
    if !members::insert(conn, &member, MOST, now).await? {
        return Err(Fault::precondition(
            "JOIN_LIMIT",
            "该单位待审核的加入申请较多，请联系单位管理员处理后再申请",
        )
        .into());
    }
    let event = Event::of("member.join", account.id);
    audit::write(conn, app.ctx.ids.new_id(), &event, caller).await?;
    Ok(JoinEmployerResponse {
        employer_name,
        province_time: Some(timestamp(now + PROVINCE_AFTER)),
    })
}

fn not_registered() -> Fault {
    Fault::invalid(
        "creditCode",
        "EMPLOYER_NOT_REGISTERED",
        "该统一社会信用代码尚未注册，请直接办理单位注册",
    )
}

/// What who asked hears until somebody lets them in.
pub(crate) fn pending() -> Fault {
    Fault::permission_denied(
        "MEMBERSHIP_PENDING",
        "加入申请正在等待单位管理员审核，通过后即可登录；超过 7 天未处理可联系省就业中心",
    )
}
