//! What goes wrong in this service, and the one place where it becomes a status.

use qihang_kit::{consume::ConsumeError, db::Stale, etag, status::Fault};
use tonic::Status;
use uuid::Uuid;

use crate::domain::{agreement::State, queue::Hindrance, refusal::Refusal};

/// An error of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such agreement, or not the caller's to see.
    #[error("agreement not found")]
    NotFound,
    /// No such revision.
    #[error("revision not found")]
    RevisionNotFound,
    /// No such review, or not the caller's to see.
    #[error("review not found")]
    ReviewNotFound,
    /// The review may not be claimed or decided.
    #[error("review: {0}")]
    Hindered(#[from] Hindrance),
    /// The templates of clauses refuse.
    #[error("clause: {0:?}")]
    Clause(ClauseFault),
    /// Of editions of the form.
    #[error("edition: {0:?}")]
    Edition(EditionFault),
    /// An id that is none.
    #[error("{0} is not a UUID")]
    BadId(&'static str),
    /// The rules refuse.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The employer has an open offer to this student.
    #[error("an offer of this pair is open")]
    OfferOpen,
    /// The year's offers of this pair are used up.
    #[error("too many offers of this pair")]
    OfferLimit,
    /// The student's slot was taken a moment ago.
    #[error("slot was taken")]
    SlotTaken,
    /// The agreement cannot be offered again from its state.
    #[error("cannot be offered again")]
    NotReofferable(State),
    /// No student of that school, number and name.
    #[error("student not found")]
    StudentNotFound,
    /// The student's school keeps the employer away.
    #[error("employer is frozen by the school")]
    EmployerFrozen,
    /// The student's school keeps the employer away, and so does the offer that is there.
    #[error("offer is frozen by the school")]
    OfferFrozen,
    /// The employer is not admitted.
    #[error("employer is not approved")]
    EmployerNotApproved,
    /// A code that no dictionary has.
    #[error("unknown code in {0}")]
    UnknownCode(&'static str, &'static str),
    /// The sealed document is still being made.
    #[error("document is not ready")]
    DocumentNotReady,
    /// There is nothing to download in this state.
    #[error("no document in this state")]
    NoDocument(State),
    /// The serial and the code name no document.
    #[error("nothing to verify")]
    NotVerified,
    /// A file that is too large or empty.
    #[error("file cannot be verified")]
    BadFile,
    /// The guide refuses.
    #[error("guide: {0:?}")]
    Guide(GuideFault),
    /// Another service is away.
    #[error("{0} is away")]
    PeerAway(&'static str),
    /// A row contradicts itself.
    #[error("inconsistent row in {table}.{column}")]
    Inconsistent {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// Row.
        id: Uuid,
    },
    /// Somebody else was faster.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// Personal data cannot be sealed or opened.
    #[error("sealing failed")]
    Crypto(#[source] qihang_kit::crypto::CryptoError),
    /// Stored JSON cannot be read.
    #[error("stored JSON cannot be read")]
    Json(#[source] serde_json::Error),
    /// Database.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// Said by kit.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What goes wrong with editions of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditionFault {
    /// No such edition to look at.
    NotFound,
    /// No such edition to publish.
    Unknown,
    /// It counts already.
    Unchanged,
}

/// What goes wrong with pages of the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuideFault {
    /// No such page.
    NotFound,
    /// The newest version is published.
    Published,
    /// A text is nothing but blanks.
    Blank(&'static str),
}

/// What goes wrong with an employer's templates of clauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClauseFault {
    /// No such template, or not the caller's.
    NotFound,
    /// The title is taken.
    TitleTaken,
    /// The employer has enough templates.
    TooMany,
    /// A title or text is nothing but blanks.
    Blank(&'static str),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found("AGREEMENT_NOT_FOUND", "没有这份协议，或您无权查看"),
            Error::RevisionNotFound => Self::not_found("REVISION_NOT_FOUND", "没有这个版本"),
            Error::ReviewNotFound => Self::not_found("REVIEW_NOT_FOUND", "没有这一项审核，或您无权查看"),
            Error::Hindered(hindrance) => Self::precondition(hindrance.reason(), hindrance.message()),
            Error::Clause(fault) => clause(fault),
            Error::Edition(fault) => edition(fault),
            Error::BadId(field) => Self::invalid(field, "ID_INVALID", "编号格式应为 UUID"),
            Error::Refused(refusal) => refused(&refusal),
            Error::OfferOpen => Self::already_exists(
                "OFFER_OPEN",
                "您对这名学生的邀请还在应约有效期内，可以修改或撤回后再发",
            ),
            Error::OfferLimit => Self::precondition("OFFER_LIMIT", "一年内对同一名学生最多发出 3 次邀请"),
            Error::SlotTaken => Self::precondition(
                "SLOT_TAKEN",
                "您已有一份线上签约，不能再签约其他单位；原记录审核不通过、解约或解除后才能应约",
            ),
            Error::NotReofferable(state) => not_reofferable(state),
            Error::StudentNotFound => Self::invalid(
                "studentNumber",
                "STUDENT_NOT_FOUND",
                "没有找到这名学生，请核对学校、学号和姓名是否与学生本人提供的一致",
            ),
            Error::EmployerNotApproved => Self::precondition(
                "EMPLOYER_NOT_APPROVED",
                "单位尚未通过入驻审核或已停用，不能发出签约邀请",
            ),
            Error::EmployerFrozen => {
                kept_away("该校已暂停贵单位向其毕业生发出邀请，请联系该校就业部门；暂停最长 72 小时")
            }
            Error::OfferFrozen => kept_away(
                "学校已暂停该单位与本校毕业生签约，最长 72 小时，邀请的截止时间不变；请联系学校就业部门",
            ),
            Error::UnknownCode(field, label) => {
                Self::invalid(field, "CODE_UNKNOWN", format!("{label}不在代码表中，请重新选择"))
            }
            Error::DocumentNotReady => {
                Self::precondition("DOCUMENT_NOT_READY", "正在生成签章文件，请几秒后再下载")
                    .retry_after(std::time::Duration::from_secs(2))
            }
            Error::NoDocument(state) => Self::precondition(
                "NO_DOCUMENT",
                format!("当前状态为“{}”，没有可下载的协议书", state.text()),
            ),
            Error::NotVerified => Self::not_found("NOT_VERIFIED", "编号或验证码不正确，未查到相应的协议"),
            Error::BadFile => Self::invalid("body", "FILE_INVALID", "请上传不超过 10 MB 的 PDF 文件"),
            Error::Guide(fault) => guide(fault),
            Error::PeerAway("identity") => Self::unavailable(
                "IDENTITY_UNAVAILABLE",
                "暂时无法核实信息，操作没有进行，请稍后再试",
            ),
            Error::PeerAway(_) => Self::unavailable("PEER_UNAVAILABLE", "所依赖的服务暂时不可用，请稍后再试"),
            Error::Stale(Stale) => etag::conflict(),
            Error::Fault(fault) => fault,
            Error::Database(error) => Self::database(error),
            error @ (Error::Inconsistent { .. } | Error::Crypto(_) | Error::Json(_)) => {
                Self::internal(&error)
            }
        }
    }
}

fn kept_away(way_out: &str) -> Fault {
    Fault::precondition("EMPLOYER_FROZEN", way_out)
}

impl From<Error> for ConsumeError {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

fn not_reofferable(state: State) -> Fault {
    let message = format!(
        "当前状态为“{}”，不能重新发出；被拒绝、过期、撤回或审核不通过后才可以",
        state.text()
    );
    Fault::precondition("INVALID_TRANSITION", message).with("from", state.as_str())
}

fn guide(fault: GuideFault) -> Fault {
    match fault {
        GuideFault::NotFound => Fault::not_found("GUIDE_NOT_FOUND", "没有这篇指南"),
        GuideFault::Published => Fault::precondition(
            "GUIDE_PUBLISHED",
            "最新版本已经发布，没有可发布的草稿；请先修改并保存",
        ),
        GuideFault::Blank(field) => Fault::invalid(field, "TEXT_BLANK", "请填写标题和正文，不能只有空格"),
    }
}

fn edition(fault: EditionFault) -> Fault {
    match fault {
        EditionFault::NotFound => {
            Fault::not_found("EDITION_NOT_FOUND", "没有这个版本的协议书，请从列表中选择")
        }
        EditionFault::Unknown => Fault::invalid(
            "template",
            "EDITION_UNKNOWN",
            "没有这个版本的协议书，请从列表中选择",
        ),
        EditionFault::Unchanged => {
            Fault::precondition("EDITION_UNCHANGED", "该届毕业生已在使用这个版本，无需再次发布")
        }
    }
}

fn clause(fault: ClauseFault) -> Fault {
    match fault {
        ClauseFault::NotFound => Fault::not_found("CLAUSE_NOT_FOUND", "没有这个条款模板，或不属于您的单位"),
        ClauseFault::TitleTaken => {
            Fault::already_exists("CLAUSE_TITLE_TAKEN", "已有同名的条款模板，请换一个标题")
        }
        ClauseFault::TooMany => {
            Fault::precondition("CLAUSE_LIMIT", "条款模板已达 50 个，请先删除不再使用的模板")
        }
        ClauseFault::Blank(field) => {
            Fault::invalid(field, "TEXT_BLANK", "请填写标题和条款内容，不能只有空格")
        }
    }
}

fn refused(refusal: &Refusal) -> Fault {
    let (reason, message) = (refusal.reason(), refusal.message());
    match refusal {
        Refusal::Transition { from, event } => Fault::precondition(reason, message)
            .with("from", from.as_str())
            .with("event", *event),
        Refusal::RevisionChanged { current } => {
            Fault::aborted(reason, message).with("revision", current.to_string())
        }
        Refusal::MayNotSign => Fault::permission_denied(reason, message),
        Refusal::NotYourLevel | Refusal::NotYourTurn => Fault::precondition(reason, message),
        _ => match refusal.field() {
            Some(field) => Fault::invalid(field, reason, message),
            None => Fault::precondition(reason, message),
        },
    }
}
