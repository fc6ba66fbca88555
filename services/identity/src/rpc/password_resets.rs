//! PasswordResetService: tokens for forgotten passwords are issued by who may vouch for the person, and used by the owner.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal},
    db,
    status::Fault,
    validators,
};
use qihang_proto::identity::v1::{
    IssueEmployerResetRequest, IssueMemberResetRequest, IssueStudentResetRequest, PasswordResetToken,
    ResetPasswordRequest, password_reset_service_server,
};
use sqlx::PgConnection;
use time::Duration;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App, captcha,
    domain::{
        member::{self, Command, Member},
        password, readable_code,
    },
    error::{Error, Missing},
    limits,
    login::{self, Subjects, Who},
    purpose,
    rpc::{
        change_password, employer_flow, members, origin_flow,
        person::{Person, timestamp},
    },
    store::{
        self,
        audit::{self, Event},
        factors, resets,
        sessions::{self, EndReason},
    },
};

/// Life of a token: time for a call back after the lecture, and over before a lost slip of paper is found.
const LIFE: Duration = Duration::hours(2);
/// Letters of a token: 75 bits.
const LETTERS: usize = 15;

/// Gives back access to those who forgot their password.
pub(crate) struct PasswordResetService(pub(crate) Arc<App>);

/// What the owner of an account has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    Password,
    /// The authenticator and the recovery codes, too.
    PasswordAndFactor,
}

impl Lost {
    fn of(factor_lost: bool) -> Self {
        if factor_lost {
            Self::PasswordAndFactor
        } else {
            Self::Password
        }
    }

    /// What happened, for the audit.
    fn event(self) -> &'static str {
        match self {
            Self::Password => "password.issue_reset",
            Self::PasswordAndFactor => "password.issue_reset_of_factor",
        }
    }
}

/// Why no token is issued, or none is taken.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// The student has no account that may sign in.
    StudentNotRegistered,
    /// The employer has no account that may sign in.
    EmployerNotRegistered,
    /// The employer has several administrators.
    AdminCanHelp,
    /// The account or the token does not count.
    Token,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let fault = match refusal {
            Refusal::StudentNotRegistered => Fault::precondition(
                "NOT_REGISTERED",
                "该学生没有可用的账号：尚未注册的请先完成注册，已停用的请先恢复",
            ),
            Refusal::EmployerNotRegistered => Fault::precondition(
                "NOT_REGISTERED",
                "该单位没有可用的管理员账号，请单位重新注册或先恢复其账号",
            ),
            Refusal::AdminCanHelp => Fault::precondition(
                "ADMIN_CAN_HELP",
                "该单位还有其他管理员，请由单位内的其他管理员协助",
            ),
            Refusal::Token => Fault::invalid(
                "token",
                "RESET_REFUSED",
                "账号或重置码不正确，或重置码已使用、已超过 2 小时；请核对后重试，或请签发的老师重新签发",
            ),
        };
        fault.into()
    }
}

impl PasswordResetService {
    async fn for_student(
        &self,
        person: &Person,
        request: &IssueStudentResetRequest,
        caller: &Caller,
    ) -> Result<PasswordResetToken, Error> {
        let id = request.id.parse().map_err(|_| origin_flow::not_found())?;
        let mut transaction = self.0.ctx.pool.begin().await?;
        let student = store::students::get(&mut transaction, &person.scope()?, id).await?;
        let student = student.ok_or_else(origin_flow::not_found)?;
        let account = resets::account_of_student(&mut transaction, id)
            .await?
            .ok_or(Refusal::StudentNotRegistered)?;
        let event = Event {
            student_id: Some(id),
            school_code: Some(student.school_code),
            ..Event::of("password.issue_reset", account)
        };
        let token = self
            .issue(
                &mut transaction,
                &person.principal,
                (event, Lost::Password),
                caller,
            )
            .await?;
        transaction.commit().await?;
        Ok(PasswordResetToken {
            name_masked: validators::mask_name(&student.name),
            ..token
        })
    }

    async fn for_employer(
        &self,
        principal: &Principal,
        request: &IssueEmployerResetRequest,
        caller: &Caller,
    ) -> Result<PasswordResetToken, Error> {
        let id = request.id.parse().map_err(|_| employer_flow::not_found())?;
        let mut transaction = self.0.ctx.pool.begin().await?;
        store::employers::get(&mut transaction, id, false)
            .await?
            .ok_or_else(employer_flow::not_found)?;
        let administrators = resets::administrators(&mut transaction, id).await?;
        let administrator = match administrators.as_slice() {
            [] => return Err(Refusal::EmployerNotRegistered.into()),
            [one] => one,
            _ => return Err(Refusal::AdminCanHelp.into()),
        };
        let lost = Lost::of(request.factor_lost);
        let event = Event::of(lost.event(), administrator.account_id);
        let token = self
            .issue(&mut transaction, principal, (event, lost), caller)
            .await?;
        transaction.commit().await?;
        Ok(PasswordResetToken {
            name_masked: validators::mask_name(&administrator.name),
            ..token
        })
    }

    async fn for_member(
        &self,
        principal: &Principal,
        request: &IssueMemberResetRequest,
        caller: &Caller,
    ) -> Result<PasswordResetToken, Error> {
        let id = request.id.parse().map_err(|_| Error::NotFound(Missing::Member))?;
        let mut transaction = self.0.ctx.pool.begin().await?;
        let row = members::load(&mut transaction, principal, id).await?;
        let now = db::now(&mut transaction).await?;
        let member = Member::try_from(&row)?;
        member::decide(&member, Command::Reset, members::manager(principal), now)?;
        let lost = Lost::of(request.factor_lost);
        let event = Event::of(lost.event(), id);
        let token = self
            .issue(&mut transaction, principal, (event, lost), caller)
            .await?;
        transaction.commit().await?;
        Ok(PasswordResetToken {
            name_masked: validators::mask_name(&row.name),
            ..token
        })
    }

    /// Makes the token of the event's account.
    async fn issue(
        &self,
        conn: &mut PgConnection,
        principal: &Principal,
        (event, lost): (Event, Lost),
        caller: &Caller,
    ) -> Result<PasswordResetToken, Error> {
        let Self(app) = self;
        let account = event.account_id.ok_or(Error::NotFound(Missing::Account))?;
        let token = readable_code::write(&app.ctx.ids.bytes::<LETTERS>());
        let ends = db::now(conn).await? + LIFE;
        let hash = token_hash(app, account, &token);
        let kept = (hash.as_slice(), lost == Lost::PasswordAndFactor);
        resets::set(conn, account, kept, principal.account_id, ends).await?;
        let event = Event {
            actor_id: Some(principal.account_id),
            ..event
        };
        audit::write(conn, app.ctx.ids.new_id(), &event, caller).await?;
        Ok(PasswordResetToken {
            token,
            expire_time: Some(timestamp(ends)),
            name_masked: String::new(),
        })
    }

    async fn reset(&self, request: &ResetPasswordRequest, caller: &Caller) -> Result<(), Error> {
        let Self(app) = self;
        captcha::verify(&app.ctx.cache, &request.captcha_id, &request.captcha_answer).await?;
        password::check(&request.new_password, &[]).map_err(Error::WeakNew)?;
        let who = who(request);
        let subjects = Subjects {
            account: app
                .sealer
                .blind_index(purpose::LOGIN, &format!("reset:{}", who.key())),
            address: limits::address(&app.sealer, caller),
        };
        login::charge(app, &subjects).await?;
        let mut conn = app.ctx.pool.acquire().await?;
        let found = who.find(app, &mut conn).await?;
        // Somebody unknown is looked up like everybody else.
        let account = found.map_or(Uuid::nil(), |found| found.id);
        let hash = token_hash(app, account, &request.token);
        if !resets::counts(&mut conn, account, &hash).await? {
            drop(conn);
            login::note_refusal(app, "password.refuse_reset", None, &subjects, caller).await?;
            return Err(Refusal::Token.into());
        }
        change_password::check_personal(app, &mut conn, account, &request.new_password).await?;
        drop(conn);
        let password = app.passwords.hash(&request.new_password).await?;
        let mut transaction = app.ctx.pool.begin().await?;
        let taken = resets::take(&mut transaction, account, &hash).await?;
        let clears_factor = taken.ok_or(Refusal::Token)?;
        if !resets::set_password(&mut transaction, account, &password).await? {
            return Err(Refusal::Token.into());
        }
        if clears_factor && factors::remove(&mut transaction, account).await? {
            let event = Event::of("factor.clear", account);
            audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
        }
        sessions::end_all(&mut transaction, account, None, EndReason::Password).await?;
        for subject in [subjects.account, login_subject(app, &who)] {
            store::limits::clear_throttle(&mut transaction, &subject).await?;
        }
        let event = Event::of("password.reset", account);
        audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
        Ok(transaction.commit().await?)
    }
}

/// Whose password it is.
fn who(request: &ResetPasswordRequest) -> Who<'_> {
    if request.school_code.is_empty() {
        Who::Member {
            login: &request.login,
        }
    } else {
        Who::Student {
            school_code: &request.school_code,
            student_number: &request.login,
        }
    }
}

/// The counter of failed sign-ins, which the owner has every reason to have used up.
fn login_subject(app: &App, who: &Who<'_>) -> Vec<u8> {
    app.sealer.blind_index(purpose::LOGIN, &who.key())
}

/// The hash of a token as it is kept. What cannot be a token has one too, that no token has.
fn token_hash(app: &App, account: Uuid, token: &str) -> Vec<u8> {
    let letters = readable_code::read(token, LETTERS).unwrap_or_default();
    app.sealer
        .blind_index(purpose::PASSWORD_RESET, &format!("{account}:{letters}"))
}

#[tonic::async_trait]
impl password_reset_service_server::PasswordResetService for PasswordResetService {
    async fn issue_student_reset(
        &self,
        request: Request<IssueStudentResetRequest>,
    ) -> Result<Response<PasswordResetToken>, Status> {
        let (person, caller) = (Person::of(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.for_student(&person, request.get_ref(), &caller).await?,
        ))
    }

    async fn issue_employer_reset(
        &self,
        request: Request<IssueEmployerResetRequest>,
    ) -> Result<Response<PasswordResetToken>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.for_employer(principal, request.get_ref(), &caller).await?,
        ))
    }

    async fn issue_member_reset(
        &self,
        request: Request<IssueMemberResetRequest>,
    ) -> Result<Response<PasswordResetToken>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.for_member(principal, request.get_ref(), &caller).await?,
        ))
    }

    async fn reset_password(&self, request: Request<ResetPasswordRequest>) -> Result<Response<()>, Status> {
        let caller = auth::caller(&request);
        self.reset(request.get_ref(), &caller).await?;
        Ok(Response::new(()))
    }
}
