//! The record's way through the review (生源信息核对): every step is one arm of [`decide`].

use time::OffsetDateTime;

pub(crate) use crate::domain::origin_record::{
    Actor, Issue, Levels, Outcome, Part, Reason, Record, Resolution, State, Surroundings,
};
use crate::domain::{
    calendar::{Closed, Kind},
    locked_fields::{self, Locked},
    own_fields::{FieldFault, OwnChanges, OwnFields},
};

/// What somebody wants.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Save own fields without sending.
    SaveDraft(OwnChanges),
    /// Send the record with these own fields and flagged issues.
    Submit {
        changes: OwnChanges,
        issues: Vec<Issue>,
        checked: Checked,
    },
    /// Approve a version.
    Approve {
        version: u32,
        resolutions: Vec<Resolution>,
    },
    /// Send a version back.
    Return { version: u32, reason: Reason },
    /// Open an approved record.
    Reopen { reason: Reason },
}

impl Command {
    /// The command's name in histories, lower camel case.
    pub(crate) fn event(&self) -> &'static str {
        match self {
            Self::SaveDraft(_) => "saveDraft",
            Self::Submit { .. } => "submit",
            Self::Approve { .. } => "approve",
            Self::Return { .. } => "return",
            Self::Reopen { .. } => "reopen",
        }
    }
}

/// Whether the student looked at the summary and confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Confirmed.
    Yes,
    /// Not confirmed.
    No,
}

/// What happens to the submission that was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// None was open, or it stays open.
    Nothing,
    /// A newer one took its place.
    Superseded,
    /// It was approved.
    Approved,
    /// It was sent back.
    Returned,
}

/// What is to be saved. Only [`decide`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) event: &'static str,
    pub(crate) from: State,
    pub(crate) to: State,
    /// Number of the submission after it.
    pub(crate) version: u32,
    pub(crate) own: OwnFields,
    pub(crate) issues: Vec<Issue>,
    pub(crate) reason: Reason,
    pub(crate) closing: Closing,
    _private: (),
}

impl Decision {
    /// True when a new submission row is to be written.
    pub(crate) fn opens(&self) -> bool {
        self.event == "submit"
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The state has no such step.
    InvalidTransition { from: State, event: &'static str },
    /// The role has no such step.
    NotYours { event: &'static str },
    /// The record waits for the other level of review.
    OtherLevel { waits_for: Part },
    /// The version is not the one that is open.
    VersionConflict { present: u32 },
    /// Fields are wrong or missing.
    Fields(Vec<FieldFault>),
    /// The summary was not confirmed.
    NotChecked,
    /// Outside the window.
    WindowClosed(Closed),
    /// A flagged issue is not well formed.
    Issue { field: String, problem: IssueProblem },
    /// A flagged field is not settled.
    Unsettled { field: String },
    /// CORRECTED was said of a field that has not changed.
    NotCorrected { field: String },
    /// The reviewer changed the record themselves.
    OwnEdit,
    /// The student has an agreement in force.
    AgreementHeld,
}

/// What is wrong with a flagged issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IssueProblem {
    /// No locked field has that name.
    UnknownField,
    /// The field is flagged twice.
    Twice,
    /// The proposed value is the present one.
    SameValue,
    /// An identity key needs evidence.
    EvidenceMissing,
}

/// Decides one command: the table SM-2, an arm a row.
///
/// # Errors
/// Why not, in the order of the checks: the role's right, the state, the version, the content.
pub(crate) fn decide(
    record: &Record,
    command: Command,
    actor: Actor,
    around: Surroundings,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    let event = command.event();
    match (record.state, actor.part, command) {
        (State::Unconfirmed | State::Returned, Part::Student, Command::SaveDraft(changes)) => {
            let own = record.own.with(changes).map_err(Refusal::Fields)?;
            Ok(Decision {
                own,
                reason: Reason::default(),
                ..stay(record, event)
            })
        }
        (
            State::Unconfirmed | State::Returned | State::Submitted | State::DepartmentPassed,
            Part::Student,
            Command::Submit {
                changes,
                issues,
                checked,
            },
        ) => submit(record, changes, issues, checked, (around, now)),
        (
            State::Submitted | State::DepartmentPassed,
            Part::School | Part::Department,
            Command::Approve { version, resolutions },
        ) => approve(record, version, resolutions, actor, around.levels),
        (
            State::Submitted | State::DepartmentPassed,
            Part::School | Part::Department,
            Command::Return { version, reason },
        ) => {
            turn(record, actor.part, around.levels)?;
            current(record, version)?;
            let closing = Closing::Returned;
            Ok(Decision {
                to: State::Returned,
                reason,
                closing,
                ..stay(record, event)
            })
        }
        (State::Approved, Part::School, Command::Reopen { reason }) => {
            if around.agreement_held {
                return Err(Refusal::AgreementHeld);
            }
            Ok(Decision {
                to: State::Returned,
                reason,
                ..stay(record, event)
            })
        }
        (_, part, command) if !may(part, &command) => Err(Refusal::NotYours { event }),
        (from, _, _) => Err(Refusal::InvalidTransition { from, event }),
    }
}

/// Whether a role has a command at all.
fn may(part: Part, command: &Command) -> bool {
    match command {
        Command::SaveDraft(_) | Command::Submit { .. } => part == Part::Student,
        Command::Approve { .. } | Command::Return { .. } => part != Part::Student,
        Command::Reopen { .. } => part == Part::School,
    }
}

fn submit(
    record: &Record,
    changes: OwnChanges,
    issues: Vec<Issue>,
    checked: Checked,
    (around, now): (Surroundings, OffsetDateTime),
) -> Result<Decision, Refusal> {
    around
        .window
        .check(Kind::Origin, now)
        .map_err(Refusal::WindowClosed)?;
    if checked == Checked::No {
        return Err(Refusal::NotChecked);
    }
    let own = record.own.with(changes).map_err(Refusal::Fields)?;
    let faults = own.faults();
    if !faults.is_empty() {
        return Err(Refusal::Fields(faults));
    }
    let issues = flag(&record.locked, issues)?;
    let open = matches!(record.state, State::Submitted | State::DepartmentPassed);
    Ok(Decision {
        to: State::Submitted,
        version: record.version + 1,
        own,
        issues,
        closing: if open {
            Closing::Superseded
        } else {
            Closing::Nothing
        },
        ..stay(record, "submit")
    })
}

/// The issues with the roster's present values, if each is well formed.
fn flag(locked: &Locked, issues: Vec<Issue>) -> Result<Vec<Issue>, Refusal> {
    let mut seen: Vec<Issue> = Vec::with_capacity(issues.len());
    for issue in issues {
        let problem = |problem| Refusal::Issue {
            field: issue.field.clone(),
            problem,
        };
        let field =
            locked_fields::field_named(&issue.field).ok_or_else(|| problem(IssueProblem::UnknownField))?;
        if seen.iter().any(|other| other.field == field.name) {
            return Err(problem(IssueProblem::Twice));
        }
        let present_value = locked.value(field.name).unwrap_or_default();
        if present_value == issue.proposed_value.trim() {
            return Err(problem(IssueProblem::SameValue));
        }
        if locked_fields::IDENTITY_KEYS.contains(&field.name) && issue.evidence_file_id.is_none() {
            return Err(problem(IssueProblem::EvidenceMissing));
        }
        let proposed_value = issue.proposed_value.trim().to_owned();
        let field = field.name.to_owned();
        seen.push(Issue {
            field,
            present_value,
            proposed_value,
            outcome: None,
            outcome_note: String::new(),
            ..issue
        });
    }
    Ok(seen)
}

fn approve(
    record: &Record,
    version: u32,
    resolutions: Vec<Resolution>,
    actor: Actor,
    levels: Levels,
) -> Result<Decision, Refusal> {
    turn(record, actor.part, levels)?;
    current(record, version)?;
    if record.edited_by == Some(actor.account) {
        return Err(Refusal::OwnEdit);
    }
    let issues = settle(record, resolutions)?;
    let to = match actor.part {
        Part::Department => State::DepartmentPassed,
        Part::School | Part::Student => State::Approved,
    };
    let closing = if to == State::Approved {
        Closing::Approved
    } else {
        Closing::Nothing
    };
    Ok(Decision {
        to,
        issues,
        closing,
        ..stay(record, "approve")
    })
}

/// Every issue with its outcome. What the department settled stands unless the school says otherwise.
fn settle(record: &Record, resolutions: Vec<Resolution>) -> Result<Vec<Issue>, Refusal> {
    let mut issues = record.issues.clone();
    for resolution in resolutions {
        let unknown = || Refusal::Issue {
            field: resolution.field.clone(),
            problem: IssueProblem::UnknownField,
        };
        let wanted = locked_fields::field_named(&resolution.field)
            .ok_or_else(unknown)?
            .name;
        let issue = issues
            .iter_mut()
            .find(|issue| issue.field == wanted)
            .ok_or_else(unknown)?;
        let unchanged = record
            .locked
            .value(wanted)
            .is_some_and(|value| value == issue.present_value);
        if resolution.outcome == Outcome::Corrected && unchanged {
            return Err(Refusal::NotCorrected {
                field: resolution.field,
            });
        }
        issue.outcome = Some(resolution.outcome);
        issue.outcome_note = resolution.note;
    }
    match issues.iter().find(|issue| issue.outcome.is_none()) {
        Some(open) => Err(Refusal::Unsettled {
            field: open.field.clone(),
        }),
        None => Ok(issues),
    }
}

/// Who decides next on a record in this state; nobody when it does not wait.
pub(crate) fn waits_for(state: State, levels: Levels) -> Option<Part> {
    match (state, levels) {
        (State::Submitted, Levels::Two) => Some(Part::Department),
        (State::Submitted | State::DepartmentPassed, _) => Some(Part::School),
        (State::Unconfirmed | State::Returned | State::Approved, _) => None,
    }
}

/// Whether it is this reviewer's turn.
fn turn(record: &Record, part: Part, levels: Levels) -> Result<(), Refusal> {
    match waits_for(record.state, levels) {
        Some(waits_for) if waits_for != part => Err(Refusal::OtherLevel { waits_for }),
        _ => Ok(()),
    }
}

fn current(record: &Record, version: u32) -> Result<(), Refusal> {
    if record.version == version {
        Ok(())
    } else {
        Err(Refusal::VersionConflict {
            present: record.version,
        })
    }
}

/// A decision that changes nothing; the arms say what does.
fn stay(record: &Record, event: &'static str) -> Decision {
    Decision {
        event,
        from: record.state,
        to: record.state,
        version: record.version,
        own: record.own.clone(),
        issues: record.issues.clone(),
        reason: Reason::default(),
        closing: Closing::Nothing,
        _private: (),
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
