//! Who may claim and decide what waits in the school's one queue.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long a claim keeps others off.
pub const CLAIM_TIME: Duration = Duration::minutes(10);

/// Kind of the agreements of this service.
pub const AGREEMENT: &str = "AGREEMENT";
/// Kind of the students' records.
pub const ORIGIN: &str = "ORIGIN";
/// Kind of the corrections.
pub const CORRECTION: &str = "CORRECTION";
/// Kind of the requests for help.
pub const HELP: &str = "HELP";

/// Something that waits, as far as the rules care.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Kind.
    pub kind: String,
    /// False once it was decided or withdrawn.
    pub waiting: bool,
    /// Level that decides.
    pub level: i16,
    /// True when nothing is to be weighed.
    pub plain: bool,
    /// Accounts that may not decide.
    pub barred: Vec<Uuid>,
    /// Who has claimed it, and until when.
    pub claim: Option<(Uuid, OffsetDateTime)>,
}

/// Who looks at the queue.
#[derive(Debug, Clone, Copy)]
pub struct Reviewer {
    /// Account.
    pub account: Uuid,
    /// Level.
    pub level: i16,
}

/// Why a review may not be claimed or decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Hindrance {
    /// It was decided or withdrawn.
    #[error("nothing waits")]
    Settled,
    /// The other level decides now.
    #[error("not this level's")]
    NotYourLevel,
    /// The reviewer made it or passed it before.
    #[error("made by the reviewer")]
    OwnEdit,
    /// Another reviewer has it in hand.
    #[error("claimed by another")]
    ClaimedByOther,
    /// Something is to be weighed.
    #[error("not plain")]
    NotPlain,
    /// Its kind is decided one by one.
    #[error("kind without batches")]
    NoBatch,
    /// What was looked at is no longer what waits.
    #[error("submission changed")]
    SubmissionChanged,
}

impl Hindrance {
    /// The stable reason.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Settled => "REVIEW_SETTLED",
            Self::NotYourLevel => "NOT_YOUR_LEVEL",
            Self::OwnEdit => "REVIEW_OWN_EDIT",
            Self::ClaimedByOther => "CLAIMED_BY_OTHER",
            Self::NotPlain => "REVIEW_NOT_PLAIN",
            Self::NoBatch => "REVIEW_NO_BATCH",
            Self::SubmissionChanged => "VERSION_CONFLICT",
        }
    }

    /// What to tell, and the way out.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Settled => "这一项已处理或已撤回，不再等待审核，请刷新列表",
            Self::NotYourLevel => "现在不由您这一级审核，请等待另一级处理",
            Self::OwnEdit => "您提交、修改或在上一级审核过这一项，请由其他老师审核",
            Self::ClaimedByOther => "另一位老师正在审核这一项，请十分钟后再试",
            Self::NotPlain => "这一项有需要核对的内容，不能批量通过，请打开逐条审核",
            Self::NoBatch => "这一类不能批量通过，请打开逐条审核",
            Self::SubmissionChanged => "内容在您查看之后又有修改，请刷新后重新审核",
        }
    }
}

/// Whether the reviewer may claim or decide it now.
///
/// # Errors
/// What stands in the way.
pub fn decidable(review: &Waiting, reviewer: Reviewer, now: OffsetDateTime) -> Result<(), Hindrance> {
    if !review.waiting {
        return Err(Hindrance::Settled);
    }
    if review.level != reviewer.level {
        return Err(Hindrance::NotYourLevel);
    }
    if review.barred.contains(&reviewer.account) {
        return Err(Hindrance::OwnEdit);
    }
    match claimed(review, now) {
        Some(account) if account != reviewer.account => Err(Hindrance::ClaimedByOther),
        _ => Ok(()),
    }
}

/// Whether the reviewer may approve it in a batch.
///
/// # Errors
/// What stands in the way.
pub fn batchable(review: &Waiting, reviewer: Reviewer, now: OffsetDateTime) -> Result<(), Hindrance> {
    decidable(review, reviewer, now)?;
    if !matches!(review.kind.as_str(), AGREEMENT | ORIGIN) {
        return Err(Hindrance::NoBatch);
    }
    if review.plain {
        Ok(())
    } else {
        Err(Hindrance::NotPlain)
    }
}

/// Who has it in hand.
#[must_use]
pub fn claimed(review: &Waiting, now: OffsetDateTime) -> Option<Uuid> {
    review
        .claim
        .filter(|(_, until)| *until > now)
        .map(|(account, _)| account)
}

/// Where a record is looked at and decided; empty for a kind that has no page known here.
#[must_use]
pub fn route(kind: &str, record_id: Uuid) -> String {
    match kind {
        AGREEMENT => format!("/v1/agreements/{record_id}"),
        ORIGIN => format!("/v1/students/{record_id}"),
        CORRECTION => format!("/v1/corrections/{record_id}"),
        HELP => format!("/v1/helpRequests/{record_id}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-06-01 08:00 UTC);
    const ME: Reviewer = Reviewer {
        account: Uuid::from_u128(1),
        level: 2,
    };
    const OTHER: Uuid = Uuid::from_u128(2);

    fn refused(change: impl FnOnce(&mut Waiting)) -> (Option<Hindrance>, Option<Hindrance>) {
        let mut review = Waiting {
            kind: AGREEMENT.to_owned(),
            waiting: true,
            level: 2,
            plain: true,
            barred: Vec::new(),
            claim: None,
        };
        change(&mut review);
        (
            decidable(&review, ME, NOW).err(),
            batchable(&review, ME, NOW).err(),
        )
    }

    #[test]
    fn what_waits_for_the_level_may_be_decided() {
        assert_eq!(refused(|_| {}), (None, None));
        let both = |hindrance| (Some(hindrance), Some(hindrance));
        assert_eq!(refused(|review| review.waiting = false), both(Hindrance::Settled));
        assert_eq!(refused(|review| review.level = 1), both(Hindrance::NotYourLevel));
    }

    #[test]
    fn nobody_reviews_what_they_made() {
        let both = (Some(Hindrance::OwnEdit), Some(Hindrance::OwnEdit));
        assert_eq!(refused(|review| review.barred = vec![OTHER, ME.account]), both);
        assert_eq!(refused(|review| review.barred = vec![OTHER]), (None, None));
    }

    #[test]
    fn a_claim_keeps_others_off_until_its_end() {
        let until = NOW + Duration::SECOND;
        let both = (Some(Hindrance::ClaimedByOther), Some(Hindrance::ClaimedByOther));
        assert_eq!(refused(|review| review.claim = Some((OTHER, until))), both);
        assert_eq!(
            refused(|review| review.claim = Some((ME.account, until))),
            (None, None)
        );
        assert_eq!(refused(|review| review.claim = Some((OTHER, NOW))), (None, None));
    }

    #[test]
    fn only_plain_ones_of_kinds_with_batches_are_approved_together() {
        assert_eq!(
            refused(|review| review.plain = false),
            (None, Some(Hindrance::NotPlain))
        );
        assert_eq!(
            refused(|review| review.kind = HELP.to_owned()),
            (None, Some(Hindrance::NoBatch))
        );
        assert_eq!(refused(|review| review.kind = ORIGIN.to_owned()), (None, None));
    }
}
