//! Every state with every command, the rules of each row, and sequences at random.

use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::domain::slot::{Kind, Reference};

const NOW: OffsetDateTime = datetime!(2026-06-01 08:00 UTC);
const STUDENT: Actor = Actor::Party(Party::Student);
const EMPLOYER: Actor = Actor::Party(Party::Employer);
const REVIEWER: Uuid = Uuid::from_u128(7);
const SCHOOL: Actor = Actor::Reviewer {
    level: Level::School,
    account: REVIEWER,
};
const DEPARTMENT: Actor = Actor::Reviewer {
    level: Level::Department,
    account: REVIEWER,
};

fn agreement(state: State) -> Agreement {
    let signed = matches!(
        state,
        State::PendingReview
            | State::AmendPendingStudent
            | State::Effective
            | State::Terminating
            | State::Terminated
    );
    let amended = state == State::AmendPendingStudent;
    Agreement {
        state,
        revision: if amended { 2 } else { 1 },
        last_revision: if amended { 2 } else { 1 },
        signed_revision: i32::from(signed),
        expire_time: Some(NOW + Duration::DAY),
        amend_deadline: amended.then(|| NOW + Duration::DAY),
        ..Agreement::draft(Uuid::from_u128(1), 1, true, true)
    }
}

fn signing(revision: i32) -> Signing {
    Signing {
        revision,
        read: Some((revision, NOW - READING_TIME)),
        has_archive: true,
        has_household: true,
    }
}

fn accept() -> Command {
    Command::Accept {
        signing: signing(1),
        slot: Slot::Free,
        origin_approved: true,
    }
}

/// A command with its actor, the states that take it and where it leads.
type Row = (Command, Actor, &'static [(State, State)]);

fn table() -> Vec<Row> {
    [offering(), deciding()].concat()
}

/// Rows until the student has answered.
fn offering() -> Vec<Row> {
    use State::{Declined, Draft, PendingReview as Review, PendingStudent as Pending, Withdrawn};
    let expire_time = NOW + Duration::WEEK;
    vec![
        (Command::Update, EMPLOYER, &[(Draft, Draft)]),
        (Command::Discard, EMPLOYER, &[(Draft, Draft)]),
        (Command::Send { expire_time }, EMPLOYER, &[(Draft, Pending)]),
        (Command::Open, STUDENT, &[(Pending, Pending)]),
        (
            Command::Edit { expire_time: None },
            EMPLOYER,
            &[(Pending, Pending)],
        ),
        (Command::Withdraw, EMPLOYER, &[(Pending, Withdrawn)]),
        (Command::Suspend, Actor::System, &[(Pending, Withdrawn)]),
        (Command::Decline, STUDENT, &[(Pending, Declined)]),
        (accept(), STUDENT, &[(Pending, Review)]),
    ]
}

/// Rows from the acceptance on.
fn deciding() -> Vec<Row> {
    use State::{
        AmendPendingStudent as Amended, Effective, PendingReview as Review, SchoolRejected, Terminated,
        Terminating,
    };
    const BOTH: &[(State, State)] = &[(Review, Review), (Amended, Amended)];
    let signing = signing(2);
    vec![
        (Command::Amend, EMPLOYER, &[(Review, Amended)]),
        (
            Command::ConfirmAmendment { signing },
            STUDENT,
            &[(Amended, Review)],
        ),
        (Command::RefuseAmendment, STUDENT, &[(Amended, Review)]),
        (Command::TakeBackAmendment, EMPLOYER, &[(Amended, Review)]),
        (Command::RequestCancel, STUDENT, BOTH),
        (Command::RequestCancel, EMPLOYER, BOTH),
        (Command::ClaimReview, SCHOOL, &[(Review, Review)]),
        (Command::ReleaseReview, SCHOOL, &[(Review, Review)]),
        (Command::Approve { revision: 1 }, SCHOOL, &[(Review, Effective)]),
        (
            Command::Reject { revision: 1 },
            SCHOOL,
            &[(Review, SchoolRejected)],
        ),
        (Command::RequestRelease, STUDENT, &[(Effective, Terminating)]),
        (Command::RequestRelease, EMPLOYER, &[(Effective, Terminating)]),
        (Command::CloseRelease, Actor::System, &[(Terminating, Effective)]),
        (
            Command::ApproveRelease,
            Actor::System,
            &[(Terminating, Terminated)],
        ),
    ]
}

#[test]
fn every_state_with_every_command() {
    for (command, actor, rows) in table() {
        for state in State::ALL {
            let expected = rows.iter().find(|(from, _)| *from == state).map(|(_, to)| *to);
            let decided = decide(&agreement(state), command, actor, NOW);
            assert_eq!(
                decided.as_ref().ok().map(|decision| decision.next.state),
                expected,
                "{state:?} {command:?}"
            );
            if let Err(refusal) = decided
                && !matches!(state, State::PendingReview | State::AmendPendingStudent)
            {
                assert_eq!(
                    refusal,
                    Refusal::Transition {
                        from: state,
                        event: command.name()
                    }
                );
            }
        }
    }
}

#[test]
fn nobody_acts_in_anothers_place() {
    let actors = [STUDENT, EMPLOYER, SCHOOL, DEPARTMENT, Actor::System];
    for (command, _, _) in table() {
        let rows = table();
        for actor in actors {
            let allowed = rows
                .iter()
                .any(|(other, by, _)| other.name() == command.name() && *by == actor);
            let works = State::ALL
                .iter()
                .any(|state| decide(&agreement(*state), command, actor, NOW).is_ok());
            assert_eq!(works, allowed, "{command:?} by {actor:?}");
        }
    }
}

#[test]
fn an_offer_ends_at_its_last_instant_and_not_before() {
    let offer = agreement(State::PendingStudent);
    let end = offer.expire_time.unwrap();
    let late = end + Duration::NANOSECOND;
    let at = |now: OffsetDateTime| Command::Accept {
        signing: Signing {
            read: Some((1, now - READING_TIME)),
            ..signing(1)
        },
        slot: Slot::Free,
        origin_approved: true,
    };
    assert!(decide(&offer, at(end), STUDENT, end).is_ok());
    assert!(decide(&offer, Command::Expire, Actor::System, end).is_err());
    assert_eq!(decide(&offer, at(late), STUDENT, late), Err(Refusal::Expired));
    assert_eq!(
        decide(&offer, Command::Decline, STUDENT, late),
        Err(Refusal::Expired)
    );
    assert_eq!(
        decide(&offer, Command::Edit { expire_time: None }, EMPLOYER, late),
        Err(Refusal::Expired)
    );
    assert_eq!(
        decide(&offer, Command::Expire, Actor::System, late)
            .unwrap()
            .next
            .state,
        State::Expired
    );
}

#[test]
fn accepting_wants_reading_a_free_slot_and_an_approved_record() {
    let offer = agreement(State::PendingStudent);
    let with = |signing, slot, origin_approved| {
        decide(
            &offer,
            Command::Accept {
                signing,
                slot,
                origin_approved,
            },
            STUDENT,
            NOW,
        )
        .map(|_| ())
    };
    let early = Signing {
        read: Some((1, NOW - READING_TIME + Duration::SECOND)),
        ..signing(1)
    };
    let stale = Signing {
        read: Some((1, NOW - READ_TOKEN_LIFE - Duration::SECOND)),
        ..signing(1)
    };
    let other = Signing {
        read: Some((2, NOW - READING_TIME)),
        ..signing(1)
    };
    let taken = Slot::Held(Reference {
        kind: Kind::Other,
        id: Uuid::from_u128(9),
    });
    assert_eq!(with(signing(1), Slot::Free, true), Ok(()));
    assert_eq!(with(early, Slot::Free, true), Err(Refusal::ReadTokenEarly));
    assert_eq!(with(stale, Slot::Free, true), Err(Refusal::ReadTokenInvalid));
    assert_eq!(with(other, Slot::Free, true), Err(Refusal::ReadTokenInvalid));
    assert_eq!(
        with(
            Signing {
                read: None,
                ..signing(1)
            },
            Slot::Free,
            true
        ),
        Err(Refusal::ReadTokenInvalid)
    );
    assert_eq!(
        with(signing(2), Slot::Free, true),
        Err(Refusal::RevisionChanged { current: 1 })
    );
    assert_eq!(
        with(signing(1), taken, true),
        Err(Refusal::SlotTaken(Kind::Other))
    );
    assert_eq!(
        with(signing(1), Slot::Free, false),
        Err(Refusal::OriginNotApproved)
    );
}

#[test]
fn accepting_wants_the_places_that_the_employer_does_not_offer() {
    let bare = Agreement {
        accepts_archive: false,
        accepts_household: false,
        ..agreement(State::PendingStudent)
    };
    let with = |has_archive, has_household| {
        let signing = Signing {
            has_archive,
            has_household,
            ..signing(1)
        };
        let command = Command::Accept {
            signing,
            slot: Slot::Free,
            origin_approved: true,
        };
        decide(&bare, command, STUDENT, NOW).map(|_| ())
    };
    assert_eq!(with(false, true), Err(Refusal::ArchiveNeeded));
    assert_eq!(with(true, false), Err(Refusal::HouseholdNeeded));
    assert_eq!(with(true, true), Ok(()));
}

#[test]
fn an_edit_may_only_lengthen_the_offer_and_voids_what_was_read() {
    let offer = agreement(State::PendingStudent);
    let shorter = Command::Edit {
        expire_time: Some(NOW + Duration::HOUR),
    };
    assert_eq!(
        decide(&offer, shorter, EMPLOYER, NOW),
        Err(Refusal::DeadlineShrinks)
    );
    let edited = decide(
        &offer,
        Command::Edit {
            expire_time: Some(NOW + Duration::WEEK),
        },
        EMPLOYER,
        NOW,
    )
    .unwrap();
    assert_eq!(edited.signs, Some((Party::Employer, 2)));
    assert_eq!(
        decide(&edited.next, accept(), STUDENT, NOW),
        Err(Refusal::RevisionChanged { current: 2 })
    );
}

#[test]
fn a_refused_amendment_leaves_what_both_signed_and_its_number_is_not_used_again() {
    let reviewed = agreement(State::PendingReview);
    let amended = decide(&reviewed, Command::Amend, EMPLOYER, NOW).unwrap().next;
    assert_eq!((amended.revision, amended.signed_revision), (2, 1));
    let approve = decide(&amended, Command::Approve { revision: 2 }, SCHOOL, NOW);
    assert_eq!(
        approve,
        Err(Refusal::Transition {
            from: State::AmendPendingStudent,
            event: "approve"
        })
    );
    for (command, actor, now) in [
        (Command::RefuseAmendment, STUDENT, NOW),
        (Command::TakeBackAmendment, EMPLOYER, NOW),
        (
            Command::AmendmentTimeout,
            Actor::System,
            NOW + AMENDMENT_TIME + Duration::SECOND,
        ),
    ] {
        let back = decide(&amended, command, actor, now).unwrap().next;
        assert_eq!(
            (back.state, back.revision, back.signed_revision),
            (State::PendingReview, 1, 1)
        );
        let again = decide(&back, Command::Amend, EMPLOYER, NOW).unwrap().next;
        assert_eq!(again.revision, 3);
    }
    let late = NOW + AMENDMENT_TIME + Duration::SECOND;
    let confirm = Command::ConfirmAmendment { signing: signing(2) };
    assert_eq!(
        decide(&amended, confirm, STUDENT, late),
        Err(Refusal::AmendmentExpired)
    );
    assert!(decide(&amended, Command::AmendmentTimeout, Actor::System, NOW).is_err());
}

#[test]
fn a_claim_keeps_others_out_until_it_ends() {
    let claimed = decide(
        &agreement(State::PendingReview),
        Command::ClaimReview,
        SCHOOL,
        NOW,
    )
    .unwrap()
    .next;
    let other = Actor::Reviewer {
        level: Level::School,
        account: Uuid::from_u128(8),
    };
    let approve = Command::Approve { revision: 1 };
    assert_eq!(
        decide(&claimed, approve, other, NOW),
        Err(Refusal::ClaimedByOther)
    );
    assert_eq!(
        decide(&claimed, Command::Amend, EMPLOYER, NOW),
        Err(Refusal::ReviewClaimed)
    );
    assert!(decide(&claimed, approve, SCHOOL, NOW).is_ok());
    let later = NOW + CLAIM_TIME;
    assert!(decide(&claimed, approve, other, later).is_ok());
    assert!(decide(&claimed, Command::Amend, EMPLOYER, later).is_ok());
}

#[test]
fn two_levels_decide_one_after_the_other() {
    let two = Agreement {
        levels: 2,
        ..agreement(State::PendingReview)
    };
    let approve = Command::Approve { revision: 1 };
    assert_eq!(decide(&two, approve, SCHOOL, NOW), Err(Refusal::NotYourLevel));
    let passed = decide(&two, approve, DEPARTMENT, NOW).unwrap();
    assert_eq!(
        (passed.next.state, passed.slot, passed.event),
        (State::PendingReview, None, "passLevel")
    );
    assert_eq!(
        decide(&passed.next, approve, DEPARTMENT, NOW),
        Err(Refusal::NotYourLevel)
    );
    let approved = decide(&passed.next, approve, SCHOOL, NOW).unwrap();
    assert_eq!(
        (approved.next.state, approved.slot),
        (State::Effective, Some(slot::Command::Hold))
    );
    let amended = decide(&passed.next, Command::Amend, EMPLOYER, NOW).unwrap().next;
    let confirm = Command::ConfirmAmendment { signing: signing(2) };
    let confirmed = decide(&amended, confirm, STUDENT, NOW).unwrap().next;
    assert_eq!(confirmed.level(), Level::Department);
}

#[test]
fn cancelling_takes_two_and_lapses() {
    let wished = decide(
        &agreement(State::PendingReview),
        Command::RequestCancel,
        EMPLOYER,
        NOW,
    )
    .unwrap()
    .next;
    assert_eq!(
        decide(&wished, Command::RequestCancel, STUDENT, NOW),
        Err(Refusal::CancelOpen)
    );
    assert_eq!(
        decide(&wished, Command::AgreeCancel, EMPLOYER, NOW),
        Err(Refusal::NotYourTurn)
    );
    let agreed = decide(&wished, Command::AgreeCancel, STUDENT, NOW).unwrap();
    assert_eq!(
        (agreed.next.state, agreed.slot),
        (State::Cancelled, Some(slot::Command::Free))
    );
    let late = NOW + CANCEL_TIME;
    assert_eq!(
        decide(&wished, Command::AgreeCancel, STUDENT, late),
        Err(Refusal::CancelNone)
    );
    assert!(decide(&wished, Command::CancelLapse, Actor::System, NOW).is_err());
    assert_eq!(
        decide(&wished, Command::CancelLapse, Actor::System, late)
            .unwrap()
            .next
            .cancel,
        None
    );
    assert!(
        decide(&wished, Command::Approve { revision: 1 }, SCHOOL, NOW)
            .unwrap()
            .next
            .cancel
            .is_none()
    );
}

fn step() -> impl Strategy<Value = (usize, i64)> {
    (0usize..26, 0i64..30)
}

proptest! {
    /// Whatever is tried in whatever order, agreement and slot tell the same story.
    #[test]
    fn agreement_and_slot_stay_consistent(steps in proptest::collection::vec(step(), 0..60), levels in 1u8..3) {
        let mut now = NOW;
        let mut current = Agreement::draft(Uuid::from_u128(1), levels, true, false);
        let by = Reference { kind: Kind::Online, id: current.id };
        let mut slot = Slot::Free;
        for (pick, hours) in steps {
            now += Duration::hours(hours);
            let read = Signing { revision: current.revision, read: Some((current.revision, now - READING_TIME)), has_archive: false, has_household: true };
            let mut all: Vec<(Command, Actor)> = table().into_iter().map(|(command, actor, _)| (command, actor)).collect();
            all.extend([
                (Command::Expire, Actor::System),
                (Command::AmendmentTimeout, Actor::System),
                (Command::CancelLapse, Actor::System),
                (Command::AgreeCancel, STUDENT),
            ]);
            let (command, actor) = all[pick % all.len()];
            let command = match command {
                Command::Accept { .. } => Command::Accept { signing: read, slot, origin_approved: true },
                Command::ConfirmAmendment { .. } => Command::ConfirmAmendment { signing: read },
                Command::Approve { .. } => Command::Approve { revision: current.signed_revision },
                Command::Send { .. } => Command::Send { expire_time: now + Duration::WEEK },
                other => other,
            };
            let actor = match actor {
                Actor::Reviewer { account, .. } => Actor::Reviewer { level: current.level(), account },
                other => other,
            };
            let Ok(decision) = decide(&current, command, actor, now) else { continue };
            if let Some(command) = decision.slot {
                slot = crate::domain::slot::decide(slot, command, by).expect("the slot follows");
            }
            current = decision.next;
            prop_assert_eq!(current.state.occupies(), slot != Slot::Free);
            prop_assert!(current.signed_revision <= current.revision && current.revision <= current.last_revision);
            prop_assert_eq!(current.state == State::Effective, matches!(slot, Slot::Held(_)));
        }
    }
}
