//! SM-10: online signing. Each row of the table is one arm of [`decide`]; the caller saves the [`Decision`] whole.

mod rules;
#[cfg(test)]
mod tests;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub use self::rules::decide;
use super::{
    refusal::Refusal,
    slot::{self, Slot},
};

/// How long a student must read before signing.
pub const READING_TIME: Duration = Duration::seconds(15);
/// How long a read token lives.
pub const READ_TOKEN_LIFE: Duration = Duration::hours(1);
/// How long an amendment waits for the student.
pub const AMENDMENT_TIME: Duration = Duration::hours(72);
/// How long a wish to cancel waits for the other party.
pub const CANCEL_TIME: Duration = Duration::hours(72);
/// How long a reviewer's claim keeps others out.
pub const CLAIM_TIME: Duration = Duration::minutes(10);

/// Where an agreement is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// 草稿.
    Draft,
    /// 待应约.
    PendingStudent,
    /// 已拒绝.
    Declined,
    /// 已过期.
    Expired,
    /// 已撤回.
    Withdrawn,
    /// 待学校审核.
    PendingReview,
    /// 单位已修改，待重新确认.
    AmendPendingStudent,
    /// 双方撤销.
    Cancelled,
    /// 审核不通过.
    SchoolRejected,
    /// 签约完成.
    Effective,
    /// 解约中.
    Terminating,
    /// 已解约.
    Terminated,
}

/// A party to an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The student.
    Student,
    /// The employer.
    Employer,
}

/// A reviewer's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// 院系.
    Department,
    /// 学校.
    School,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A party.
    Party(Party),
    /// A reviewer.
    Reviewer {
        /// Level.
        level: Level,
        /// Account, for claims.
        account: Uuid,
    },
    /// The suite itself.
    System,
}

/// A reviewer's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub account: Uuid,
    /// Until when.
    pub until: OffsetDateTime,
}

/// An open wish to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancel {
    /// Who wishes.
    pub by: Party,
    /// Until when.
    pub until: OffsetDateTime,
}

impl Cancel {
    /// Since when; a wish lapses after a fixed time.
    #[must_use]
    pub fn since(self) -> OffsetDateTime {
        self.until - CANCEL_TIME
    }
}

/// What the rules know of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Id, which is also the slot's reference.
    pub id: Uuid,
    /// State.
    pub state: State,
    /// Revision in force, or the one that waits for the student.
    pub revision: i32,
    /// Highest number given to a revision; a refused amendment's number is not used again.
    pub last_revision: i32,
    /// Last revision that both signed; 0 for none.
    pub signed_revision: i32,
    /// Newest revision that the student has opened.
    pub opened_revision: i32,
    /// End of the offer.
    pub expire_time: Option<OffsetDateTime>,
    /// End of an amendment.
    pub amend_deadline: Option<OffsetDateTime>,
    /// True when the department has passed it.
    pub department_passed: bool,
    /// A reviewer's claim.
    pub claim: Option<Claim>,
    /// A wish to cancel.
    pub cancel: Option<Cancel>,
    /// True when the newest revision's employer takes the file.
    pub accepts_archive: bool,
    /// True when it takes the registration.
    pub accepts_household: bool,
    /// Levels of review at the student's school.
    pub levels: u8,
}

/// A student's signature under a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signing {
    /// Revision that was read.
    pub revision: i32,
    /// Revision and time of the read token; none when it is unknown.
    pub read: Option<(i32, OffsetDateTime)>,
    /// True when a receiver of the file is named.
    pub has_archive: bool,
    /// True when a place of the registration is named.
    pub has_household: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Replace a draft's terms.
    Update,
    /// The employer discards a draft.
    Discard,
    /// Send a draft.
    Send {
        /// End of the offer.
        expire_time: OffsetDateTime,
    },
    /// The student looks at the offer.
    Open,
    /// Change an offer.
    Edit {
        /// New end, if any.
        expire_time: Option<OffsetDateTime>,
    },
    /// Take an offer back.
    Withdraw,
    /// The employer was suspended.
    Suspend,
    /// Decline an offer.
    Decline,
    /// The offer's time is over.
    Expire,
    /// Accept.
    Accept {
        /// The signature.
        signing: Signing,
        /// The student's slot.
        slot: Slot,
        /// True when identity says that the record is approved.
        origin_approved: bool,
    },
    /// Change the terms before the decision.
    Amend,
    /// Confirm the change.
    ConfirmAmendment {
        /// The signature.
        signing: Signing,
    },
    /// Refuse the change.
    RefuseAmendment,
    /// Take the change back.
    TakeBackAmendment,
    /// The change's time is over.
    AmendmentTimeout,
    /// Wish to cancel.
    RequestCancel,
    /// Agree to the other's wish.
    AgreeCancel,
    /// Withdraw or refuse the wish.
    WithdrawCancel,
    /// The wish's time is over.
    CancelLapse,
    /// Claim the review.
    ClaimReview,
    /// Give the claim back.
    ReleaseReview,
    /// Approve.
    Approve {
        /// Revision that was looked at.
        revision: i32,
    },
    /// Refuse.
    Reject {
        /// Revision that was looked at.
        revision: i32,
    },
    /// A release was requested (SM-13).
    RequestRelease,
    /// The release came to nothing.
    CloseRelease,
    /// The release was approved.
    ApproveRelease,
}

/// What follows from a command; saved in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The agreement afterwards.
    pub next: Agreement,
    /// The event of the history, lower camel case.
    pub event: &'static str,
    /// What happens to the slot.
    pub slot: Option<slot::Command>,
    /// Who signs which revision.
    pub signs: Option<(Party, i32)>,
    /// True when terms come with the command and become revision `next.revision`.
    pub writes_terms: bool,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Draft,
        Self::PendingStudent,
        Self::Declined,
        Self::Expired,
        Self::Withdrawn,
        Self::PendingReview,
        Self::AmendPendingStudent,
        Self::Cancelled,
        Self::SchoolRejected,
        Self::Effective,
        Self::Terminating,
        Self::Terminated,
    ];

    /// The word in the database, in messages and histories.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::PendingStudent => "PENDING_STUDENT",
            Self::Declined => "DECLINED",
            Self::Expired => "EXPIRED",
            Self::Withdrawn => "WITHDRAWN",
            Self::PendingReview => "PENDING_REVIEW",
            Self::AmendPendingStudent => "AMEND_PENDING_STUDENT",
            Self::Cancelled => "CANCELLED",
            Self::SchoolRejected => "SCHOOL_REJECTED",
            Self::Effective => "EFFECTIVE",
            Self::Terminating => "TERMINATING",
            Self::Terminated => "TERMINATED",
        }
    }

    /// The state of a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The word for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Draft => "草稿",
            Self::PendingStudent => "待应约",
            Self::Declined => "已拒绝",
            Self::Expired => "已过期",
            Self::Withdrawn => "已撤回",
            Self::PendingReview => "待学校审核",
            Self::AmendPendingStudent => "单位已修改，待重新确认",
            Self::Cancelled => "双方撤销",
            Self::SchoolRejected => "审核不通过",
            Self::Effective => "签约完成",
            Self::Terminating => "解约中",
            Self::Terminated => "已解约",
        }
    }

    /// True when the agreement occupies the student's slot.
    #[must_use]
    pub fn occupies(self) -> bool {
        matches!(
            self,
            Self::PendingReview | Self::AmendPendingStudent | Self::Effective | Self::Terminating
        )
    }
}

impl Agreement {
    /// A new draft.
    #[must_use]
    pub fn draft(id: Uuid, levels: u8, accepts_archive: bool, accepts_household: bool) -> Self {
        Self {
            id,
            state: State::Draft,
            revision: 1,
            last_revision: 1,
            signed_revision: 0,
            opened_revision: 0,
            expire_time: None,
            amend_deadline: None,
            department_passed: false,
            claim: None,
            cancel: None,
            accepts_archive,
            accepts_household,
            levels,
        }
    }

    /// The level that decides now.
    #[must_use]
    pub fn level(&self) -> Level {
        if self.levels >= 2 && !self.department_passed {
            Level::Department
        } else {
            Level::School
        }
    }

    /// The claim, if it still holds.
    #[must_use]
    pub fn claimed(&self, now: OffsetDateTime) -> Option<Claim> {
        self.claim.filter(|claim| claim.until > now)
    }

    /// The wish to cancel, if it still holds.
    #[must_use]
    pub fn cancelling(&self, now: OffsetDateTime) -> Option<Cancel> {
        self.cancel.filter(|cancel| cancel.until > now)
    }

    /// True while the student can answer the offer.
    #[must_use]
    pub fn open(&self, now: OffsetDateTime) -> bool {
        self.state == State::PendingStudent && self.expire_time.is_some_and(|end| now <= end)
    }

    /// Who acts next.
    #[must_use]
    pub fn waiting_for(&self) -> &'static str {
        match self.state {
            State::Draft => "EMPLOYER",
            State::PendingStudent | State::AmendPendingStudent => "STUDENT",
            State::PendingReview => match self.level() {
                Level::Department => "DEPARTMENT",
                Level::School => "SCHOOL",
            },
            _ => "",
        }
    }
}

impl Signing {
    /// The signature stands for a revision that was read long enough.
    fn check(&self, current: i32, now: OffsetDateTime) -> Result<(), Refusal> {
        if self.revision != current {
            return Err(Refusal::RevisionChanged { current });
        }
        match self.read {
            Some((revision, at)) if revision == current && now <= at + READ_TOKEN_LIFE => {
                if now < at + READING_TIME {
                    Err(Refusal::ReadTokenEarly)
                } else {
                    Ok(())
                }
            }
            _ => Err(Refusal::ReadTokenInvalid),
        }
    }

    /// two switches, each with its own place.
    fn places(&self, agreement: &Agreement) -> Result<(), Refusal> {
        if !agreement.accepts_archive && !self.has_archive {
            return Err(Refusal::ArchiveNeeded);
        }
        if !agreement.accepts_household && !self.has_household {
            return Err(Refusal::HouseholdNeeded);
        }
        Ok(())
    }
}
