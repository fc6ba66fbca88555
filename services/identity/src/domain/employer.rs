//! An employer's onboarding: every step of SM-15 is one arm of [`decide`].

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub(crate) use crate::domain::employer_profile::Profile;
use crate::domain::own_fields::FieldFault;

/// How long an approval stands.
pub(crate) const APPROVAL: Duration = Duration::days(365);

/// Where an employer's onboarding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// Registered, not sent for review.
    Registered,
    /// Waits for the province.
    PendingReview,
    /// Sent back for more.
    Returned,
    /// Approved for a year.
    Approved,
    /// Refused for good.
    Rejected,
    /// Stopped by the province.
    Suspended,
    /// The approval ran out.
    Expired,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 7] = [
        Self::Registered,
        Self::PendingReview,
        Self::Returned,
        Self::Approved,
        Self::Rejected,
        Self::Suspended,
        Self::Expired,
    ];

    /// The state as the store and the wire write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "REGISTERED",
            Self::PendingReview => "PENDING_REVIEW",
            Self::Returned => "RETURNED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Suspended => "SUSPENDED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The state in the words of the pages.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Registered => "已注册",
            Self::PendingReview => "待审核",
            Self::Returned => "退回补充",
            Self::Approved => "已认证",
            Self::Rejected => "不予通过",
            Self::Suspended => "已停用",
            Self::Expired => "认证过期",
        }
    }
}

/// The papers of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Papers {
    pub(crate) licence: Uuid,
    pub(crate) authorisation: Uuid,
    pub(crate) contact_identity: Uuid,
}

/// What an approved employer wants to say of itself from the next approval on; until then the old stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Revision {
    pub(crate) name: String,
    pub(crate) profile: Profile,
    pub(crate) papers: Papers,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// An administrator of the employer.
    Administrator,
    /// Another member.
    Member,
    /// Staff of the province.
    Province,
    /// The suite itself, when a time is over.
    System,
}

/// Who acts, and with which account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) account: Uuid,
    pub(crate) part: Part,
}

/// Why an employer is returned, rejected or suspended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) fields: Vec<String>,
}

/// An employer as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) state: State,
    pub(crate) name: String,
    /// Number of the last submission, 0 before the first.
    pub(crate) submission: u32,
    pub(crate) profile: Profile,
    pub(crate) papers: Option<Papers>,
    /// What waits for the province while the old stands.
    pub(crate) revision: Option<Box<Revision>>,
    pub(crate) approval_expire_time: Option<OffsetDateTime>,
    /// Who asked to restore it while it is suspended.
    pub(crate) restore_asked_by: Option<Uuid>,
    /// The province keeps it on the blacklist.
    pub(crate) blacklisted: bool,
}

/// What somebody wants.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Save the whole profile.
    Save(Box<Profile>),
    /// Send it for review with these papers.
    Submit(Papers),
    /// Send changes for review, or nothing but new papers to have the approval renewed before it ends.
    Revise(Box<Revision>),
    /// Take the changes back.
    WithdrawRevision,
    /// Approve a submission.
    Approve { submission: u32 },
    /// Send a submission back.
    Return { submission: u32, reason: Reason },
    /// Refuse a submission for good.
    Reject { submission: u32, reason: Reason },
    /// Stop it.
    Suspend { reason: Reason },
    /// Ask for, or confirm, the end of the suspension.
    Restore,
    /// The approval's time is over.
    Expire,
}

impl Command {
    /// The command's name in histories, lower camel case.
    pub(crate) fn event(&self) -> &'static str {
        match self {
            Self::Save(_) => "save",
            Self::Submit(_) => "submit",
            Self::Revise(_) => "revise",
            Self::WithdrawRevision => "withdrawRevision",
            Self::Approve { .. } => "approve",
            Self::Return { .. } => "return",
            Self::Reject { .. } => "reject",
            Self::Suspend { .. } => "suspend",
            Self::Restore => "restore",
            Self::Expire => "expire",
        }
    }
}

/// What is to be saved. Only [`decide`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) event: &'static str,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) name: String,
    pub(crate) submission: u32,
    pub(crate) profile: Profile,
    pub(crate) papers: Option<Papers>,
    pub(crate) revision: Option<Box<Revision>>,
    pub(crate) reason: Reason,
    pub(crate) approval_expire_time: Option<OffsetDateTime>,
    pub(crate) restore_asked_by: Option<Uuid>,
    _private: (),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The state has no such step.
    InvalidTransition { from: State, event: &'static str },
    /// The role has no such step.
    NotYours { event: &'static str },
    /// Only an administrator of the employer may.
    AdministratorOnly,
    /// The submission is not the last one.
    VersionConflict { present: u32 },
    /// Fields are wrong or missing.
    Fields(Vec<FieldFault>),
    /// The employer has no name.
    NameBlank,
    /// A paper serves twice.
    SamePaper,
    /// The one who asked cannot confirm as well.
    SecondPersonNeeded,
    /// The approval still stands.
    NotYet,
    /// It is on the blacklist.
    Blacklisted,
}

/// Decides one command: the table SM-15, an arm a row.
///
/// # Errors
/// Why not, in the order of the checks: the role's right, the state, the version, the content.
pub(crate) fn decide(
    record: &Record,
    command: Command,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    use State::{Approved, Expired, PendingReview, Registered, Rejected, Returned, Suspended};
    let event = command.event();
    match (record.state, actor.part, command) {
        (Registered | Returned, Part::Administrator, Command::Save(profile)) => {
            let faults = profile.faults();
            if faults.is_empty() {
                Ok(Decision {
                    profile: *profile,
                    ..stay(record, event)
                })
            } else {
                Err(Refusal::Fields(faults))
            }
        }
        (Registered | Returned | Expired, Part::Administrator, Command::Submit(papers)) => {
            submit(record, papers)
        }
        (Approved, Part::Administrator, Command::Revise(revision)) => revise(record, revision),
        (Approved | Expired, part, command) if record.revision.is_some() && ends_revision(part, &command) => {
            end_revision(record, command, now)
        }
        (PendingReview, Part::Province, Command::Approve { submission }) => {
            admissible(record, submission)?;
            Ok(Decision {
                to: Approved,
                approval_expire_time: Some(now + APPROVAL),
                ..cleared(record, event)
            })
        }
        (PendingReview, Part::Province, Command::Return { submission, reason }) => {
            current(record, submission)?;
            Ok(refused(record, (event, Returned), reason))
        }
        (PendingReview, Part::Province, Command::Reject { submission, reason }) => {
            current(record, submission)?;
            Ok(refused(record, (event, Rejected), reason))
        }
        (Approved | Expired, Part::Province, Command::Suspend { reason }) => Ok(Decision {
            to: Suspended,
            reason,
            restore_asked_by: None,
            revision: None,
            ..stay(record, event)
        }),
        (Suspended, Part::Province, Command::Restore) => restore(record, actor, now),
        (Approved, Part::System, Command::Expire) => match record.approval_expire_time {
            Some(end) if now >= end => Ok(Decision {
                to: Expired,
                ..cleared(record, event)
            }),
            _ => Err(Refusal::NotYet),
        },
        (_, Part::Member, command) if may(Part::Administrator, &command) => Err(Refusal::AdministratorOnly),
        (_, part, command) if !may(part, &command) => Err(Refusal::NotYours { event }),
        (from, _, _) => Err(Refusal::InvalidTransition { from, event }),
    }
}

/// Whether a role has a command at all.
fn may(part: Part, command: &Command) -> bool {
    match command {
        Command::Save(_) | Command::Submit(_) | Command::Revise(_) | Command::WithdrawRevision => {
            part == Part::Administrator
        }
        Command::Expire => part == Part::System,
        _ => part == Part::Province,
    }
}

/// The submission is the last one, and nothing stands against approving it.
fn admissible(record: &Record, submission: u32) -> Result<(), Refusal> {
    current(record, submission)?;
    if record.blacklisted {
        return Err(Refusal::Blacklisted);
    }
    Ok(())
}

fn submit(record: &Record, papers: Papers) -> Result<Decision, Refusal> {
    complete(&record.profile, papers)?;
    Ok(Decision {
        to: State::PendingReview,
        submission: record.submission + 1,
        papers: Some(papers),
        revision: None,
        ..cleared(record, "submit")
    })
}

/// A newer revision takes the place of one that waits.
fn revise(record: &Record, revision: Box<Revision>) -> Result<Decision, Refusal> {
    if revision.name.is_empty() {
        return Err(Refusal::NameBlank);
    }
    complete(&revision.profile, revision.papers)?;
    Ok(Decision {
        submission: record.submission + 1,
        revision: Some(revision),
        ..cleared(record, "revise")
    })
}

/// Not approved; a revision that waited is gone.
fn refused(record: &Record, (event, to): (&'static str, State), reason: Reason) -> Decision {
    Decision {
        to,
        reason,
        revision: None,
        ..stay(record, event)
    }
}

/// Whether a command of this part is one that a waiting revision ends by.
fn ends_revision(part: Part, command: &Command) -> bool {
    match command {
        Command::WithdrawRevision => part == Part::Administrator,
        Command::Approve { .. } | Command::Return { .. } | Command::Reject { .. } => part == Part::Province,
        _ => false,
    }
}

/// The revision becomes what the employer is, for another year, or goes; the approval that stands is not touched by a refusal.
fn end_revision(record: &Record, command: Command, now: OffsetDateTime) -> Result<Decision, Refusal> {
    let event = command.event();
    match (command, record.revision.as_deref()) {
        (Command::Approve { submission }, Some(revision)) => {
            admissible(record, submission)?;
            let Revision {
                name,
                profile,
                papers,
            } = revision.clone();
            Ok(Decision {
                to: State::Approved,
                name,
                profile,
                papers: Some(papers),
                revision: None,
                approval_expire_time: Some(now + APPROVAL),
                ..cleared(record, event)
            })
        }
        (Command::Return { submission, reason } | Command::Reject { submission, reason }, Some(_)) => {
            current(record, submission)?;
            Ok(refused(record, ("returnRevision", record.state), reason))
        }
        (Command::WithdrawRevision, Some(_)) => Ok(Decision {
            revision: None,
            ..stay(record, event)
        }),
        _ => Err(Refusal::InvalidTransition {
            from: record.state,
            event,
        }),
    }
}

/// Whether profile and papers are what the province can decide on.
fn complete(profile: &Profile, papers: Papers) -> Result<(), Refusal> {
    let mut faults = profile.missing_faults();
    faults.extend(profile.faults());
    if !faults.is_empty() {
        return Err(Refusal::Fields(faults));
    }
    let Papers {
        licence,
        authorisation,
        contact_identity,
    } = papers;
    if licence == authorisation || licence == contact_identity || authorisation == contact_identity {
        return Err(Refusal::SamePaper);
    }
    Ok(())
}

/// The first of two persons asks, another one confirms.
fn restore(record: &Record, actor: Actor, now: OffsetDateTime) -> Result<Decision, Refusal> {
    match record.restore_asked_by {
        None => Ok(Decision {
            restore_asked_by: Some(actor.account),
            ..stay(record, "askRestore")
        }),
        Some(asked) if asked == actor.account => Err(Refusal::SecondPersonNeeded),
        Some(_) => {
            let stands = record.approval_expire_time.is_some_and(|end| now < end);
            let to = if stands { State::Approved } else { State::Expired };
            Ok(Decision {
                to,
                ..cleared(record, "restore")
            })
        }
    }
}

fn current(record: &Record, submission: u32) -> Result<(), Refusal> {
    if record.submission == submission {
        Ok(())
    } else {
        Err(Refusal::VersionConflict {
            present: record.submission,
        })
    }
}

/// A decision that changes nothing; the arms say what does.
fn stay(record: &Record, event: &'static str) -> Decision {
    Decision {
        event,
        from: record.state,
        to: record.state,
        name: record.name.clone(),
        submission: record.submission,
        profile: record.profile.clone(),
        papers: record.papers,
        revision: record.revision.clone(),
        reason: Reason::default(),
        approval_expire_time: record.approval_expire_time,
        restore_asked_by: record.restore_asked_by,
        _private: (),
    }
}

fn cleared(record: &Record, event: &'static str) -> Decision {
    Decision {
        restore_asked_by: None,
        ..stay(record, event)
    }
}

#[cfg(test)]
#[path = "employer_tests.rs"]
mod tests;
