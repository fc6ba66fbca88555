//! What can go wrong, and the one place where it becomes an answer.

use qihang_kit::{crypto::CryptoError, db::Stale, etag, status::Fault};
use tonic::Status;

use crate::domain::{
    administrator, calendar::Closed, member, password::Weakness, school, staff, throttle::TooEarly,
};

/// An error of identity.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Already in the shape of an answer.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The database failed.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// A value could not be sealed or opened.
    #[error("sealed value")]
    Crypto(#[from] CryptoError),
    /// Somebody else was faster.
    #[error("stale")]
    Stale(#[from] Stale),
    /// A row says what it cannot say, or a part of the process is not as it must be.
    #[error("inconsistent: {0}")]
    Inconsistent(&'static str),
    /// The captcha's answer is wrong, or the captcha has ended.
    #[error("captcha refused")]
    Captcha,
    /// Wrong school, number, login or password.
    #[error("login refused")]
    LoginRefused,
    /// Too early after failures of this account.
    #[error("login throttled")]
    LoginThrottled(TooEarly),
    /// Too many attempts of an address or on a person.
    #[error("limited")]
    Limited {
        reason: &'static str,
        wait: time::Duration,
    },
    /// The password was right, but the account may not sign in.
    #[error("account disabled")]
    AccountDisabled,
    /// Too many passwords are being checked right now.
    #[error("too many passwords at once")]
    PasswordsBusy,
    /// Nobody by that name and number.
    #[error("student not found")]
    StudentNotFound,
    /// Something differs from the roster.
    #[error("roster mismatch")]
    RosterMismatch(Box<Mismatch>),
    /// The student has an account.
    #[error("already registered")]
    AlreadyRegistered,
    /// The ticket is none of ours.
    #[error("ticket invalid")]
    TicketInvalid,
    /// The ticket is too old.
    #[error("ticket expired")]
    TicketExpired,
    /// The password is too weak.
    #[error("weak password")]
    Weak(Weakness),
    /// The old password of a change is wrong.
    #[error("old password wrong")]
    OldPasswordWrong,
    /// The new password is the old one.
    #[error("password unchanged")]
    PasswordUnchanged,
    /// The new password of a change is too weak.
    #[error("weak new password")]
    WeakNew(Weakness),
    /// The login, mobile or e-mail signs somebody else in.
    #[error("login taken")]
    LoginTaken { field: &'static str },
    /// The refresh token does not count, or no longer.
    #[error("refresh token invalid")]
    RefreshInvalid,
    /// Another request of the same moment used the token.
    #[error("refresh token superseded")]
    RefreshSuperseded,
    /// An old refresh token came back.
    #[error("refresh token reused")]
    TokenReused,
    /// The activation token does not count.
    #[error("activation invalid")]
    ActivationInvalid,
    /// The rules of staff refuse.
    #[error("staff refused")]
    Staff(staff::Refusal),
    /// Outside the calendar's window.
    #[error("window closed")]
    WindowClosed(Closed),
    /// No such record in the caller's scope.
    #[error("{0} not found")]
    NotFound(Missing),
}

/// Which record is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    School,
    Dictionary,
    Case,
    Session,
    Account,
    Member,
    Proposal,
}

/// What a student may know of a registration that did not match.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mismatch {
    pub(crate) case_number: String,
    pub(crate) school_name: String,
    pub(crate) office_name: String,
    pub(crate) office_contact: String,
    pub(crate) office_phone: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::School => "school",
            Self::Dictionary => "dictionary",
            Self::Case => "registration case",
            Self::Session => "session",
            Self::Account => "account",
            Self::Member => "member",
            Self::Proposal => "proposal",
        })
    }
}

impl From<Closed> for Error {
    fn from(closed: Closed) -> Self {
        Self::WindowClosed(closed)
    }
}

impl From<staff::Refusal> for Error {
    fn from(refusal: staff::Refusal) -> Self {
        Self::Staff(refusal)
    }
}

impl From<administrator::Refusal> for Error {
    fn from(refusal: administrator::Refusal) -> Self {
        Self::Fault(refusal.into())
    }
}

impl From<member::Refusal> for Error {
    fn from(refusal: member::Refusal) -> Self {
        Self::Fault(refusal.into())
    }
}

impl From<school::Refusal> for Error {
    fn from(refusal: school::Refusal) -> Self {
        Self::Fault(refusal.into())
    }
}

impl From<Weakness> for Fault {
    fn from(weakness: Weakness) -> Self {
        Self::invalid("password", weakness.reason(), weakness.message())
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Fault(fault) => fault,
            Error::Database(error) => Self::database(error),
            Error::Crypto(ref cause) => Self::internal(cause),
            Error::Inconsistent(_) => Self::internal(&error),
            Error::Stale(_) => etag::conflict(),
            Error::Captcha => Self::invalid(
                "captchaAnswer",
                "CAPTCHA_INVALID",
                "验证码不正确或已过期，请刷新验证码后重新输入",
            ),
            Error::LoginRefused => Self::unauthenticated(
                "LOGIN_REFUSED",
                "账号或密码不正确，请核对后重试；忘记密码请使用“忘记密码”或联系管理员",
            ),
            Error::LoginThrottled(early) => throttled(early),
            Error::Limited { reason, wait } => limited(reason, wait),
            Error::AccountDisabled => {
                Self::permission_denied("ACCOUNT_DISABLED", "账号已停用，请联系学校就业部门或上级管理员")
            }
            Error::PasswordsBusy => Self::unavailable("PASSWORDS_BUSY", "登录的人较多，请稍后再试"),
            Error::StudentNotFound => Self::not_found(
                "STUDENT_NOT_FOUND",
                "没有找到与所填信息完全相符的学生，请核对学校、姓名和证件号码，或联系学校就业部门",
            ),
            Error::RosterMismatch(mismatch) => mismatched(*mismatch),
            Error::AlreadyRegistered => Self::already_exists(
                "ALREADY_REGISTERED",
                "该学生已注册，请直接登录；忘记密码请使用“忘记密码”",
            ),
            Error::TicketInvalid => {
                Self::invalid("ticket", "TICKET_INVALID", "注册凭证无效，请从第一步重新开始")
            }
            Error::TicketExpired => Self::invalid(
                "ticket",
                "TICKET_EXPIRED",
                "注册凭证已超过 30 分钟，请从第一步重新开始",
            ),
            Error::Weak(weakness) => weakness.into(),
            Error::OldPasswordWrong => old_password_wrong(),
            Error::PasswordUnchanged => password_unchanged(),
            Error::WeakNew(weakness) => Self::invalid("newPassword", weakness.reason(), weakness.message()),
            Error::LoginTaken { field } => taken(field),
            Error::RefreshInvalid => Self::unauthenticated("REFRESH_INVALID", "登录已结束，请重新登录"),
            Error::RefreshSuperseded => {
                Self::aborted("REFRESH_SUPERSEDED", "登录状态刚刚已刷新，请使用新的登录状态重试")
            }
            Error::TokenReused => Self::unauthenticated(
                "TOKEN_REUSED",
                "登录信息被重复使用，为安全起见已退出登录，请重新登录并检查登录设备",
            ),
            Error::ActivationInvalid => Self::invalid(
                "activationToken",
                "ACTIVATION_INVALID",
                "激活码不正确、已使用或已超过 72 小时，请联系管理员重新发放",
            ),
            Error::Staff(refusal) => staff_refused(&refusal),
            Error::WindowClosed(closed) => closed.into(),
            Error::NotFound(missing) => not_found(missing),
        }
    }
}

fn std(wait: time::Duration) -> std::time::Duration {
    // Whole seconds, rounded up, so that who waits as told is not refused again.
    let seconds = wait.whole_seconds() + i64::from(wait.subsec_nanoseconds() > 0);
    std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or_default().max(1))
}

/// A wait in words.
fn words(wait: std::time::Duration) -> String {
    match wait.as_secs() {
        seconds @ 0..60 => format!("{seconds} 秒"),
        seconds @ 60..7200 => format!("{} 分钟", seconds.div_ceil(60)),
        seconds => format!("{} 小时", seconds.div_ceil(3600)),
    }
}

fn throttled(early: TooEarly) -> Fault {
    let wait = std(early.wait);
    let message = if early.locked {
        format!(
            "连续多次登录失败，请 {}后再试；如非本人操作请留意账号安全",
            words(wait)
        )
    } else {
        format!("登录尝试过于频繁，请 {}后再试", words(wait))
    };
    Fault::exhausted("LOGIN_THROTTLED", message, wait)
}

fn limited(reason: &'static str, wait: time::Duration) -> Fault {
    let wait = std(wait);
    Fault::exhausted(
        reason,
        format!("尝试次数过多，请 {}后再试，或联系学校就业部门", words(wait)),
        wait,
    )
}

fn mismatched(mismatch: Mismatch) -> Fault {
    let Mismatch {
        case_number,
        school_name,
        office_name,
        office_contact,
        office_phone,
    } = mismatch;
    let office = if office_name.is_empty() {
        "就业部门"
    } else {
        &office_name
    };
    let phone = if office_phone.is_empty() {
        String::new()
    } else {
        format!("（{office_contact} {office_phone}）")
    };
    let message = format!(
        "所填信息与生源信息不符。请核对后重试，或联系{school_name}{office}{phone}，并告知编号 {case_number}"
    );
    Fault::precondition("ROSTER_MISMATCH", message)
        .with("caseNumber", case_number)
        .with("schoolName", school_name)
        .with("officeName", office_name)
        .with("officeContact", office_contact)
        .with("officePhone", office_phone)
}

fn old_password_wrong() -> Fault {
    Fault::invalid("oldPassword", "PASSWORD_WRONG", "原密码不正确，请重新输入")
}

fn password_unchanged() -> Fault {
    Fault::invalid(
        "newPassword",
        "PASSWORD_UNCHANGED",
        "新密码与原密码相同，请换一个新密码",
    )
}

fn taken(field: &'static str) -> Fault {
    let what = match field {
        "mobile" => "手机号",
        "email" => "邮箱",
        _ => "登录名",
    };
    let message = format!("该{what}已被使用，请更换，或直接用它登录");
    Fault::already_exists("LOGIN_TAKEN", message.clone()).and_field(field, "LOGIN_TAKEN", message)
}

fn staff_refused(refusal: &staff::Refusal) -> Fault {
    use staff::{Refusal, State};
    match refusal {
        Refusal::OutOfScope => not_found(Missing::Account),
        Refusal::Oneself => Fault::precondition(
            "SELF_NOT_ALLOWED",
            "不能对自己的账号进行此操作，请由其他管理员办理",
        ),
        Refusal::LastAdministrator => Fault::precondition(
            "LAST_ADMINISTRATOR",
            "这是最后一个可用的省级管理员账号，不能停用或降级；请先创建并激活另一个",
        ),
        Refusal::InvalidTransition { from, event } => {
            let title = match from {
                State::Pending => "待激活",
                State::Active => "正常",
                State::Disabled => "停用",
            };
            let message = format!("账号当前为“{title}”，不能进行此操作，请刷新页面后查看");
            Fault::precondition("INVALID_TRANSITION", message)
                .with("from", from.as_str())
                .with("event", *event)
        }
        Refusal::SecondPerson => Fault::precondition(
            "SECOND_PERSON_NEEDED",
            "省级管理员账号的创建、恢复、提升和重置须由两名管理员办理：请提交申请，并请另一名管理员确认",
        ),
        place => misplaced(place),
    }
}

/// Why an account cannot belong where it is wanted.
fn misplaced(refusal: &staff::Refusal) -> Fault {
    use staff::Refusal;
    match refusal {
        Refusal::SchoolMissing => Fault::invalid("schoolCode", "SCHOOL_MISSING", "请选择账号所属的学校"),
        Refusal::OtherSchool => Fault::invalid(
            "schoolCode",
            "OTHER_SCHOOL",
            "账号所属学校不正确：学校只能创建本校账号，省级账号不属于学校",
        ),
        Refusal::DepartmentMissing => {
            Fault::invalid("department", "DEPARTMENT_MISSING", "请填写账号所属的院系")
        }
        Refusal::DepartmentUnwanted => Fault::invalid(
            "department",
            "DEPARTMENT_UNWANTED",
            "只有院系账号才填写院系，请清空",
        ),
        Refusal::ClassesUnwanted => {
            Fault::invalid("classes", "CLASSES_UNWANTED", "只有院系账号才能限定班级，请清空")
        }
        Refusal::ClassesTooLong => Fault::invalid(
            "classes",
            "CLASSES_TOO_LONG",
            "所选班级的名称合计过长，请减少班级，或不限定班级",
        ),
        _ => Fault::permission_denied("LEVEL_TOO_HIGH", "学校只能创建本校和本校院系的账号"),
    }
}

fn not_found(missing: Missing) -> Fault {
    match missing {
        Missing::School => Fault::not_found("SCHOOL_NOT_FOUND", "没有这所学校，请从列表中选择"),
        Missing::Dictionary => Fault::not_found("DICTIONARY_NOT_FOUND", "没有这个代码表"),
        Missing::Case => Fault::not_found("CASE_NOT_FOUND", "没有找到该编号的记录，请核对编号"),
        Missing::Session => Fault::not_found("SESSION_NOT_FOUND", "该登录已不存在，请刷新列表"),
        Missing::Account => Fault::not_found("ACCOUNT_NOT_FOUND", "没有找到该账号"),
        Missing::Member => Fault::not_found("MEMBER_NOT_FOUND", "没有找到该成员，或不属于您的单位"),
        Missing::Proposal => Fault::not_found("PROPOSAL_NOT_FOUND", "没有找到该申请"),
    }
}
