//! Every (state, command, part) of SM-15.

use proptest::prelude::*;
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-01 08:00 UTC);
const PARTS: [Part; 4] = [Part::Administrator, Part::Member, Part::Province, Part::System];

fn profile() -> Profile {
    Profile {
        nature_code: "31".into(),
        industry_code: "11".into(),
        scale_code: "1".into(),
        region_code: "230102".into(),
        address: "哈尔滨市道里区中央大街1号".into(),
        postcode: "150010".into(),
        legal_person: "王建国".into(),
        contact_name: "赵丽".into(),
        contact_phone: "0451-86608114".into(),
        contact_email: "hr@example.com".into(),
        website: "https://example.com".into(),
        introduction: String::new(),
    }
}

fn papers() -> Papers {
    Papers {
        licence: Uuid::from_u128(1),
        authorisation: Uuid::from_u128(2),
        contact_identity: Uuid::from_u128(3),
    }
}

fn record(state: State) -> Record {
    let sent = state != State::Registered;
    Record {
        state,
        name: "某某科技有限公司".into(),
        submission: u32::from(sent),
        profile: profile(),
        papers: sent.then(papers),
        revision: None,
        approval_expire_time: Some(NOW),
        restore_asked_by: None,
        blacklisted: false,
    }
}

fn revision() -> Revision {
    Revision {
        name: "某某智能科技有限公司".into(),
        profile: Profile {
            legal_person: "李建国".into(),
            ..profile()
        },
        papers: papers(),
    }
}

fn actor(part: Part) -> Actor {
    Actor {
        account: Uuid::from_u128(9),
        part,
    }
}

fn reason() -> Reason {
    Reason {
        code: "OTHER".into(),
        text: "营业执照不清晰".into(),
        fields: Vec::new(),
    }
}

fn commands(submission: u32) -> [Command; 10] {
    [
        Command::Save(Box::new(profile())),
        Command::Submit(papers()),
        Command::Revise(Box::new(revision())),
        Command::WithdrawRevision,
        Command::Approve { submission },
        Command::Return {
            submission,
            reason: reason(),
        },
        Command::Reject {
            submission,
            reason: reason(),
        },
        Command::Suspend { reason: reason() },
        Command::Restore,
        Command::Expire,
    ]
}

/// What the table says, apart from `decide`.
fn table(state: State, part: Part, event: &str) -> Option<State> {
    match (state, part, event) {
        (State::Registered | State::Returned, Part::Administrator, "save") => Some(state),
        (State::Registered | State::Returned | State::Expired, Part::Administrator, "submit") => {
            Some(State::PendingReview)
        }
        (State::Approved, Part::Administrator, "revise") => Some(state),
        (State::PendingReview, Part::Province, "approve") => Some(State::Approved),
        (State::PendingReview, Part::Province, "return") => Some(State::Returned),
        (State::PendingReview, Part::Province, "reject") => Some(State::Rejected),
        (State::Approved | State::Expired, Part::Province, "suspend") => Some(State::Suspended),
        (State::Suspended, Part::Province, "restore") => Some(State::Suspended),
        (State::Approved, Part::System, "expire") => Some(State::Expired),
        _ => None,
    }
}

#[test]
fn every_state_command_and_part_is_as_the_table_says() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
        for part in PARTS {
            for command in commands(record(state).submission) {
                let event = command.event();
                let decided = decide(&record(state), command, actor(part), NOW)
                    .ok()
                    .map(|decision| decision.to);
                assert_eq!(decided, table(state, part, event), "{state:?} {part:?} {event}");
            }
        }
    }
}

#[test]
fn an_approval_stands_for_a_year_and_not_longer() {
    let decision = decide(
        &record(State::PendingReview),
        Command::Approve { submission: 1 },
        actor(Part::Province),
        NOW,
    )
    .unwrap();
    assert_eq!(decision.approval_expire_time, Some(NOW + APPROVAL));
    let early = decide(
        &record(State::Approved),
        Command::Expire,
        actor(Part::System),
        NOW - Duration::SECOND,
    );
    assert_eq!(early, Err(Refusal::NotYet));
}

#[test]
fn an_old_submission_is_not_decided_on() {
    let newer = Record {
        submission: 2,
        ..record(State::PendingReview)
    };
    let refused = decide(
        &newer,
        Command::Approve { submission: 1 },
        actor(Part::Province),
        NOW,
    );
    assert_eq!(refused, Err(Refusal::VersionConflict { present: 2 }));
}

#[test]
fn an_incomplete_profile_is_not_sent() {
    let empty = Record {
        profile: Profile::default(),
        ..record(State::Registered)
    };
    let Err(Refusal::Fields(faults)) =
        decide(&empty, Command::Submit(papers()), actor(Part::Administrator), NOW)
    else {
        panic!("sent")
    };
    assert_eq!(faults.len(), 9);
    let same = Papers {
        authorisation: papers().licence,
        ..papers()
    };
    let refused = decide(
        &record(State::Registered),
        Command::Submit(same),
        actor(Part::Administrator),
        NOW,
    );
    assert_eq!(refused, Err(Refusal::SamePaper));
}

#[test]
fn formats_of_the_profile_are_checked_by_field() {
    let wrong = Profile {
        nature_code: "77".into(),
        industry_code: "zz".into(),
        scale_code: "99".into(),
        region_code: "230100".into(),
        address: "短".into(),
        postcode: "1".into(),
        contact_phone: "1".into(),
        contact_email: "x".into(),
        website: "ftp://x".into(),
        ..profile()
    };
    assert_eq!(wrong.faults().len(), 9, "{:?}", wrong.faults());
    assert_eq!(profile().faults(), []);
}

#[test]
fn a_suspension_ends_by_two_persons() {
    let asked = decide(
        &record(State::Suspended),
        Command::Restore,
        actor(Part::Province),
        NOW,
    )
    .unwrap();
    assert_eq!(
        (asked.to, asked.restore_asked_by),
        (State::Suspended, Some(actor(Part::Province).account))
    );
    let waiting = Record {
        restore_asked_by: asked.restore_asked_by,
        approval_expire_time: Some(NOW + APPROVAL),
        ..record(State::Suspended)
    };
    assert_eq!(
        decide(&waiting, Command::Restore, actor(Part::Province), NOW),
        Err(Refusal::SecondPersonNeeded)
    );
    let other = Actor {
        account: Uuid::from_u128(10),
        part: Part::Province,
    };
    assert_eq!(
        decide(&waiting, Command::Restore, other, NOW).unwrap().to,
        State::Approved
    );
}

proptest! {
    #[test]
    fn whatever_happens_only_a_submission_makes_a_submission(
        steps in proptest::collection::vec((0_usize..10, 0_usize..4, 0_u32..2), 0..40),
    ) {
        let mut now = record(State::Registered);
        for (command, part, lag) in steps {
            let command = commands(now.submission.saturating_sub(lag))[command].clone();
            let event = command.event();
            if let Ok(decision) = decide(&now, command, actor(PARTS[part]), NOW) {
                prop_assert_eq!(decision.submission, now.submission + u32::from(matches!(event, "submit" | "revise")));
                prop_assert!(decision.to != State::Approved || decision.papers.is_some());
                now = Record {
                    state: decision.to,
                    name: decision.name,
                    submission: decision.submission,
                    profile: decision.profile,
                    papers: decision.papers,
                    revision: decision.revision,
                    approval_expire_time: decision.approval_expire_time,
                    restore_asked_by: decision.restore_asked_by,
                    blacklisted: false,
                };
            }
        }
    }
}

#[test]
fn what_is_approved_stands_until_its_revision_is() {
    let administrator = actor(Part::Administrator);
    let approved = record(State::Approved);
    let revise = Command::Revise(Box::new(revision()));
    let asked = decide(&approved, revise.clone(), administrator, NOW).unwrap();
    assert_eq!((asked.to, asked.submission), (State::Approved, 2));
    assert_eq!((&asked.name, &asked.profile), (&approved.name, &approved.profile));
    let waiting = Record {
        submission: asked.submission,
        revision: asked.revision,
        ..approved
    };
    let province = actor(Part::Province);
    for state in [State::Approved, State::Expired] {
        let waiting = Record {
            state,
            ..waiting.clone()
        };
        let old = decide(&waiting, Command::Approve { submission: 1 }, province, NOW);
        assert_eq!(old.err(), Some(Refusal::VersionConflict { present: 2 }));
        let done = decide(&waiting, Command::Approve { submission: 2 }, province, NOW).unwrap();
        assert_eq!(
            (done.to, done.name, done.profile),
            (State::Approved, revision().name, revision().profile)
        );
        assert_eq!(
            (done.revision, done.approval_expire_time),
            (None, Some(NOW + APPROVAL))
        );
        for refuse in &commands(2)[5..7] {
            let refused = decide(&waiting, refuse.clone(), province, NOW).unwrap();
            assert_eq!(
                (refused.to, refused.revision, refused.reason),
                (state, None, reason())
            );
            assert_eq!(
                (refused.name, refused.event),
                (waiting.name.clone(), "returnRevision")
            );
        }
        let back = decide(&waiting, Command::WithdrawRevision, administrator, NOW).unwrap();
        assert_eq!((back.to, back.revision), (state, None));
    }
    let expired = decide(&waiting, Command::Expire, actor(Part::System), NOW).unwrap();
    assert!(
        expired.revision.is_some(),
        "it is decided after the expiry as well"
    );
    let stopped = decide(&waiting, Command::Suspend { reason: reason() }, province, NOW).unwrap();
    assert_eq!(stopped.revision, None);
    let again = decide(&waiting, revise, administrator, NOW).unwrap();
    assert_eq!(again.submission, 3, "a newer one takes its place");
}

#[test]
fn a_revision_is_complete() {
    let refused = |change: fn(&mut Revision)| {
        let mut revision = revision();
        change(&mut revision);
        let command = Command::Revise(Box::new(revision));
        decide(&record(State::Approved), command, actor(Part::Administrator), NOW).unwrap_err()
    };
    assert_eq!(refused(|revision| revision.name.clear()), Refusal::NameBlank);
    assert_eq!(
        refused(|revision| revision.papers.licence = revision.papers.authorisation),
        Refusal::SamePaper
    );
    assert!(matches!(
        refused(|revision| revision.profile.address.clear()),
        Refusal::Fields(_)
    ));
}
