//! What goes wrong in this service, and the one place where it becomes a status.

use qihang_kit::{db::Stale, etag, status::Fault};
use tonic::Status;

use crate::domain::{announcement::Refusal, targets::Outside};

/// An error of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such announcement, or not the caller's to see.
    #[error("announcement not found")]
    NotFound,
    /// A text of nothing but blanks.
    #[error("{0} is blank")]
    Blank(&'static str),
    /// A time that is none.
    #[error("{0} is no time")]
    BadTime(&'static str),
    /// The rules refuse.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// A school speaks to others than its own people.
    #[error(transparent)]
    Outside(#[from] Outside),
    /// The account belongs to no office.
    #[error("no office")]
    NoOffice,
    /// Another service is away.
    #[error("{0} is away")]
    PeerAway(&'static str),
    /// A row contradicts itself.
    #[error("inconsistent {0}")]
    Inconsistent(&'static str),
    /// Somebody else was faster.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// Database.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// Said by kit.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found("ANNOUNCEMENT_NOT_FOUND", "没有这条公告，或它已撤回、到期"),
            Error::Blank("content.title") => Self::invalid("content.title", "TITLE_BLANK", "请填写公告标题"),
            Error::Blank("reason") => Self::invalid("reason", "REASON_BLANK", "请填写撤回原因"),
            Error::Blank(field) => Self::invalid(field, "BODY_BLANK", "请填写公告正文"),
            Error::BadTime(field) => Self::invalid(field, "TIME_INVALID", "时间不正确，请重新选择"),
            Error::Refused(refusal) => refused(refusal),
            Error::Outside(_) => Self::invalid(
                "content.targets",
                "TARGET_OUTSIDE",
                "学校的公告只能发给本校的学生、院系和学校工作人员",
            ),
            Error::NoOffice => Self::permission_denied("NO_SCOPE", "您的账号没有对应的学校，请联系管理员"),
            Error::PeerAway(_) => Self::unavailable("PEER_AWAY", "服务暂时不可用，请稍后重试"),
            Error::Inconsistent(_) => Self::internal(&error),
            Error::Stale(_) => etag::conflict(),
            Error::Database(error) => Self::database(error),
            Error::Fault(fault) => fault,
        }
    }
}

fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Transition { from, event } => {
            let title = from.title();
            let message =
                format!("公告当前为“{title}”，不能进行此操作；已发布的公告如需更改，请撤回后另发一条");
            Fault::precondition("INVALID_TRANSITION", message)
                .with("from", from.as_str())
                .with("event", event)
        }
        Refusal::TooFar => Fault::invalid("publishTime", "PUBLISH_TOO_FAR", "发布时间最多可定在一年以内"),
        Refusal::Expired => Fault::invalid(
            "content.expireTime",
            "EXPIRE_TOO_EARLY",
            "到期时间须晚于发布时间，请先修改到期时间",
        ),
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}
