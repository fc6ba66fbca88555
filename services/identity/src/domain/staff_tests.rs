//! Every pair of state and command, and where accounts may belong.

use super::*;

const MANAGER: Uuid = Uuid::from_u128(1);

fn province() -> Manager<'static> {
    Manager {
        account: MANAGER,
        school: None,
        say: Say::Whole,
    }
}

fn school() -> Manager<'static> {
    Manager {
        account: MANAGER,
        school: Some("4123010212"),
        say: Say::Whole,
    }
}

fn account(state: State) -> Account {
    Account {
        id: Uuid::from_u128(2),
        place: at(Level::School, Some("4123010212"), None),
        state,
        has_password: true,
        last_administrator: false,
    }
}

#[test]
fn every_pair_of_state_and_command_is_decided() {
    let refused = |from, command: Command| {
        Err(Refusal::InvalidTransition {
            from,
            event: command.name(),
        })
    };
    let table = [
        (State::Pending, Command::Disable, Ok(State::Disabled)),
        (State::Active, Command::Disable, Ok(State::Disabled)),
        (
            State::Disabled,
            Command::Disable,
            refused(State::Disabled, Command::Disable),
        ),
        (
            State::Pending,
            Command::Enable,
            refused(State::Pending, Command::Enable),
        ),
        (
            State::Active,
            Command::Enable,
            refused(State::Active, Command::Enable),
        ),
        (State::Disabled, Command::Enable, Ok(State::Active)),
        (State::Pending, Command::Reset, Ok(State::Pending)),
        (State::Active, Command::Reset, Ok(State::Active)),
        (
            State::Disabled,
            Command::Reset,
            refused(State::Disabled, Command::Reset),
        ),
    ];
    for (state, command, outcome) in table {
        assert_eq!(
            decide(&account(state), command, province()),
            outcome,
            "{state:?} {command:?}"
        );
    }
    let never_activated = Account {
        has_password: false,
        ..account(State::Disabled)
    };
    assert_eq!(
        decide(&never_activated, Command::Enable, province()),
        Ok(State::Pending)
    );
}

#[test]
fn nobody_acts_on_themselves_on_other_schools_or_on_the_last_administrator() {
    let own = Account {
        id: MANAGER,
        ..account(State::Active)
    };
    assert_eq!(decide(&own, Command::Reset, school()), Err(Refusal::Oneself));
    let other = Account {
        place: at(Level::School, Some("4123010213"), None),
        ..account(State::Active)
    };
    assert_eq!(
        decide(&other, Command::Disable, school()),
        Err(Refusal::OutOfScope)
    );
    let last = Account {
        place: at(Level::Province, None, None),
        last_administrator: true,
        ..account(State::Active)
    };
    assert_eq!(
        decide(&last, Command::Disable, school()),
        Err(Refusal::OutOfScope)
    );
    assert_eq!(
        decide(&last, Command::Disable, province()),
        Err(Refusal::LastAdministrator)
    );
}

fn at(level: Level, school: Option<&str>, department: Option<&str>) -> Place {
    Place {
        level,
        school: school.map(str::to_owned),
        department: department.map(str::to_owned),
        classes: Vec::new(),
    }
}

fn wanted<'a>(level: Level, school: &'a str, department: &'a str) -> Wanted<'a> {
    Wanted {
        level,
        school,
        department,
        classes: &[],
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn new_accounts_belong_below_or_beside_their_maker() {
    let (first, second) = ("4123010212", "4123010213");
    let table = [
        (
            province(),
            wanted(Level::Province, "", ""),
            Ok(at(Level::Province, None, None)),
        ),
        (
            province(),
            wanted(Level::School, second, ""),
            Ok(at(Level::School, Some(second), None)),
        ),
        (
            province(),
            wanted(Level::School, "", ""),
            Err(Refusal::SchoolMissing),
        ),
        (
            school(),
            wanted(Level::Province, "", ""),
            Err(Refusal::LevelTooHigh),
        ),
        (
            school(),
            wanted(Level::School, second, ""),
            Err(Refusal::OtherSchool),
        ),
        (
            school(),
            wanted(Level::Department, "", "外语系"),
            Ok(at(Level::Department, Some(first), Some("外语系"))),
        ),
        (
            school(),
            wanted(Level::Department, "", " "),
            Err(Refusal::DepartmentMissing),
        ),
        (
            school(),
            wanted(Level::School, "", "外语系"),
            Err(Refusal::DepartmentUnwanted),
        ),
    ];
    for (manager, wanted, outcome) in table {
        assert_eq!(create(manager, wanted), outcome, "{wanted:?}");
    }
}

#[test]
fn classes_belong_to_departments_and_fit_into_a_cookie() {
    let of = |level, department, classes: &[String]| {
        create(
            school(),
            Wanted {
                classes,
                ..wanted(level, "", department)
            },
        )
        .map(|place| place.classes)
    };
    let given = names(&[" 软件2201 ", "软件2202", "软件2201", ""]);
    assert_eq!(
        of(Level::Department, "计算机学院", &given),
        Ok(names(&["软件2201", "软件2202"]))
    );
    assert_eq!(of(Level::School, "", &given), Err(Refusal::ClassesUnwanted));
    let long: Vec<String> = (0..50)
        .map(|number| format!("软件工程（中外合作办学）{number}"))
        .collect();
    assert_eq!(
        of(Level::Department, "计算机学院", &long),
        Err(Refusal::ClassesTooLong)
    );
}

/// Somebody of a department, limited to a class.
fn teacher() -> Account {
    Account {
        place: Place {
            classes: names(&["软件2201"]),
            ..at(Level::Department, Some("4123010212"), Some("计算机学院"))
        },
        ..account(State::Active)
    }
}

#[test]
fn a_change_keeps_what_still_fits() {
    let level = |level| Change {
        level: Some(level),
        ..Change::default()
    };
    assert_eq!(
        change(&teacher(), &Change::default(), school()),
        Ok(teacher().place)
    );
    assert_eq!(
        change(&teacher(), &level(Level::School), school()),
        Ok(at(Level::School, Some("4123010212"), None))
    );
    assert_eq!(
        change(&teacher(), &level(Level::Province), province()),
        Ok(at(Level::Province, None, None))
    );
    let moved = Change {
        department: Some("外语系".to_owned()),
        ..Change::default()
    };
    assert_eq!(
        change(&teacher(), &moved, school()),
        Ok(at(Level::Department, Some("4123010212"), Some("外语系"))),
        "the classes were those of the other department"
    );
    let all = Change {
        classes: Some(Vec::new()),
        ..Change::default()
    };
    assert_eq!(
        change(&teacher(), &all, school()),
        Ok(at(Level::Department, Some("4123010212"), Some("计算机学院")))
    );
    assert_eq!(
        change(&account(State::Active), &level(Level::Department), school()),
        Err(Refusal::DepartmentMissing)
    );
}

#[test]
fn nobody_changes_where_they_belong_themselves_nor_beyond_their_reach() {
    let level = |level| Change {
        level: Some(level),
        ..Change::default()
    };
    let own = Account {
        id: MANAGER,
        ..account(State::Active)
    };
    let unchanged = change(&own, &Change::default(), school());
    assert_eq!(unchanged, Ok(own.place.clone()), "a new name alone");
    let department = Change {
        department: Some("外语系".to_owned()),
        ..level(Level::Department)
    };
    assert_eq!(change(&own, &department, school()), Err(Refusal::Oneself));
    assert_eq!(
        change(&teacher(), &level(Level::Province), school()),
        Err(Refusal::LevelTooHigh)
    );
    let other = Change {
        school: Some("4123010213".to_owned()),
        ..Change::default()
    };
    assert_eq!(change(&teacher(), &other, school()), Err(Refusal::OtherSchool));
    let administrator = Account {
        place: at(Level::Province, None, None),
        last_administrator: true,
        ..account(State::Active)
    };
    assert_eq!(change(&administrator, &other, school()), Err(Refusal::OutOfScope));
    let lowered = Change {
        school: Some("4123010212".to_owned()),
        ..level(Level::School)
    };
    assert_eq!(
        change(&administrator, &lowered, province()),
        Err(Refusal::LastAdministrator)
    );
    assert_eq!(
        change(&administrator, &level(Level::School), province()),
        Err(Refusal::SchoolMissing)
    );
}

#[test]
fn administrators_of_the_province_are_made_by_two() {
    let half = Manager {
        say: Say::Half,
        ..province()
    };
    let alone = Manager {
        say: Say::Alone,
        ..province()
    };
    let one = |state| Account {
        place: at(Level::Province, None, None),
        ..account(state)
    };
    let raise = Change {
        level: Some(Level::Province),
        ..Change::default()
    };
    let second = Err(Refusal::SecondPerson);
    assert_eq!(
        create(half, wanted(Level::Province, "", "")),
        Err(Refusal::SecondPerson)
    );
    assert_eq!(decide(&one(State::Disabled), Command::Enable, half), second);
    assert_eq!(decide(&one(State::Active), Command::Reset, half), second);
    assert_eq!(change(&teacher(), &raise, half), Err(Refusal::SecondPerson));
    for manager in [alone, province()] {
        assert!(create(manager, wanted(Level::Province, "", "")).is_ok());
        assert!(decide(&one(State::Disabled), Command::Enable, manager).is_ok());
        assert!(decide(&one(State::Active), Command::Reset, manager).is_ok());
        assert!(change(&teacher(), &raise, manager).is_ok());
    }
    assert_eq!(
        decide(&one(State::Active), Command::Disable, half),
        Ok(State::Disabled),
        "taking power away is quick"
    );
    assert!(create(half, wanted(Level::School, "4123010212", "")).is_ok());
    assert!(decide(&account(State::Active), Command::Reset, half).is_ok());
}
