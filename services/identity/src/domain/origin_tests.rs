//! Every (state, command, part) of SM-2, and sequences of commands.

use proptest::prelude::*;
use time::macros::{date, datetime};
use uuid::Uuid;

use super::*;
use crate::domain::{
    calendar::{Days, Effective},
    locked_fields::Details,
};

const NOW: OffsetDateTime = datetime!(2026-03-01 08:00 UTC);
const STATES: [State; 5] = [
    State::Unconfirmed,
    State::Submitted,
    State::DepartmentPassed,
    State::Returned,
    State::Approved,
];
const PARTS: [Part; 3] = [Part::Student, Part::Department, Part::School];

fn around(levels: Levels) -> Surroundings {
    Surroundings {
        levels,
        window: Effective::Always,
        agreement_held: false,
    }
}

fn record(state: State) -> Record {
    Record {
        state,
        version: u32::from(state != State::Unconfirmed),
        own: OwnFields {
            origin_region: "230102".into(),
            mobile: "13812345678".into(),
            email: "li@hlju.edu.cn".into(),
            qq: String::new(),
            home_address: "哈尔滨市道里区中央大街1号".into(),
            home_postcode: "150010".into(),
            home_phone: String::new(),
            family_contact: "李建国".into(),
        },
        locked: Locked {
            name: "李小明".into(),
            details: Details {
                major: "软件工程".into(),
                ..Details::default()
            },
            ..Locked::default()
        },
        issues: Vec::new(),
        edited_by: None,
    }
}

fn actor(part: Part) -> Actor {
    Actor {
        account: Uuid::from_u128(7),
        part,
    }
}

fn submit() -> Command {
    Command::Submit {
        changes: OwnChanges::default(),
        issues: Vec::new(),
        checked: Checked::Yes,
    }
}

fn submit_with(issues: Vec<Issue>) -> Command {
    Command::Submit {
        changes: OwnChanges::default(),
        issues,
        checked: Checked::Yes,
    }
}

fn approve(version: u32) -> Command {
    Command::Approve {
        version,
        resolutions: Vec::new(),
    }
}

fn reason() -> Reason {
    Reason {
        code: "OTHER".into(),
        text: "家庭地址不完整".into(),
        fields: vec!["homeAddress".into()],
    }
}

fn send_back(version: u32) -> Command {
    Command::Return {
        version,
        reason: reason(),
    }
}

fn reopen() -> Command {
    Command::Reopen { reason: reason() }
}

fn commands(version: u32) -> [Command; 5] {
    [
        Command::SaveDraft(OwnChanges::default()),
        submit(),
        approve(version),
        send_back(version),
        reopen(),
    ]
}

fn issue(field: &str, proposed: &str) -> Issue {
    Issue {
        field: field.into(),
        present_value: String::new(),
        proposed_value: proposed.into(),
        note: String::new(),
        evidence_file_id: None,
        outcome: None,
        outcome_note: String::new(),
    }
}

/// What the table says, apart from `decide`.
fn table(levels: Levels, state: State, part: Part, event: &str) -> Option<State> {
    let two = levels == Levels::Two;
    match (state, part, event) {
        (State::Unconfirmed | State::Returned, Part::Student, "saveDraft") => Some(state),
        (State::Approved, Part::Student, "submit") => None,
        (_, Part::Student, "submit") => Some(State::Submitted),
        (State::Submitted, Part::Department, "approve") if two => Some(State::DepartmentPassed),
        (State::Submitted, Part::School, "approve") if !two => Some(State::Approved),
        (State::DepartmentPassed, Part::School, "approve") => Some(State::Approved),
        (State::Submitted, Part::Department, "return") if two => Some(State::Returned),
        (State::Submitted, Part::School, "return") if !two => Some(State::Returned),
        (State::DepartmentPassed, Part::School, "return") => Some(State::Returned),
        (State::Approved, Part::School, "reopen") => Some(State::Returned),
        _ => None,
    }
}

#[test]
fn every_state_command_and_part_is_as_the_table_says() {
    for levels in [Levels::One, Levels::Two] {
        for state in STATES {
            for part in PARTS {
                for command in commands(record(state).version) {
                    let event = command.event();
                    let decided = decide(&record(state), command, actor(part), around(levels), NOW);
                    let expected = table(levels, state, part, event);
                    assert_eq!(
                        decided.as_ref().ok().map(|decision| decision.to),
                        expected,
                        "{levels:?} {state:?} {part:?} {event}"
                    );
                    if let Ok(decision) = decided {
                        assert_eq!(decision.from, state);
                    }
                }
            }
        }
    }
}

#[test]
fn sending_again_makes_the_next_version_and_supersedes_the_open_one() {
    let decision = decide(
        &record(State::Submitted),
        submit(),
        actor(Part::Student),
        around(Levels::One),
        NOW,
    )
    .unwrap();
    assert_eq!((decision.version, decision.closing), (2, Closing::Superseded));
    let first = decide(
        &record(State::Unconfirmed),
        submit(),
        actor(Part::Student),
        around(Levels::One),
        NOW,
    )
    .unwrap();
    assert_eq!((first.version, first.closing), (1, Closing::Nothing));
}

#[test]
fn an_old_version_can_neither_be_approved_nor_returned() {
    let newer = Record {
        version: 2,
        ..record(State::Submitted)
    };
    for command in [approve(1), send_back(1), approve(3)] {
        let refused = decide(&newer, command, actor(Part::School), around(Levels::One), NOW);
        assert_eq!(refused, Err(Refusal::VersionConflict { present: 2 }));
    }
}

#[test]
fn an_incomplete_or_unconfirmed_record_is_not_sent() {
    let mut incomplete = record(State::Unconfirmed);
    incomplete.own.mobile = String::new();
    let refused = decide(
        &incomplete,
        submit(),
        actor(Part::Student),
        around(Levels::One),
        NOW,
    );
    assert!(matches!(refused, Err(Refusal::Fields(faults)) if faults[0].field == "mobile"));
    let unchecked = Command::Submit {
        changes: OwnChanges::default(),
        issues: Vec::new(),
        checked: Checked::No,
    };
    let refused = decide(
        &record(State::Unconfirmed),
        unchecked,
        actor(Part::Student),
        around(Levels::One),
        NOW,
    );
    assert_eq!(refused, Err(Refusal::NotChecked));
}

#[test]
fn records_are_sent_only_inside_the_window() {
    let window = |open, close| Surroundings {
        window: Effective::Within(Days::new(open, close).unwrap()),
        ..around(Levels::One)
    };
    let before = window(date!(2026 - 03 - 02), date!(2026 - 03 - 03));
    let after = window(date!(2026 - 02 - 01), date!(2026 - 02 - 28));
    let inside = window(date!(2026 - 03 - 01), date!(2026 - 03 - 01));
    for (surroundings, fine) in [(before, false), (after, false), (inside, true)] {
        let decided = decide(
            &record(State::Unconfirmed),
            submit(),
            actor(Part::Student),
            surroundings,
            NOW,
        );
        assert_eq!(decided.is_ok(), fine);
    }
}

#[test]
fn flagged_fields_are_checked() {
    let refusal = |issues| {
        decide(
            &record(State::Unconfirmed),
            submit_with(issues),
            actor(Part::Student),
            around(Levels::One),
            NOW,
        )
        .unwrap_err()
    };
    let problem = |refusal| match refusal {
        Refusal::Issue { problem, .. } => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        problem(refusal(vec![issue("mobile", "1")])),
        IssueProblem::UnknownField
    );
    assert_eq!(
        problem(refusal(vec![issue("major", "软件工程")])),
        IssueProblem::SameValue
    );
    assert_eq!(
        problem(refusal(vec![issue("major", "甲"), issue("major", "乙")])),
        IssueProblem::Twice
    );
    assert_eq!(
        problem(refusal(vec![issue("name", "李晓明")])),
        IssueProblem::EvidenceMissing
    );
}

#[test]
fn a_flagged_field_must_be_settled_before_the_approval() {
    let sent = decide(
        &record(State::Unconfirmed),
        submit_with(vec![issue("major", "计算机")]),
        actor(Part::Student),
        around(Levels::One),
        NOW,
    )
    .unwrap();
    let mut waiting = record(State::Submitted);
    waiting.issues = sent.issues;
    let decide = |record: &Record, resolutions| {
        decide(
            record,
            Command::Approve {
                version: 1,
                resolutions,
            },
            actor(Part::School),
            around(Levels::One),
            NOW,
        )
    };
    let with = |outcome| {
        vec![Resolution {
            field: "major".into(),
            outcome,
            note: "以学籍为准".into(),
        }]
    };
    assert_eq!(
        decide(&waiting, vec![]),
        Err(Refusal::Unsettled {
            field: "major".into()
        })
    );
    assert_eq!(
        decide(&waiting, with(Outcome::Corrected)),
        Err(Refusal::NotCorrected {
            field: "major".into()
        })
    );
    assert_eq!(
        decide(&waiting, with(Outcome::Kept)).unwrap().issues[0].outcome,
        Some(Outcome::Kept)
    );
    waiting.locked.details.major = "计算机".into();
    assert_eq!(
        decide(&waiting, with(Outcome::Corrected)).unwrap().to,
        State::Approved
    );
}

#[test]
fn nobody_approves_what_they_changed_themselves() {
    let edited = Record {
        edited_by: Some(actor(Part::School).account),
        ..record(State::Submitted)
    };
    let refused = decide(&edited, approve(1), actor(Part::School), around(Levels::One), NOW);
    assert_eq!(refused, Err(Refusal::OwnEdit));
    let other = Actor {
        account: Uuid::from_u128(8),
        part: Part::School,
    };
    assert!(decide(&edited, approve(1), other, around(Levels::One), NOW).is_ok());
}

#[test]
fn a_record_with_an_agreement_stays_approved() {
    let held = Surroundings {
        agreement_held: true,
        ..around(Levels::One)
    };
    let refused = decide(&record(State::Approved), reopen(), actor(Part::School), held, NOW);
    assert_eq!(refused, Err(Refusal::AgreementHeld));
}

#[test]
fn states_read_back_as_they_were_written() {
    for state in STATES {
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    assert_eq!(State::parse("OTHER"), None);
}

proptest! {
    #[test]
    fn whatever_happens_versions_grow_by_submissions_only(
        steps in proptest::collection::vec((0_usize..5, 0_usize..3, 0_u32..3), 0..40), two in any::<bool>(),
    ) {
        let levels = if two { Levels::Two } else { Levels::One };
        let mut now = record(State::Unconfirmed);
        let mut submissions = 0;
        for (command, part, lag) in steps {
            let version = now.version.saturating_sub(lag);
            let command = commands(version)[command].clone();
            let event = command.event();
            if let Ok(decision) = decide(&now, command, actor(PARTS[part]), around(levels), NOW) {
                submissions += u32::from(event == "submit");
                prop_assert_eq!(decision.version, submissions);
                prop_assert!(event != "approve" || version == now.version, "only the open version is approved");
                prop_assert!(decision.to != State::Unconfirmed || submissions == 0);
                now = Record { state: decision.to, version: decision.version, ..now };
            }
        }
    }
}
