//! Corrections on the wire, as each viewer may see them.

use qihang_kit::{auth::Role, etag, status::Fault, validators};
use qihang_proto::{
    common::v1::Action,
    identity::v1::{
        Correction,
        correction::{Change as WireChange, State as WireState},
    },
};

use crate::{
    domain::{
        correction::{self, Base, Change, Command, Confirmed, Refusal, State},
        correction_fields,
        origin::Reason,
    },
    rpc::{
        correction_flow::Loaded,
        person::{Person, timestamp},
    },
};

/// Whether personal values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The student's own eyes, or a reviewer who said why.
    Whole,
    /// Masked.
    Masked,
}

impl Shown {
    /// What a viewer sees without asking.
    pub(crate) fn to(role: Role) -> Self {
        if role == Role::Student {
            Self::Whole
        } else {
            Self::Masked
        }
    }
}

/// A state on the wire.
fn wire_state(state: State) -> WireState {
    match state {
        State::Submitted => WireState::Submitted,
        State::DepartmentPassed => WireState::DepartmentPassed,
        State::FirstApproved => WireState::FirstApproved,
        State::Approved => WireState::Approved,
        State::Rejected => WireState::Rejected,
        State::Withdrawn => WireState::Withdrawn,
    }
}

/// A state of a filter; none is any.
pub(crate) fn filter_state(wanted: WireState) -> Option<&'static str> {
    let found = State::ALL.into_iter().find(|state| wire_state(*state) == wanted);
    found.map(State::as_str)
}

/// A correction.
///
/// # Errors
/// INTERNAL when its row says what it cannot say.
pub(crate) fn correction(loaded: &Loaded, person: &Person, shown: Shown) -> Result<Correction, Fault> {
    let (row, student) = (&loaded.row, &loaded.subject.row);
    let (rules, base) = (loaded.rules()?, loaded.subject.base()?);
    let present = rules.state.is_open().then_some(&base);
    let viewer = (person.principal.role, shown);
    let changes = rules
        .changes
        .iter()
        .map(|one| change(one, present, viewer))
        .collect();
    let applied = present.map(|base| correction::apply(base, &rules.changes));
    let warnings = applied.and_then(Result::ok).map(|(_, warnings)| warnings);
    Ok(Correction {
        id: row.id.to_string(),
        student_id: row.student_id.to_string(),
        student_number: student.student_number.clone(),
        student_name: student.name.clone(),
        department: student.department.clone(),
        class_name: student.class_name.clone(),
        state: wire_state(rules.state).into(),
        changes,
        reason: loaded.content.reason.clone(),
        identity_keys: row.identity_keys,
        warnings: warnings.unwrap_or_default(),
        reject_reason_code: row.reject_reason_code.clone(),
        reject_reason: row.reject_reason.clone(),
        reject_fields: row.reject_fields.clone(),
        create_time: Some(timestamp(row.create_time)),
        decide_time: row.decide_time.map(timestamp),
        update_time: Some(timestamp(row.update_time)),
        etag: etag::of(row.version),
        actions: actions(loaded, person)?,
    })
}

fn change(change: &Change, present: Option<&Base>, viewer: (Role, Shown)) -> WireChange {
    let see = |value: &str| seen(&change.field, value, viewer);
    let now = present.map(|base| base.fields.value(&change.field));
    let moved = now
        .as_ref()
        .is_some_and(|now| *now != change.old_value && *now != change.new_value);
    WireChange {
        field: change.field.clone(),
        title: correction_fields::title(&change.field).to_owned(),
        old_value: see(&change.old_value),
        new_value: see(&change.new_value),
        present_value: now.map(|now| see(&now)).unwrap_or_default(),
        moved,
        evidence_file_ids: change.evidence.iter().map(ToString::to_string).collect(),
    }
}

/// A value as a viewer may see it: masked as in the record itself.
fn seen(field: &str, value: &str, (role, shown): (Role, Shown)) -> String {
    match (field, shown) {
        // Hardship is the school's business alone, whoever asks why.
        ("hardshipCode", _) if role == Role::Department => "***".to_owned(),
        ("identityNumber", Shown::Masked) => validators::mask_identity(value),
        ("mobile" | "homePhone", Shown::Masked) => validators::mask_mobile(value),
        ("email", Shown::Masked) => validators::mask_email(value),
        ("familyContact", Shown::Masked) => validators::mask_name(value),
        _ => value.to_owned(),
    }
}

/// What the caller may do now: each command tried on the rules.
fn actions(loaded: &Loaded, person: &Person) -> Result<Vec<Action>, Fault> {
    let (rules, base) = (loaded.rules()?, loaded.subject.base()?);
    let (actor, levels) = (person.actor()?, loaded.subject.levels);
    let commands = [
        Command::Withdraw,
        Command::Approve(Confirmed::Yes),
        Command::Reject(Reason::default()),
    ];
    let mut actions = Vec::new();
    for command in commands {
        let name = command.name().to_owned();
        let mut action = Action {
            name,
            allowed: true,
            ..Action::default()
        };
        match correction::decide(&rules, command, actor, levels, &base) {
            Ok(_) => {}
            Err(Refusal::NotYours) => continue,
            Err(refusal) => {
                let fault = Fault::from(refusal);
                action.allowed = false;
                action.reason_code = fault.reason().to_owned();
                action.reason = fault.message().to_owned();
            }
        }
        actions.push(action);
    }
    Ok(actions)
}
