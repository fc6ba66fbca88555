//! Why a command is refused: one reason, one sentence, and the way out.

use super::{agreement::State, slot, window::Window};

/// A refusal of the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum Refusal {
    /// The state does not allow the event.
    Transition {
        /// Present state.
        from: State,
        /// What was asked.
        event: &'static str,
    },
    /// The offer's time is over.
    Expired,
    /// The amendment's time is over.
    AmendmentExpired,
    /// Another revision stands now.
    RevisionChanged {
        /// The one that stands.
        current: i32,
    },
    /// The reading time is not over.
    ReadTokenEarly,
    /// The token is unknown, too old, or of another revision.
    ReadTokenInvalid,
    /// The slot is not free.
    SlotTaken(slot::Kind),
    /// The slot belongs to another record, or its state does not fit.
    SlotMismatch,
    /// The student's record is not approved.
    OriginNotApproved,
    /// The employer takes no file and the student named no receiver.
    ArchiveNeeded,
    /// The employer takes no registration and the student named no place.
    HouseholdNeeded,
    /// A reviewer has the final review in hand.
    ReviewClaimed,
    /// Another reviewer has it in hand.
    ClaimedByOther,
    /// This level does not decide now.
    NotYourLevel,
    /// The actor may not do this.
    NotYourTurn,
    /// There is an open wish to cancel already.
    CancelOpen,
    /// There is no open wish to cancel.
    CancelNone,
    /// The member of the employer may not bind it.
    MayNotSign,
    /// The calendar has another time for it.
    WindowClosed(Window),
    /// The deadline may only grow.
    DeadlineShrinks,
    /// Something required is missing in the terms.
    TermsIncomplete {
        /// Field.
        field: &'static str,
        /// What it is called.
        label: &'static str,
    },
    /// Something in the terms is forbidden by law.
    TermsForbidden {
        /// Field.
        field: &'static str,
        /// The words.
        words: &'static str,
    },
    /// Something in the terms is wrong.
    TermsWrong {
        /// Field.
        field: &'static str,
        /// What, in Chinese.
        problem: String,
    },
}

impl Refusal {
    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Transition { .. } => "INVALID_TRANSITION",
            Self::Expired => "OFFER_EXPIRED",
            Self::AmendmentExpired => "AMENDMENT_EXPIRED",
            Self::RevisionChanged { .. } => "REVISION_CHANGED",
            Self::ReadTokenEarly => "READ_TOKEN_EARLY",
            Self::ReadTokenInvalid => "READ_TOKEN_INVALID",
            Self::SlotTaken(_) => "SLOT_TAKEN",
            Self::SlotMismatch => "SLOT_MISMATCH",
            Self::OriginNotApproved => "ORIGIN_NOT_APPROVED",
            Self::ArchiveNeeded => "ARCHIVE_NEEDED",
            Self::HouseholdNeeded => "HOUSEHOLD_NEEDED",
            Self::ReviewClaimed => "REVIEW_CLAIMED",
            Self::ClaimedByOther => "CLAIMED_BY_OTHER",
            Self::NotYourLevel => "NOT_YOUR_LEVEL",
            Self::NotYourTurn => "NOT_YOUR_TURN",
            Self::MayNotSign => "MEMBER_MAY_NOT_SIGN",
            Self::CancelOpen => "CANCEL_OPEN",
            Self::CancelNone => "CANCEL_NONE",
            Self::WindowClosed(_) => "WINDOW_CLOSED",
            Self::DeadlineShrinks => "DEADLINE_SHRINKS",
            Self::TermsIncomplete { .. } => "TERMS_INCOMPLETE",
            Self::TermsForbidden { .. } => "TERMS_FORBIDDEN",
            Self::TermsWrong { .. } => "TERMS_WRONG",
        }
    }

    /// The sentence for people, with the way out.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Transition { from, .. } => {
                format!("当前状态为“{}”，不能进行这项操作，请刷新后查看", from.text())
            }
            Self::Expired => "应约有效期已过，请与用人单位联系重新发出邀请".to_owned(),
            Self::AmendmentExpired => "重新确认的期限已过，协议按双方上次签署的版本继续审核".to_owned(),
            Self::RevisionChanged { current } => {
                format!("用人单位刚刚修改了内容，现在是第 {current} 版，请重新阅读后再操作")
            }
            Self::ReadTokenEarly => "阅读时间未到，请读秒结束后再点击【现在签约】".to_owned(),
            Self::ReadTokenInvalid => "阅读确认已失效，请重新打开邀请函阅读".to_owned(),
            Self::SlotTaken(kind) => format!(
                "您已有{}，不能再签约其他单位；原记录审核不通过、解约或解除后才能应约",
                match kind {
                    slot::Kind::Online => "一份线上签约",
                    slot::Kind::Offline => "一份线下签约",
                    slot::Kind::Other => "其他去向登记",
                }
            ),
            Self::SlotMismatch => "去向登记状态已改变，请刷新后查看".to_owned(),
            Self::OriginNotApproved => "生源信息尚未通过学校审核，请先在【生源信息核对】中送审".to_owned(),
            Self::ArchiveNeeded => "该单位不接收档案，请填写档案接收单位和地址".to_owned(),
            Self::HouseholdNeeded => "该单位不接收户口，请填写户口迁移地址".to_owned(),
            Self::ReviewClaimed => "学校正在审核这份协议，暂时不能修改，请十分钟后再试或联系学校".to_owned(),
            Self::ClaimedByOther => "另一位老师正在审核这份协议，请十分钟后再试".to_owned(),
            Self::NotYourLevel => "现在不由您这一级审核，请等待另一级处理".to_owned(),
            Self::NotYourTurn => "这一步应由对方操作".to_owned(),
            Self::MayNotSign => "您没有代表单位签约的权限，请联系本单位管理员".to_owned(),
            Self::CancelOpen => "已有一项撤销申请等待处理".to_owned(),
            Self::CancelNone => "没有等待处理的撤销申请，可能已超过 72 小时失效".to_owned(),
            Self::WindowClosed(window) => window.message(),
            Self::DeadlineShrinks => "应约截止时间只能延长，不能缩短".to_owned(),
            Self::TermsIncomplete { label, .. } => format!("请填写{label}"),
            Self::TermsForbidden { words, .. } => {
                format!("约定中不得出现“{words}”：用人单位不得收取财物或扣押证件（劳动合同法第九条）")
            }
            Self::TermsWrong { problem, .. } => problem.clone(),
        }
    }

    /// The field that it is about.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::TermsIncomplete { field, .. }
            | Self::TermsForbidden { field, .. }
            | Self::TermsWrong { field, .. } => Some(field),
            Self::ArchiveNeeded => Some("archive.receiver"),
            Self::HouseholdNeeded => Some("household.address"),
            Self::DeadlineShrinks => Some("validDays"),
            _ => None,
        }
    }
}
