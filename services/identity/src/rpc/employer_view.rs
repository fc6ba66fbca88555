//! Employers on the wire, as each viewer may see them.

use qihang_kit::{
    auth::{Principal, Role},
    codes, etag,
    status::Fault,
};
use qihang_proto::{
    common::v1::Action,
    identity::v1::{Employer, EmployerProfile, EmployerRevision, employer},
};
use time::OffsetDateTime;

use crate::{
    domain::employer::{self as rules, Actor, Command, Part, Profile, Reason, Refusal, Revision, State},
    rpc::{
        employer_flow::{actor, record},
        person::timestamp,
    },
    store::employers::EmployerRow,
};

/// Who looks.
pub(crate) struct Viewer {
    actor: Actor,
    /// True for the employer's own people.
    own: bool,
    /// True for those who may see papers and reasons.
    papers: bool,
}

impl Viewer {
    /// A signed-in viewer.
    pub(crate) fn of(principal: &Principal) -> Self {
        let own = principal.role == Role::Employer;
        Self {
            actor: actor(principal),
            own,
            papers: own || principal.role == Role::Province,
        }
    }

    /// One of the employer's own people.
    pub(crate) fn member(actor: Actor) -> Self {
        Self {
            actor,
            own: true,
            papers: true,
        }
    }
}

fn wire_state(state: &str) -> employer::State {
    match State::parse(state) {
        Some(State::Registered) => employer::State::Registered,
        Some(State::PendingReview) => employer::State::PendingReview,
        Some(State::Returned) => employer::State::Returned,
        Some(State::Approved) => employer::State::Approved,
        Some(State::Rejected) => employer::State::Rejected,
        Some(State::Suspended) => employer::State::Suspended,
        Some(State::Expired) => employer::State::Expired,
        None => employer::State::Unspecified,
    }
}

/// A state of a filter; none is any.
pub(crate) fn filter(state: employer::State) -> Option<&'static str> {
    State::ALL
        .into_iter()
        .find(|known| wire_state(known.as_str()) == state)
        .map(State::as_str)
}

/// An employer as a viewer may see it.
///
/// # Errors
/// INTERNAL when the row's state is none.
pub(crate) fn employer(row: &EmployerRow, viewer: &Viewer, now: OffsetDateTime) -> Result<Employer, Fault> {
    let words = |table: &str, code: &str| codes::name(table, code).unwrap_or_default().to_owned();
    let file = |id: Option<uuid::Uuid>| {
        id.filter(|_| viewer.papers)
            .map(|id| id.to_string())
            .unwrap_or_default()
    };
    let reason = |text: &str| {
        if viewer.papers {
            text.to_owned()
        } else {
            String::new()
        }
    };
    let rules = record(row)?;
    let missing = if viewer.own {
        rules.profile.missing()
    } else {
        Vec::new()
    };
    Ok(Employer {
        id: row.id.to_string(),
        name: row.name.clone(),
        credit_code: row.credit_code.clone(),
        profile: Some(profile(row.profile())),
        nature: words("employer_nature", &row.nature_code),
        industry: words("industry_moe", &row.industry_code),
        scale: words("employer_scale", &row.scale_code),
        region: codes::region_path(&row.region_code),
        state: wire_state(&row.state).into(),
        submission_version: rules.submission,
        licence_file_id: file(row.licence_file_id),
        authorisation_file_id: file(row.authorisation_file_id),
        contact_identity_file_id: file(row.contact_identity_file_id),
        review_reason_code: reason(&row.review_reason_code),
        review_reason: reason(&row.review_reason),
        review_fields: if viewer.papers {
            row.review_fields.clone()
        } else {
            Vec::new()
        },
        submit_time: row.submit_time.map(timestamp),
        review_time: row.review_time.map(timestamp),
        approval_expire_time: row.approval_expire_time.map(timestamp),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        etag: etag::of(row.version),
        actions: actions(&rules, viewer.actor, now),
        missing_fields: missing.into_iter().map(str::to_owned).collect(),
        revision: rules
            .revision
            .filter(|_| viewer.papers)
            .map(|revision| self::revision(*revision)),
        blacklist_reason: if viewer.actor.part == Part::Province {
            row.blacklist_reason.clone().unwrap_or_default()
        } else {
            String::new()
        },
    })
}

fn revision(revision: Revision) -> EmployerRevision {
    EmployerRevision {
        name: revision.name,
        profile: Some(profile(revision.profile)),
        licence_file_id: revision.papers.licence.to_string(),
        authorisation_file_id: revision.papers.authorisation.to_string(),
        contact_identity_file_id: revision.papers.contact_identity.to_string(),
    }
}

fn profile(profile: Profile) -> EmployerProfile {
    EmployerProfile {
        nature_code: Some(profile.nature_code),
        industry_code: Some(profile.industry_code),
        scale_code: Some(profile.scale_code),
        region_code: Some(profile.region_code),
        address: Some(profile.address),
        postcode: Some(profile.postcode),
        legal_person: Some(profile.legal_person),
        contact_name: Some(profile.contact_name),
        contact_phone: Some(profile.contact_phone),
        contact_email: Some(profile.contact_email),
        website: Some(profile.website),
        introduction: Some(profile.introduction),
    }
}

/// What an actor may do now: each command that has a call, tried on the rules.
fn actions(record: &rules::Record, actor: Actor, now: OffsetDateTime) -> Vec<Action> {
    let submission = record.submission;
    let papers = [1, 2, 3].map(uuid::Uuid::from_u128);
    let [licence, authorisation, contact_identity] = papers;
    let papers = rules::Papers {
        licence,
        authorisation,
        contact_identity,
    };
    let commands = [
        Command::Save(Box::new(record.profile.clone())),
        Command::Submit(papers),
        Command::Revise(Box::new(Revision {
            name: record.name.clone(),
            profile: record.profile.clone(),
            papers,
        })),
        Command::WithdrawRevision,
        Command::Approve { submission },
        Command::Return {
            submission,
            reason: Reason::default(),
        },
        Command::Reject {
            submission,
            reason: Reason::default(),
        },
        Command::Suspend {
            reason: Reason::default(),
        },
        Command::Restore,
    ];
    let mut actions = Vec::new();
    for command in commands {
        let name = command.event().to_owned();
        match rules::decide(record, command, actor, now) {
            Err(Refusal::NotYours { .. }) => {}
            Ok(_) | Err(Refusal::Fields(_)) => {
                actions.push(Action {
                    name,
                    allowed: true,
                    reason_code: String::new(),
                    reason: String::new(),
                });
            }
            Err(refusal) => {
                let fault = Fault::from(refusal);
                let (reason_code, reason) = (fault.reason().to_owned(), fault.message().to_owned());
                actions.push(Action {
                    name,
                    allowed: false,
                    reason_code,
                    reason,
                });
            }
        }
    }
    actions
}
