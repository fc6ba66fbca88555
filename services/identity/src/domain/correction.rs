//! A correction's way through the review (SM-2, 纠错): every step is one arm of [`decide`]. A change of an identity key is
//! approved by two people: the department and the school where there are two levels, otherwise two of the school.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    correction_fields::{self, Fields},
    locked_fields,
    origin::{self, Actor, Levels, Part, Reason},
    own_fields::FieldFault,
};

/// Where a correction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// Waits for the first decision.
    Submitted,
    /// The department passed it; the school decides.
    DepartmentPassed,
    /// One of the school approved an identity key; another must.
    FirstApproved,
    /// Written into the record.
    Approved,
    /// Refused.
    Rejected,
    /// Taken back.
    Withdrawn,
}

impl State {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Submitted,
        Self::DepartmentPassed,
        Self::FirstApproved,
        Self::Approved,
        Self::Rejected,
        Self::Withdrawn,
    ];

    /// The state as the store and the wire write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::DepartmentPassed => "DEPARTMENT_PASSED",
            Self::FirstApproved => "FIRST_APPROVED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The state in the words of the pages.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Submitted => "待审核",
            Self::DepartmentPassed => "院系已通过",
            Self::FirstApproved => "待第二人复核",
            Self::Approved => "审核通过",
            Self::Rejected => "审核不通过",
            Self::Withdrawn => "已撤回",
        }
    }

    /// True while somebody may still decide.
    pub(crate) fn is_open(self) -> bool {
        matches!(
            self,
            Self::Submitted | Self::DepartmentPassed | Self::FirstApproved
        )
    }
}

/// One field of a correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) field: String,
    /// The record's value when the student asked.
    pub(crate) old_value: String,
    pub(crate) new_value: String,
    pub(crate) evidence: Vec<Uuid>,
}

/// What a student asks for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) field: String,
    pub(crate) value: String,
    pub(crate) evidence: Vec<Uuid>,
}

/// The record that is to be corrected.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) state: origin::State,
    pub(crate) school_code: String,
    pub(crate) fields: Fields,
}

/// A correction as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Correction {
    pub(crate) state: State,
    pub(crate) changes: Vec<Change>,
    pub(crate) identity_keys: bool,
    /// Who approved before.
    pub(crate) first_approver: Option<Uuid>,
}

/// Whether the reviewer saw that the record has other values now than the student saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// Saw it and approves all the same.
    Yes,
    /// Does not know.
    No,
}

/// What somebody wants.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Take back.
    Withdraw,
    /// Approve.
    Approve(Confirmed),
    /// Refuse.
    Reject(Reason),
}

impl Command {
    /// The command's name among the actions.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Withdraw => "withdraw",
            Self::Approve(_) => "approve",
            Self::Reject(_) => "reject",
        }
    }

    /// What the record's history calls it.
    fn event(&self) -> &'static str {
        match self {
            Self::Withdraw => "withdrawCorrection",
            Self::Approve(_) => "approveCorrection",
            Self::Reject(_) => "rejectCorrection",
        }
    }
}

/// What is to be saved. Only [`decide`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) event: &'static str,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) first_approver: Option<Uuid>,
    pub(crate) reason: Reason,
    /// The record's fields from now on, when they change.
    pub(crate) corrected: Option<Fields>,
    _private: (),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The state has no such step.
    InvalidTransition { from: State, event: &'static str },
    /// The role has no such step.
    NotYours,
    /// The correction waits for the other level of review.
    OtherLevel { waits_for: Part },
    /// The second approver is the first.
    SamePerson,
    /// The record is not approved.
    BaseNotApproved,
    /// The record has other values now than the student saw.
    ValuesChanged { fields: Vec<String> },
    /// No field of that name may be corrected.
    UnknownField { index: usize },
    /// The field is named twice.
    Twice { index: usize },
    /// The value is the record's.
    SameValue { index: usize },
    /// An identity key needs evidence.
    EvidenceMissing { index: usize },
    /// Values that cannot be.
    Fields(Vec<FieldFault>),
}

/// Decides whether a student may ask for this.
///
/// # Errors
/// Why not.
pub(crate) fn request(base: &Base, asked: Vec<Asked>) -> Result<Vec<Change>, Refusal> {
    if base.state != origin::State::Approved {
        return Err(Refusal::BaseNotApproved);
    }
    let mut changes: Vec<Change> = Vec::with_capacity(asked.len());
    for (index, one) in asked.into_iter().enumerate() {
        let field = correction_fields::named(&one.field).ok_or(Refusal::UnknownField { index })?;
        if changes.iter().any(|change| change.field == field) {
            return Err(Refusal::Twice { index });
        }
        if locked_fields::IDENTITY_KEYS.contains(&field) && one.evidence.is_empty() {
            return Err(Refusal::EvidenceMissing { index });
        }
        changes.push(Change {
            field: field.to_owned(),
            old_value: base.fields.value(field),
            new_value: one.value,
            evidence: one.evidence,
        });
    }
    let (corrected, _) = apply(base, &changes)?;
    for (index, change) in changes.iter_mut().enumerate() {
        change.new_value = corrected.value(&change.field);
        if change.new_value == change.old_value {
            return Err(Refusal::SameValue { index });
        }
    }
    Ok(changes)
}

/// True when an identity key is among the fields.
pub(crate) fn touches_identity(changes: &[Change]) -> bool {
    let keys = locked_fields::IDENTITY_KEYS;
    changes.iter().any(|change| keys.contains(&change.field.as_str()))
}

/// The record with the changes written in, and what does not go together in it.
///
/// # Errors
/// Values that cannot be.
pub(crate) fn apply(base: &Base, changes: &[Change]) -> Result<(Fields, Vec<String>), Refusal> {
    let pairs = changes
        .iter()
        .map(|change| (change.field.as_str(), change.new_value.as_str()));
    base.fields
        .corrected(&base.school_code, pairs)
        .map_err(Refusal::Fields)
}

/// Decides one command.
///
/// # Errors
/// Why not, in the order of the checks: the role's right, the state, the turn, the record.
pub(crate) fn decide(
    correction: &Correction,
    command: Command,
    actor: Actor,
    levels: Levels,
    base: &Base,
) -> Result<Decision, Refusal> {
    let event = command.event();
    let from = correction.state;
    if (actor.part == Part::Student) != matches!(command, Command::Withdraw) {
        return Err(Refusal::NotYours);
    }
    if !from.is_open() {
        return Err(Refusal::InvalidTransition { from, event });
    }
    let decision = |to| Decision {
        event,
        from,
        to,
        first_approver: correction.first_approver,
        reason: Reason::default(),
        corrected: None,
        _private: (),
    };
    match command {
        Command::Withdraw => Ok(decision(State::Withdrawn)),
        Command::Reject(reason) => {
            turn(correction, actor.part, levels)?;
            Ok(Decision {
                reason,
                ..decision(State::Rejected)
            })
        }
        Command::Approve(confirmed) => {
            turn(correction, actor.part, levels)?;
            let corrected = check(correction, base, confirmed)?;
            let first = Some(actor.account);
            match (actor.part, correction.first_approver) {
                (Part::Department, _) => Ok(Decision {
                    first_approver: first,
                    ..decision(State::DepartmentPassed)
                }),
                (_, earlier) if correction.identity_keys && earlier == first => Err(Refusal::SamePerson),
                (_, None) if correction.identity_keys => Ok(Decision {
                    first_approver: first,
                    ..decision(State::FirstApproved)
                }),
                _ => Ok(Decision {
                    corrected: Some(corrected),
                    ..decision(State::Approved)
                }),
            }
        }
    }
}

/// Who decides next; nobody when it is decided.
pub(crate) fn waits_for(state: State, levels: Levels) -> Option<Part> {
    match (state, levels) {
        (State::Submitted, Levels::Two) => Some(Part::Department),
        (State::Submitted | State::DepartmentPassed | State::FirstApproved, _) => Some(Part::School),
        (State::Approved | State::Rejected | State::Withdrawn, _) => None,
    }
}

fn turn(correction: &Correction, part: Part, levels: Levels) -> Result<(), Refusal> {
    match waits_for(correction.state, levels) {
        Some(waits_for) if waits_for != part => Err(Refusal::OtherLevel { waits_for }),
        _ => Ok(()),
    }
}

/// The corrected record, if the present one can still be corrected so.
fn check(correction: &Correction, base: &Base, confirmed: Confirmed) -> Result<Fields, Refusal> {
    if base.state != origin::State::Approved {
        return Err(Refusal::BaseNotApproved);
    }
    let moved = |change: &&Change| {
        let present = base.fields.value(&change.field);
        present != change.old_value && present != change.new_value
    };
    let fields: Vec<String> = correction
        .changes
        .iter()
        .filter(moved)
        .map(|change| change.field.clone())
        .collect();
    if confirmed == Confirmed::No && !fields.is_empty() {
        return Err(Refusal::ValuesChanged { fields });
    }
    Ok(apply(base, &correction.changes)?.0)
}

#[cfg(test)]
#[path = "correction_tests.rs"]
mod tests;
