//! An agreement as its viewer may see it.

use qihang_kit::{
    auth::{Principal, Role},
    etag, validators,
};
use qihang_proto::{common::v1::Action, contracts::v1 as proto};
use time::OffsetDateTime;

use crate::{
    App,
    domain::{
        agreement::{self, Agreement, Command, READING_TIME, Signing, State},
        slot::Slot,
        terms::{self, Archive, Household, Terms},
    },
    error::Error,
    party, scope,
    store::{agreements::Record, corrections::Note},
};

/// What the viewer's buttons depend on beside the agreement.
pub(crate) struct Around {
    /// Time.
    pub(crate) now: OffsetDateTime,
    /// The student's slot; counts for the student only.
    pub(crate) slot: Slot,
    /// Whether the student's record is approved, as last heard.
    pub(crate) origin_approved: bool,
}

/// Renders an agreement for a viewer.
pub(crate) fn agreement(
    app: &App,
    record: &Record,
    terms: &Terms,
    viewer: &Principal,
    around: &Around,
) -> Result<proto::Agreement, Error> {
    let rules = &record.rules;
    let student = party::open(&app.sealer, rules.id, &record.student_sealed)?;
    let parties_and_school = !matches!(rules.state, State::Draft | State::PendingStudent);
    Ok(proto::Agreement {
        id: rules.id.to_string(),
        serial: record.serial.clone().unwrap_or_default(),
        state: state(rules.state).into(),
        student: Some(student_party(record, student, viewer)),
        employer: Some(employer_party(record)),
        terms: Some(terms_to_proto(terms)),
        revision: number(rules.revision),
        signed_revision: number(rules.signed_revision),
        expire_time: rules.expire_time.map(timestamp),
        amend_deadline: rules.amend_deadline.map(timestamp),
        archive: archive(record, terms).map(archive_to_proto),
        household: household(record, terms).map(|place| proto::Household {
            address: place.address,
        }),
        cancel_request: rules.cancelling(around.now).map(|cancel| proto::CancelRequest {
            requester: crate::act::party_word(cancel.by).to_owned(),
            reason: record.cancel_reason.clone(),
            create_time: Some(timestamp(cancel.since())),
            expire_time: Some(timestamp(cancel.until)),
        }),
        department_passed: rules.department_passed,
        claim_expire_time: rules.claimed(around.now).map(|claim| timestamp(claim.until)),
        document_ready: record.file_id.is_some(),
        document_sha256: record.document_sha256.clone().unwrap_or_default(),
        verify_code: record
            .verify_code
            .clone()
            .filter(|_| parties_and_school)
            .unwrap_or_default(),
        reason: record.reason.clone(),
        reason_code: record.reason_code.clone(),
        reason_fields: record.reason_fields.clone(),
        supersedes_id: record.supersedes_id.map(|id| id.to_string()).unwrap_or_default(),
        waiting_for: rules.waiting_for().to_owned(),
        waiting_since: Some(timestamp(record.waiting_since)),
        etag: etag::of(record.version),
        create_time: Some(timestamp(record.create_time)),
        update_time: Some(timestamp(record.update_time)),
        actions: actions(rules, viewer, around)?,
        hints: if viewer.role == Role::Employer {
            hints(terms)
        } else {
            Vec::new()
        },
        correction_notes: Vec::new(),
    })
}

/// A correction since the signing.
pub(crate) fn correction_note(note: Note) -> proto::CorrectionNote {
    proto::CorrectionNote {
        fields: note.fields,
        create_time: Some(timestamp(note.create_time)),
    }
}

fn student_party(record: &Record, student: party::Student, viewer: &Principal) -> proto::StudentParty {
    let own = viewer.role == Role::Student;
    proto::StudentParty {
        id: record.student_id.to_string(),
        identity_number: if own {
            student.identity_number
        } else {
            validators::mask_identity(&student.identity_number)
        },
        name: student.name,
        school_code: student.school_code,
        school_name: student.school_name,
        department: student.department,
        major: student.major,
        student_number: student.number,
        cohort: number(record.cohort),
    }
}

fn employer_party(record: &Record) -> proto::EmployerParty {
    let employer: party::Employer = party::read(&record.employer);
    proto::EmployerParty {
        id: record.employer_id.to_string(),
        name: employer.name,
        credit_code: employer.credit_code,
        contact: employer.contact,
        phone: employer.phone,
    }
}

/// The buttons: the same rules as the commands, tried and thrown away.
fn actions(rules: &Agreement, viewer: &Principal, around: &Around) -> Result<Vec<Action>, Error> {
    let actor = scope::actor(viewer)?;
    let mut actions: Vec<Action> = commands(rules, viewer.role, around)
        .into_iter()
        .map(|command| {
            // Who may not sign hears of it only where the state would let others.
            match agreement::decide(rules, command, actor, around.now)
                .and_then(|_| scope::may(viewer, command))
            {
                Ok(()) => action(command.name(), None),
                Err(refusal) => action(command.name(), Some((refusal.reason(), refusal.message()))),
            }
        })
        .collect();
    if viewer.role == Role::Employer && reofferable(rules.state) {
        actions.push(action("reoffer", None));
    }
    Ok(actions)
}

/// What a viewer of a role might do.
fn commands(rules: &Agreement, role: Role, around: &Around) -> Vec<Command> {
    let signing = Signing {
        revision: rules.revision,
        read: Some((rules.revision, around.now - READING_TIME)),
        has_archive: true,
        has_household: true,
    };
    let revision = rules.signed_revision;
    match role {
        Role::Student => vec![
            Command::Accept {
                signing,
                slot: around.slot,
                origin_approved: around.origin_approved,
            },
            Command::Decline,
            Command::ConfirmAmendment { signing },
            Command::RefuseAmendment,
            Command::RequestCancel,
            Command::AgreeCancel,
            Command::WithdrawCancel,
        ],
        Role::Employer => vec![
            Command::Update,
            Command::Discard,
            Command::Send {
                expire_time: around.now,
            },
            Command::Edit { expire_time: None },
            Command::Withdraw,
            Command::Amend,
            Command::TakeBackAmendment,
            Command::RequestCancel,
            Command::AgreeCancel,
            Command::WithdrawCancel,
        ],
        Role::School | Role::Department => vec![
            Command::ClaimReview,
            Command::Approve { revision },
            Command::Reject { revision },
        ],
        Role::Province | Role::Service => Vec::new(),
    }
}

/// States from which an employer may offer again.
pub(crate) fn reofferable(state: State) -> bool {
    matches!(
        state,
        State::Declined | State::Expired | State::Withdrawn | State::SchoolRejected
    )
}

fn action(name: &str, refusal: Option<(&str, String)>) -> Action {
    let (reason_code, reason) = refusal
        .map(|(code, text)| (code.to_owned(), text))
        .unwrap_or_default();
    Action {
        name: name.to_owned(),
        allowed: reason_code.is_empty(),
        reason_code,
        reason,
    }
}

fn hints(terms: &Terms) -> Vec<proto::TermsHint> {
    terms::hints(terms)
        .into_iter()
        .map(|hint| proto::TermsHint {
            field: hint.field.to_owned(),
            code: hint.code.to_owned(),
            message: hint.message,
        })
        .collect()
}

/// Who receives the file: the employer's place, or the one the student named.
pub(crate) fn archive(record: &Record, terms: &Terms) -> Option<Archive> {
    if terms.accepts_archive {
        Some(terms.archive.clone())
    } else {
        record.archive.as_ref().map(party::read)
    }
}

/// Where the registration goes, likewise.
pub(crate) fn household(record: &Record, terms: &Terms) -> Option<Household> {
    if terms.accepts_household {
        Some(terms.household.clone())
    } else {
        record.household.as_ref().map(party::read)
    }
}

/// A moment as protobuf has it.
pub(crate) fn timestamp(time: OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    }
}

fn number(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

/// A state as protobuf has it.
pub(crate) fn state(state: State) -> proto::AgreementState {
    match state {
        State::Draft => proto::AgreementState::Draft,
        State::PendingStudent => proto::AgreementState::PendingStudent,
        State::Declined => proto::AgreementState::Declined,
        State::Expired => proto::AgreementState::Expired,
        State::Withdrawn => proto::AgreementState::Withdrawn,
        State::PendingReview => proto::AgreementState::PendingReview,
        State::AmendPendingStudent => proto::AgreementState::AmendPendingStudent,
        State::Cancelled => proto::AgreementState::Cancelled,
        State::SchoolRejected => proto::AgreementState::SchoolRejected,
        State::Effective => proto::AgreementState::Effective,
        State::Terminating => proto::AgreementState::Terminating,
        State::Terminated => proto::AgreementState::Terminated,
    }
}

/// A filter by states; unspecified ones are none.
pub(crate) fn state_filter(wanted: &[i32]) -> Vec<String> {
    State::ALL
        .into_iter()
        .filter(|one| wanted.contains(&i32::from(state(*one))))
        .map(|one| one.as_str().to_owned())
        .collect()
}

fn archive_to_proto(place: Archive) -> proto::Archive {
    proto::Archive {
        receiver: place.receiver,
        address: place.address,
        postcode: place.postcode,
        contact: place.contact,
        phone: place.phone,
    }
}

/// A place of the file from a request; none when no receiver or address is named.
pub(crate) fn archive_from_proto(place: Option<proto::Archive>) -> Option<Archive> {
    let place =
        place.filter(|place| !place.receiver.trim().is_empty() && !place.address.trim().is_empty())?;
    Some(Archive {
        receiver: place.receiver,
        address: place.address,
        postcode: place.postcode,
        contact: place.contact,
        phone: place.phone,
    })
}

/// A place of the registration from a request; none when no address is named.
pub(crate) fn household_from_proto(place: Option<proto::Household>) -> Option<Household> {
    place
        .filter(|place| !place.address.trim().is_empty())
        .map(|place| Household {
            address: place.address,
        })
}

fn terms_to_proto(terms: &Terms) -> proto::Terms {
    let terms = terms.clone();
    proto::Terms {
        position: terms.position,
        job_category_code: terms.job_category_code,
        work_region_code: terms.work_region_code,
        work_address: terms.work_address,
        contract_months: terms.contract_months,
        probation_months: terms.probation_months,
        probation_salary: terms.probation_salary,
        salary: terms.salary,
        report_by: terms.report_by,
        lodging: terms.lodging,
        insurance: terms.insurance,
        benefits: terms.benefits,
        employer_penalty: terms.employer_penalty,
        student_penalty: terms.student_penalty,
        release: terms.release,
        other: terms.other,
        accepts_archive: terms.accepts_archive,
        archive: Some(archive_to_proto(terms.archive)),
        accepts_household: terms.accepts_household,
        household: Some(proto::Household {
            address: terms.household.address,
        }),
    }
}

/// Terms from a request, ends trimmed.
pub(crate) fn terms_from_proto(terms: proto::Terms) -> Terms {
    let text = |text: String| text.trim().to_owned();
    let archive = terms.archive.unwrap_or_default();
    Terms {
        position: text(terms.position),
        job_category_code: terms.job_category_code,
        work_region_code: terms.work_region_code,
        work_address: text(terms.work_address),
        contract_months: terms.contract_months,
        probation_months: terms.probation_months,
        probation_salary: terms.probation_salary,
        salary: terms.salary,
        report_by: terms.report_by,
        lodging: text(terms.lodging),
        insurance: text(terms.insurance),
        benefits: text(terms.benefits),
        employer_penalty: terms.employer_penalty,
        student_penalty: terms.student_penalty,
        release: text(terms.release),
        other: text(terms.other),
        accepts_archive: terms.accepts_archive,
        archive: Archive {
            receiver: text(archive.receiver),
            address: text(archive.address),
            postcode: archive.postcode,
            contact: text(archive.contact),
            phone: archive.phone,
        },
        accepts_household: terms.accepts_household,
        household: Household {
            address: text(terms.household.unwrap_or_default().address),
        },
    }
}
