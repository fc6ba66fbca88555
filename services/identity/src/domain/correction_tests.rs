//! Every state by every command, and what a student may ask for.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    locked_fields::{Details, Locked},
    own_fields::OwnFields,
};

const SCHOOL: &str = "4123010212";

fn base() -> Base {
    let text = str::to_owned;
    Base {
        state: origin::State::Approved,
        school_code: text(SCHOOL),
        fields: Fields {
            locked: Locked {
                student_number: text("2022000001"),
                cohort: 2026,
                name: text("李明"),
                department: text("计算机学院"),
                class_name: text("软件1"),
                identity_number: text("11010519491231002X"),
                details: Details {
                    examination_number: text("26230101000001"),
                    gender: text("2"),
                    birth_date: text("1949-12-31"),
                    identity_kind: text("1"),
                    ethnic: text("01"),
                    political: text("13"),
                    education: text("31"),
                    major_code: text("080902"),
                    major: text("软件工程"),
                    training_mode: text("1"),
                    schooling_years: text("4"),
                    enrolment: text("2022-09"),
                    graduation: text("2026-07"),
                    ..Details::default()
                },
            },
            own: OwnFields {
                origin_region: text("230102"),
                mobile: text("13812345678"),
                ..OwnFields::default()
            },
        },
    }
}

fn asked(field: &str, value: &str) -> Asked {
    Asked {
        field: field.to_owned(),
        value: value.to_owned(),
        evidence: Vec::new(),
    }
}

fn proved(field: &str, value: &str) -> Asked {
    Asked {
        evidence: vec![Uuid::nil()],
        ..asked(field, value)
    }
}

fn correction(state: State, changes: Vec<Change>, first_approver: Option<u128>) -> Correction {
    Correction {
        state,
        identity_keys: touches_identity(&changes),
        changes,
        first_approver: first_approver.map(Uuid::from_u128),
    }
}

fn major() -> Vec<Change> {
    request(&base(), vec![asked("major", "网络工程")]).unwrap()
}

fn name() -> Vec<Change> {
    request(&base(), vec![proved("name", "李鸣")]).unwrap()
}

fn actor(part: Part, account: u128) -> Actor {
    Actor {
        account: Uuid::from_u128(account),
        part,
    }
}

fn approve(correction: &Correction, part: Part, account: u128, levels: Levels) -> Result<Decision, Refusal> {
    let command = Command::Approve(Confirmed::No);
    decide(correction, command, actor(part, account), levels, &base())
}

#[test]
fn a_request_keeps_old_and_new_values_in_the_tables_own_form() {
    let changes = request(
        &base(),
        vec![asked("political", "1"), asked("mobile", " 13900000000 ")],
    )
    .unwrap();
    let pairs: Vec<(&str, &str, &str)> = changes
        .iter()
        .map(|change| {
            (
                change.field.as_str(),
                change.old_value.as_str(),
                change.new_value.as_str(),
            )
        })
        .collect();
    assert_eq!(
        pairs,
        [
            ("politicalCode", "13", "01"),
            ("mobile", "13812345678", "13900000000")
        ]
    );
}

#[test]
fn what_is_asked_for_must_be_new_known_proved_and_possible() {
    let refused = |asked| request(&base(), asked).unwrap_err();
    assert_eq!(
        refused(vec![asked("cohort", "2027")]),
        Refusal::UnknownField { index: 0 }
    );
    assert_eq!(
        refused(vec![asked("major", "网络工程"), asked("major", "物联网工程")]),
        Refusal::Twice { index: 1 }
    );
    assert_eq!(
        refused(vec![asked("major", " 软件工程 ")]),
        Refusal::SameValue { index: 0 }
    );
    for key in locked_fields::IDENTITY_KEYS {
        assert_eq!(
            refused(vec![asked(key, "x")]),
            Refusal::EvidenceMissing { index: 0 }
        );
    }
    let Refusal::Fields(faults) = refused(vec![
        proved("identityNumber", "110105194912310021"),
        asked("trainingModeCode", "2"),
        asked("mobile", "1"),
    ]) else {
        panic!("accepted")
    };
    let fields: Vec<&str> = faults.iter().map(|fault| fault.field).collect();
    // Training for somebody wants to know for whom.
    assert_eq!(fields, ["identityNumber", "commissioningUnit", "mobile"]);
    let open = Base {
        state: origin::State::Submitted,
        ..base()
    };
    assert_eq!(
        request(&open, vec![asked("major", "网络工程")]),
        Err(Refusal::BaseNotApproved)
    );
}

#[test]
fn an_ordinary_field_takes_one_approval_of_the_school() {
    let waiting = correction(State::Submitted, major(), None);
    let decision = approve(&waiting, Part::School, 1, Levels::One).unwrap();
    assert_eq!(decision.to, State::Approved);
    assert_eq!(decision.corrected.unwrap().locked.details.major, "网络工程");
}

#[test]
fn an_identity_key_takes_two_people() {
    let waiting = correction(State::Submitted, name(), None);
    let first = approve(&waiting, Part::School, 1, Levels::One).unwrap();
    assert_eq!((first.to, first.corrected), (State::FirstApproved, None));
    let again = correction(first.to, name(), Some(1));
    assert_eq!(
        approve(&again, Part::School, 1, Levels::One),
        Err(Refusal::SamePerson)
    );
    let second = approve(&again, Part::School, 2, Levels::One).unwrap();
    assert_eq!(second.to, State::Approved);
    assert_eq!(second.corrected.unwrap().locked.name, "李鸣");
}

#[test]
fn the_department_comes_first_where_there_are_two_levels() {
    let waiting = correction(State::Submitted, name(), None);
    assert_eq!(
        approve(&waiting, Part::School, 1, Levels::Two),
        Err(Refusal::OtherLevel {
            waits_for: Part::Department
        })
    );
    let passed = approve(&waiting, Part::Department, 1, Levels::Two).unwrap();
    assert_eq!((passed.to, passed.corrected), (State::DepartmentPassed, None));
    let waiting = correction(passed.to, name(), Some(1));
    assert_eq!(
        approve(&waiting, Part::Department, 3, Levels::Two),
        Err(Refusal::OtherLevel {
            waits_for: Part::School
        })
    );
    let done = approve(&waiting, Part::School, 2, Levels::Two).unwrap();
    assert!(done.to == State::Approved && done.corrected.is_some());
}

#[test]
fn values_that_moved_must_be_confirmed_and_a_record_that_was_opened_again_is_not_corrected() {
    let waiting = correction(State::Submitted, major(), None);
    let mut moved = base();
    moved.fields.locked.details.major = "人工智能".to_owned();
    let by = actor(Part::School, 1);
    let command = Command::Approve;
    assert_eq!(
        decide(&waiting, command(Confirmed::No), by, Levels::One, &moved),
        Err(Refusal::ValuesChanged {
            fields: vec!["major".to_owned()]
        })
    );
    let decision = decide(&waiting, command(Confirmed::Yes), by, Levels::One, &moved).unwrap();
    assert_eq!(decision.to, State::Approved);
    let opened = Base {
        state: origin::State::Returned,
        ..base()
    };
    assert_eq!(
        decide(&waiting, command(Confirmed::Yes), by, Levels::One, &opened),
        Err(Refusal::BaseNotApproved)
    );
    assert!(
        decide(
            &waiting,
            Command::Withdraw,
            actor(Part::Student, 9),
            Levels::One,
            &opened
        )
        .is_ok()
    );
}

proptest! {
    #[test]
    fn each_state_role_and_command_goes_as_the_table_says(
        state in prop::sample::select(State::ALL.to_vec()),
        part in prop::sample::select(vec![Part::Student, Part::Department, Part::School]),
        which in 0..3_usize,
        two in any::<bool>(),
        key in any::<bool>(),
        first in prop::option::of(1..3_u128),
        account in 1..3_u128,
    ) {
        let command = match which {
            0 => Command::Withdraw,
            1 => Command::Approve(Confirmed::No),
            _ => Command::Reject(Reason::default()),
        };
        let levels = if two { Levels::Two } else { Levels::One };
        let before = correction(state, if key { name() } else { major() }, first);
        let outcome = decide(&before, command.clone(), actor(part, account), levels, &base());
        match outcome {
            Ok(decision) => {
                prop_assert!(state.is_open());
                prop_assert_eq!(part == Part::Student, which == 0);
                prop_assert_eq!(decision.corrected.is_some(), decision.to == State::Approved);
                if decision.to == State::Approved && key {
                    prop_assert!(first.is_some() && first != Some(account), "one person alone");
                }
                if part != Part::Student {
                    prop_assert_eq!(Some(part), waits_for(state, levels));
                }
            }
            Err(Refusal::NotYours) => prop_assert_ne!(part == Part::Student, which == 0),
            Err(Refusal::InvalidTransition { from, .. }) => prop_assert!(!from.is_open()),
            Err(Refusal::OtherLevel { waits_for: next }) => prop_assert_ne!(next, part),
            Err(Refusal::SamePerson) => prop_assert!(key && first == Some(account) && which == 1),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}
