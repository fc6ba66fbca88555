//! What this service publishes: one message for each step of an agreement, and reminders.

use qihang_kit::outbox::Outgoing;
use qihang_proto::messages::v1::{AgreementChanged, OfferExpiring, ReviewsOverdue, reviews_overdue::Count};
use uuid::Uuid;

use crate::store::{agreements::Record, overdue::Overdue, reminders::Due};

/// The routing key of an event; `None` for steps that nobody else cares for.
fn key(event: &str) -> Option<&'static str> {
    Some(match event {
        "send" => "contracts.agreement.offered.v1",
        "open" => "contracts.agreement.opened.v1",
        "edit" => "contracts.agreement.edited.v1",
        "withdraw" | "suspend" => "contracts.agreement.withdrawn.v1",
        "decline" => "contracts.agreement.declined.v1",
        "expire" => "contracts.agreement.expired.v1",
        "accept" => "contracts.agreement.accepted.v1",
        "amend" => "contracts.agreement.amended.v1",
        "confirmAmendment" => "contracts.agreement.amendment_confirmed.v1",
        "refuseAmendment" | "takeBackAmendment" | "amendmentTimeout" => {
            "contracts.agreement.amendment_refused.v1"
        }
        "requestCancel" => "contracts.agreement.cancel_requested.v1",
        "agreeCancel" => "contracts.agreement.cancelled.v1",
        "passLevel" => "contracts.agreement.level_passed.v1",
        "approve" => "contracts.agreement.approved.v1",
        "reject" => "contracts.agreement.rejected.v1",
        "requestRelease" => "contracts.agreement.release_requested.v1",
        "closeRelease" => "contracts.agreement.release_closed.v1",
        "approveRelease" => "contracts.agreement.terminated.v1",
        _ => return None,
    })
}

/// The message of a step.
pub(crate) fn changed(id: Uuid, event: &str, from: &str, record: &Record) -> Option<Outgoing> {
    let message = AgreementChanged {
        agreement_id: record.rules.id.to_string(),
        student_id: record.student_id.to_string(),
        employer_id: record.employer_id.to_string(),
        school_code: record.school_code.clone(),
        from_state: from.to_owned(),
        to_state: record.rules.state.as_str().to_owned(),
        revision: u32::try_from(record.rules.revision).unwrap_or_default(),
        version: u32::try_from(record.version + 1).unwrap_or_default(),
    };
    Some(Outgoing::new(id, key(event)?, record.rules.id, &message))
}

/// The message that an offer is about to expire.
pub(crate) fn expiring(id: Uuid, due: &Due) -> Outgoing {
    let message = OfferExpiring {
        agreement_id: due.agreement_id.to_string(),
        student_id: due.student_id.to_string(),
        employer_id: due.employer_id.to_string(),
        school_code: due.school_code.clone(),
        revision: u32::try_from(due.revision).unwrap_or_default(),
        hours: u32::try_from(due.hours).unwrap_or_default(),
    };
    Outgoing::new(id, "contracts.offer.expiring.v1", due.agreement_id, &message)
}

/// The message that reviews of one school's office or department are overdue; none of nothing.
pub(crate) fn overdue(id: Uuid, group: &[Overdue]) -> Option<Outgoing> {
    let whose = group.first()?;
    let counts = group.iter().map(|one| Count {
        kind: one.kind.clone(),
        overdue: u32::try_from(one.count).unwrap_or(u32::MAX),
    });
    let message = ReviewsOverdue {
        school_code: whose.school_code.clone(),
        department: whose.department.clone(),
        level: u32::try_from(whose.level).unwrap_or_default(),
        counts: counts.collect(),
    };
    // Each stands for itself, in no order with others.
    Some(Outgoing::new(id, "contracts.review.overdue.v1", id, &message))
}
