//! Students on the wire, as each viewer may see them.

use qihang_kit::{auth::Role, codes, etag, validators};
use qihang_proto::{
    common::v1::{Action, HistoryEntry},
    identity::v1::{FlaggedIssue, LockedFields, OriginState, OwnFields as WireOwn, Student, StudentSummary},
};

use crate::{
    domain::{
        locked_fields::{Details, IDENTITY_KINDS},
        origin::{Issue, State},
        own_fields::{OwnChanges, OwnFields},
    },
    rpc::person::timestamp,
    sealing::Opened,
    store::{history::Entry, students::StudentRow},
};

/// A state on the wire.
pub(crate) fn wire_state(state: &str) -> OriginState {
    match State::parse(state) {
        Some(State::Unconfirmed) => OriginState::Unconfirmed,
        Some(State::Submitted) => OriginState::Submitted,
        Some(State::DepartmentPassed) => OriginState::DepartmentPassed,
        Some(State::Returned) => OriginState::Returned,
        Some(State::Approved) => OriginState::Approved,
        None => OriginState::Unspecified,
    }
}

/// A state of a filter; none is any.
pub(crate) fn filter_state(state: OriginState) -> Option<State> {
    match state {
        OriginState::Unspecified => None,
        OriginState::Unconfirmed => Some(State::Unconfirmed),
        OriginState::Submitted => Some(State::Submitted),
        OriginState::DepartmentPassed => Some(State::DepartmentPassed),
        OriginState::Returned => Some(State::Returned),
        OriginState::Approved => Some(State::Approved),
    }
}

fn words(table: &str, code: &str) -> String {
    codes::name(table, code).unwrap_or_default().to_owned()
}

/// What a viewer may not see in full.
fn guarded(viewer: Role, value: &str, mask: fn(&str) -> String) -> String {
    if viewer == Role::Student {
        value.to_owned()
    } else {
        mask(value)
    }
}

/// The whole record.
pub(crate) fn student(
    row: &StudentRow,
    opened: &Opened,
    issues: &[Issue],
    viewer: Role,
    actions: Vec<Action>,
) -> Student {
    let own_view = viewer == Role::Student;
    let differing = opened.own.differing(&opened.roster_own);
    Student {
        id: row.id.to_string(),
        locked: Some(locked(row, opened, viewer)),
        own: Some(own(&opened.own, viewer)),
        state: wire_state(&row.origin_state).into(),
        version: u32::try_from(row.origin_version).unwrap_or_default(),
        flagged_issues: issues.iter().map(|issue| flagged(issue, viewer)).collect(),
        roster_own: Some(only(&differing, own(&opened.roster_own, viewer))),
        differing_fields: differing.into_iter().map(str::to_owned).collect(),
        changed_since_review: row.changed_since_review,
        registered: row.registered,
        return_reason_code: row.return_reason_code.clone(),
        return_reason: row.return_reason.clone(),
        return_fields: row.return_fields.clone(),
        submit_time: row.submit_time.map(timestamp),
        review_time: row.review_time.map(timestamp),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        etag: etag::of(row.version),
        actions,
        missing_fields: if own_view {
            opened.own.missing().into_iter().map(str::to_owned).collect()
        } else {
            Vec::new()
        },
    }
}

fn locked(row: &StudentRow, opened: &Opened, viewer: Role) -> LockedFields {
    let details: &Details = &row.locked;
    let hardship = if viewer == Role::Department {
        String::new()
    } else {
        details.hardship.clone()
    };
    LockedFields {
        examination_number: details.examination_number.clone(),
        student_number: row.student_number.clone(),
        name: row.name.clone(),
        gender_code: details.gender.clone(),
        gender: words("gender", &details.gender),
        birth_date: details.birth_date.clone(),
        identity_kind: IDENTITY_KINDS
            .iter()
            .find(|(code, _)| *code == details.identity_kind)
            .map_or_else(String::new, |(code, _)| (*code).to_owned()),
        identity_number: guarded(viewer, &opened.locked.identity_number, validators::mask_identity),
        ethnic_code: details.ethnic.clone(),
        ethnic: words("ethnic", &details.ethnic),
        political_code: details.political.clone(),
        political: words("political", &details.political),
        education_code: details.education.clone(),
        education: words("education_moe", &details.education),
        major_code: details.major_code.clone(),
        major: details.major.clone(),
        major_direction: details.major_direction.clone(),
        training_mode_code: details.training_mode.clone(),
        training_mode: words("training_mode", &details.training_mode),
        commissioning_unit: details.commissioning_unit.clone(),
        household_origin: details.household_origin.clone(),
        schooling_years: details.schooling_years.clone(),
        enrolment: details.enrolment.clone(),
        graduation: details.graduation.clone(),
        normal_student_code: details.normal_student.clone(),
        normal_student: words("normal_student", &details.normal_student),
        hardship: words("hardship", &hardship),
        hardship_code: hardship,
        department: row.department.clone(),
        class_name: row.class_name.clone(),
        former_file_unit: details.former_file_unit.clone(),
        file_moved: details.file_moved.clone(),
        former_police_station: details.former_police_station.clone(),
        household_moved: details.household_moved.clone(),
        school_code: row.school_code.clone(),
        school_name: codes::school(&row.school_code)
            .map(|school| school.name.to_owned())
            .unwrap_or_default(),
        cohort: u32::try_from(row.cohort).unwrap_or_default(),
    }
}

fn own(fields: &OwnFields, viewer: Role) -> WireOwn {
    WireOwn {
        origin_region_code: Some(fields.origin_region.clone()),
        origin_region: Some(codes::region_path(&fields.origin_region)),
        mobile: Some(guarded(viewer, &fields.mobile, validators::mask_mobile)),
        email: Some(guarded(viewer, &fields.email, validators::mask_email)),
        qq: Some(fields.qq.clone()),
        home_address: Some(fields.home_address.clone()),
        home_postcode: Some(fields.home_postcode.clone()),
        home_phone: Some(guarded(viewer, &fields.home_phone, validators::mask_mobile)),
        family_contact: Some(guarded(viewer, &fields.family_contact, validators::mask_name)),
    }
}

/// Nothing but the named fields.
fn only(names: &[&str], fields: WireOwn) -> WireOwn {
    let named = |name: &str, value: Option<String>| value.filter(|_| names.contains(&name));
    WireOwn {
        origin_region: named("originRegionCode", fields.origin_region),
        origin_region_code: named("originRegionCode", fields.origin_region_code),
        mobile: named("mobile", fields.mobile),
        email: named("email", fields.email),
        qq: named("qq", fields.qq),
        home_address: named("homeAddress", fields.home_address),
        home_postcode: named("homePostcode", fields.home_postcode),
        home_phone: named("homePhone", fields.home_phone),
        family_contact: named("familyContact", fields.family_contact),
    }
}

fn flagged(issue: &Issue, viewer: Role) -> FlaggedIssue {
    let proposed = match issue.field.as_str() {
        "identityNumber" => guarded(viewer, &issue.proposed_value, validators::mask_identity),
        _ => issue.proposed_value.clone(),
    };
    FlaggedIssue {
        field: issue.field.clone(),
        proposed_value: proposed,
        note: issue.note.clone(),
        evidence_file_id: issue
            .evidence_file_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
        outcome: issue
            .outcome
            .map(|outcome| outcome.as_str().to_owned())
            .unwrap_or_default(),
        outcome_note: issue.outcome_note.clone(),
    }
}

/// A line of a list.
pub(crate) fn summary(row: &StudentRow, opened: &Opened, actions: Vec<Action>) -> StudentSummary {
    StudentSummary {
        id: row.id.to_string(),
        student_number: row.student_number.clone(),
        name: row.name.clone(),
        gender: words("gender", &row.locked.gender),
        department: row.department.clone(),
        class_name: row.class_name.clone(),
        major: row.locked.major.clone(),
        education: words("education_moe", &row.locked.education),
        cohort: u32::try_from(row.cohort).unwrap_or_default(),
        identity_number_masked: validators::mask_identity(&opened.locked.identity_number),
        mobile_masked: validators::mask_mobile(&opened.own.mobile),
        state: wire_state(&row.origin_state).into(),
        version: u32::try_from(row.origin_version).unwrap_or_default(),
        flagged: row.origin_flagged,
        differs: row.own_differs,
        registered: row.registered,
        changed_since_review: row.changed_since_review,
        submit_time: row.submit_time.map(timestamp),
        etag: etag::of(row.version),
        actions,
    }
}

/// What the wire changes of the own fields.
pub(crate) fn changes(own: Option<WireOwn>) -> OwnChanges {
    let own = own.unwrap_or_default();
    OwnChanges {
        origin_region: own.origin_region_code,
        mobile: own.mobile,
        email: own.email,
        qq: own.qq,
        home_address: own.home_address,
        home_postcode: own.home_postcode,
        home_phone: own.home_phone,
        family_contact: own.family_contact,
    }
}

/// A step of a history.
pub(crate) fn history(entry: Entry) -> HistoryEntry {
    HistoryEntry {
        sequence: u32::try_from(entry.sequence).unwrap_or_default(),
        event: entry.event,
        from_state: entry.from_state,
        to_state: entry.to_state,
        actor_role: entry.actor_role,
        actor_name: entry.actor_name,
        reason: entry.reason,
        create_time: Some(timestamp(entry.create_time)),
        hash: hash(&entry.hash),
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(bytes)
}
