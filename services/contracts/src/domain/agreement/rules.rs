//! The table of SM-10, a function a group of rows.

use time::OffsetDateTime;

use super::{
    AMENDMENT_TIME, Actor, Agreement, CANCEL_TIME, CLAIM_TIME, Cancel, Claim, Command, Decision, Level,
    Party, Signing, State,
};
use crate::domain::{refusal::Refusal, slot};

const STUDENT: Actor = Actor::Party(Party::Student);
const EMPLOYER: Actor = Actor::Party(Party::Employer);

/// Decides a command. The same call, thrown away, tells a viewer what is allowed.
///
/// # Errors
/// The refusal, with the present state where the state does not fit.
pub fn decide(
    agreement: &Agreement,
    command: Command,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    match command {
        Command::Update
        | Command::Discard
        | Command::Send { .. }
        | Command::Edit { .. }
        | Command::Withdraw
        | Command::Suspend => offer(agreement, command, actor, now),
        Command::Open | Command::Decline | Command::Expire | Command::Accept { .. } => {
            answer(agreement, command, actor, now)
        }
        Command::Amend
        | Command::ConfirmAmendment { .. }
        | Command::RefuseAmendment
        | Command::TakeBackAmendment
        | Command::AmendmentTimeout => amendment(agreement, command, actor, now),
        Command::RequestCancel | Command::AgreeCancel | Command::WithdrawCancel | Command::CancelLapse => {
            cancellation(agreement, command, actor, now)
        }
        Command::ClaimReview | Command::ReleaseReview | Command::Approve { .. } | Command::Reject { .. } => {
            review(agreement, command, actor, now)
        }
        Command::RequestRelease | Command::CloseRelease | Command::ApproveRelease => {
            release(agreement, command, actor)
        }
    }
}

/// The employer's offer until the student answers.
fn offer(
    agreement: &Agreement,
    command: Command,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    let mut next = agreement.clone();
    match (agreement.state, command, actor) {
        (State::Draft, Command::Update, EMPLOYER) => Ok(Decision {
            writes_terms: true,
            ..plain(next, "update")
        }),
        (State::Draft, Command::Discard, EMPLOYER) => Ok(plain(next, "discard")),
        (State::Draft, Command::Send { expire_time }, EMPLOYER) => {
            next.state = State::PendingStudent;
            next.expire_time = Some(expire_time);
            let revision = next.revision;
            Ok(Decision {
                signs: Some((Party::Employer, revision)),
                ..plain(next, "send")
            })
        }
        (State::PendingStudent, Command::Edit { expire_time }, EMPLOYER) => {
            in_time(agreement, now)?;
            if expire_time.is_some() && expire_time < agreement.expire_time {
                return Err(Refusal::DeadlineShrinks);
            }
            next.expire_time = expire_time.or(agreement.expire_time);
            Ok(revised(next, "edit"))
        }
        (State::PendingStudent, Command::Withdraw, EMPLOYER) => {
            in_time(agreement, now)?;
            Ok(moved(next, State::Withdrawn, "withdraw"))
        }
        (State::PendingStudent, Command::Suspend, Actor::System) => {
            Ok(moved(next, State::Withdrawn, "suspend"))
        }
        _ => Err(refused(agreement, command)),
    }
}

/// The student's answer, or none in time.
fn answer(
    agreement: &Agreement,
    command: Command,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    let mut next = agreement.clone();
    match (agreement.state, command, actor) {
        (State::PendingStudent, Command::Open, STUDENT) => {
            next.opened_revision = next.revision;
            Ok(plain(next, "open"))
        }
        (State::PendingStudent, Command::Decline, STUDENT) => {
            in_time(agreement, now)?;
            Ok(moved(next, State::Declined, "decline"))
        }
        (State::PendingStudent, Command::Expire, Actor::System) => {
            if agreement.open(now) {
                Err(refused(agreement, command))
            } else {
                Ok(moved(next, State::Expired, "expire"))
            }
        }
        (
            State::PendingStudent,
            Command::Accept {
                signing,
                slot,
                origin_approved,
            },
            STUDENT,
        ) => {
            in_time(agreement, now)?;
            signing.check(agreement.revision, now)?;
            if !origin_approved {
                return Err(Refusal::OriginNotApproved);
            }
            let reference = slot::Reference {
                kind: slot::Kind::Online,
                id: agreement.id,
            };
            slot::decide(slot, slot::Command::Reserve, reference)?;
            signing.places(agreement)?;
            Ok(signed(next, Some(slot::Command::Reserve), "accept"))
        }
        _ => Err(refused(agreement, command)),
    }
}

/// a change before the decision.
fn amendment(
    agreement: &Agreement,
    command: Command,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    let mut next = agreement.clone();
    let over = agreement.amend_deadline.is_none_or(|deadline| now > deadline);
    match (agreement.state, command, actor) {
        (State::PendingReview, Command::Amend, EMPLOYER) => {
            if agreement.level() == Level::School && agreement.claimed(now).is_some() {
                return Err(Refusal::ReviewClaimed);
            }
            next.state = State::AmendPendingStudent;
            next.amend_deadline = Some(now + AMENDMENT_TIME);
            next.claim = None;
            Ok(revised(next, "amend"))
        }
        (State::AmendPendingStudent, Command::ConfirmAmendment { signing }, STUDENT) => {
            if over {
                return Err(Refusal::AmendmentExpired);
            }
            confirm(agreement, signing, now)?;
            Ok(signed(next, None, "confirmAmendment"))
        }
        (State::AmendPendingStudent, Command::RefuseAmendment, STUDENT) if !over => {
            Ok(back(next, "refuseAmendment"))
        }
        (State::AmendPendingStudent, Command::TakeBackAmendment, EMPLOYER) => {
            Ok(back(next, "takeBackAmendment"))
        }
        (State::AmendPendingStudent, Command::RefuseAmendment, STUDENT) => Err(Refusal::AmendmentExpired),
        (State::AmendPendingStudent, Command::AmendmentTimeout, Actor::System) if over => {
            Ok(back(next, "amendmentTimeout"))
        }
        _ => Err(refused(agreement, command)),
    }
}

fn confirm(agreement: &Agreement, signing: Signing, now: OffsetDateTime) -> Result<(), Refusal> {
    signing.check(agreement.revision, now)?;
    signing.places(agreement)
}

/// Both parties may undo what no school has approved yet.
fn cancellation(
    agreement: &Agreement,
    command: Command,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    let mut next = agreement.clone();
    let (State::PendingReview | State::AmendPendingStudent, open) =
        (agreement.state, agreement.cancelling(now))
    else {
        return Err(refused(agreement, command));
    };
    match (command, actor, open) {
        (Command::RequestCancel, Actor::Party(by), None) => {
            next.cancel = Some(Cancel {
                by,
                until: now + CANCEL_TIME,
            });
            Ok(plain(next, "requestCancel"))
        }
        (Command::RequestCancel, Actor::Party(_), Some(_)) => Err(Refusal::CancelOpen),
        (Command::AgreeCancel, Actor::Party(by), Some(cancel)) if by != cancel.by => {
            next.cancel = None;
            Ok(Decision {
                slot: Some(slot::Command::Free),
                ..moved(next, State::Cancelled, "agreeCancel")
            })
        }
        (Command::AgreeCancel, Actor::Party(_), Some(_)) => Err(Refusal::NotYourTurn),
        (Command::WithdrawCancel, Actor::Party(_), Some(_)) => {
            next.cancel = None;
            Ok(plain(next, "withdrawCancel"))
        }
        (Command::CancelLapse, Actor::System, None) if agreement.cancel.is_some() => {
            next.cancel = None;
            Ok(plain(next, "cancelLapse"))
        }
        (Command::AgreeCancel | Command::WithdrawCancel, Actor::Party(_), None) => Err(Refusal::CancelNone),
        _ => Err(refused(agreement, command)),
    }
}

/// The school's decision, on one level or two.
fn review(
    agreement: &Agreement,
    command: Command,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    let (State::PendingReview, Actor::Reviewer { level, account }) = (agreement.state, actor) else {
        return Err(refused(agreement, command));
    };
    if level != agreement.level() {
        return Err(Refusal::NotYourLevel);
    }
    if agreement
        .claimed(now)
        .is_some_and(|claim| claim.account != account)
    {
        return Err(Refusal::ClaimedByOther);
    }
    let mut next = agreement.clone();
    match command {
        Command::ClaimReview => {
            next.claim = Some(Claim {
                account,
                until: now + CLAIM_TIME,
            });
            Ok(plain(next, "claimReview"))
        }
        Command::ReleaseReview => {
            next.claim = None;
            Ok(plain(next, "releaseReview"))
        }
        Command::Approve { revision } | Command::Reject { revision }
            if revision != agreement.signed_revision =>
        {
            Err(Refusal::RevisionChanged {
                current: agreement.signed_revision,
            })
        }
        Command::Approve { .. } if level == Level::Department => {
            next.department_passed = true;
            next.claim = None;
            Ok(plain(next, "passLevel"))
        }
        Command::Approve { .. } => {
            next.claim = None;
            next.cancel = None;
            Ok(Decision {
                slot: Some(slot::Command::Hold),
                ..moved(next, State::Effective, "approve")
            })
        }
        Command::Reject { .. } => {
            next.claim = None;
            next.cancel = None;
            Ok(Decision {
                slot: Some(slot::Command::Free),
                ..moved(next, State::SchoolRejected, "reject")
            })
        }
        _ => Err(refused(agreement, command)),
    }
}

/// The end of an effective agreement; the request itself is SM-13.
fn release(agreement: &Agreement, command: Command, actor: Actor) -> Result<Decision, Refusal> {
    let next = agreement.clone();
    match (agreement.state, command, actor) {
        (State::Effective, Command::RequestRelease, Actor::Party(_)) => Ok(Decision {
            slot: Some(slot::Command::BeginRelease),
            ..moved(next, State::Terminating, "requestRelease")
        }),
        (State::Terminating, Command::CloseRelease, Actor::System) => Ok(Decision {
            slot: Some(slot::Command::EndRelease),
            ..moved(next, State::Effective, "closeRelease")
        }),
        (State::Terminating, Command::ApproveRelease, Actor::System) => Ok(Decision {
            slot: Some(slot::Command::Release),
            ..moved(next, State::Terminated, "approveRelease")
        }),
        _ => Err(refused(agreement, command)),
    }
}

/// Both have signed the newest revision: the review begins at its first level.
fn signed(mut next: Agreement, slot: Option<slot::Command>, event: &'static str) -> Decision {
    next.state = State::PendingReview;
    next.signed_revision = next.revision;
    next.amend_deadline = None;
    next.department_passed = false;
    next.claim = None;
    let revision = next.revision;
    Decision {
        slot,
        signs: Some((Party::Student, revision)),
        ..plain(next, event)
    }
}

/// The employer writes and signs the next revision.
fn revised(mut next: Agreement, event: &'static str) -> Decision {
    next.last_revision += 1;
    next.revision = next.last_revision;
    let revision = next.revision;
    Decision {
        signs: Some((Party::Employer, revision)),
        writes_terms: true,
        ..plain(next, event)
    }
}

/// The last revision both signed stands again.
fn back(mut next: Agreement, event: &'static str) -> Decision {
    next.state = State::PendingReview;
    next.revision = next.signed_revision;
    next.amend_deadline = None;
    plain(next, event)
}

fn moved(mut next: Agreement, to: State, event: &'static str) -> Decision {
    next.state = to;
    plain(next, event)
}

fn plain(next: Agreement, event: &'static str) -> Decision {
    Decision {
        next,
        event,
        slot: None,
        signs: None,
        writes_terms: false,
    }
}

fn in_time(agreement: &Agreement, now: OffsetDateTime) -> Result<(), Refusal> {
    if agreement.open(now) {
        Ok(())
    } else {
        Err(Refusal::Expired)
    }
}

fn refused(agreement: &Agreement, command: Command) -> Refusal {
    Refusal::Transition {
        from: agreement.state,
        event: command.name(),
    }
}

impl Command {
    /// The command's name, as the pages' buttons have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Discard => "discard",
            Self::Send { .. } => "send",
            Self::Open => "open",
            Self::Edit { .. } => "edit",
            Self::Withdraw => "withdraw",
            Self::Suspend => "suspend",
            Self::Decline => "decline",
            Self::Expire => "expire",
            Self::Accept { .. } => "accept",
            Self::Amend => "amend",
            Self::ConfirmAmendment { .. } => "confirmAmendment",
            Self::RefuseAmendment => "refuseAmendment",
            Self::TakeBackAmendment => "takeBackAmendment",
            Self::AmendmentTimeout => "amendmentTimeout",
            Self::RequestCancel => "requestCancel",
            Self::AgreeCancel => "agreeCancel",
            Self::WithdrawCancel => "withdrawCancel",
            Self::CancelLapse => "cancelLapse",
            Self::ClaimReview => "claimReview",
            Self::ReleaseReview => "releaseReview",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
            Self::RequestRelease => "requestRelease",
            Self::CloseRelease => "closeRelease",
            Self::ApproveRelease => "approveRelease",
        }
    }
}
