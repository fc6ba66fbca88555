//! Who may make, disable and reset which staff accounts: each level the ones below and beside it.

use uuid::Uuid;

/// A level of staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// 院系.
    Department,
    /// 学校.
    School,
    /// 省就业中心.
    Province,
}

impl Level {
    /// The level as tokens and the store write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Department => "DEPARTMENT",
            Self::School => "SCHOOL",
            Self::Province => "PROVINCE",
        }
    }

    /// Reads what [`Level::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Department, Self::School, Self::Province]
            .into_iter()
            .find(|level| level.as_str() == text)
    }
}

/// Whether an account may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits for its owner to set a password.
    Pending,
    /// May sign in.
    Active,
    /// May not.
    Disabled,
}

impl State {
    /// The state as the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Disabled => "DISABLED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Disabled]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// Who acts: a school's staff or the province's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manager<'a> {
    pub(crate) account: Uuid,
    /// The school; none for the province.
    pub(crate) school: Option<&'a str>,
}

/// A staff account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) level: Level,
    pub(crate) school: Option<String>,
    pub(crate) state: State,
    pub(crate) has_password: bool,
    /// True when no other administrator of the province could sign in.
    pub(crate) last_administrator: bool,
}

/// What is done to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Disable,
    Enable,
    Reset,
}

impl Command {
    /// The verb as in the route.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Reset => "reset",
        }
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The account is not one that this manager sees.
    OutOfScope,
    /// One's own account.
    Oneself,
    /// The province would have nobody left.
    LastAdministrator,
    /// Not in this state.
    InvalidTransition { from: State, event: &'static str },
    /// A school's staff cannot make staff of the province.
    LevelTooHigh,
    /// Staff of a school needs its school.
    SchoolMissing,
    /// A school's staff makes accounts of its own school only.
    OtherSchool,
    /// Staff of a department needs its department.
    DepartmentMissing,
    /// Only staff of a department has one.
    DepartmentUnwanted,
}

/// Where a new account belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) level: Level,
    pub(crate) school: Option<String>,
    pub(crate) department: Option<String>,
}

/// Decides where a new account belongs. `school` and `department` are as given, empty for none.
pub(crate) fn place(
    manager: Manager<'_>,
    level: Level,
    school: &str,
    department: &str,
) -> Result<Place, Refusal> {
    if level == Level::Province && manager.school.is_some() {
        return Err(Refusal::LevelTooHigh);
    }
    let school = match (level, manager.school, school) {
        (Level::Province, _, "") => None,
        (Level::Province, ..) => return Err(Refusal::OtherSchool),
        (_, Some(own), given) if given.is_empty() || given == own => Some(own.to_owned()),
        (_, Some(_), _) => return Err(Refusal::OtherSchool),
        (_, None, "") => return Err(Refusal::SchoolMissing),
        (_, None, given) => Some(given.to_owned()),
    };
    let department = match (level, department.trim()) {
        (Level::Department, "") => return Err(Refusal::DepartmentMissing),
        (Level::Department, given) => Some(given.to_owned()),
        (_, "") => None,
        _ => return Err(Refusal::DepartmentUnwanted),
    };
    Ok(Place {
        level,
        school,
        department,
    })
}

/// Decides what state an account is in after a command.
pub(crate) fn decide(account: &Account, command: Command, manager: Manager<'_>) -> Result<State, Refusal> {
    if let Some(school) = manager.school
        && (account.level == Level::Province || account.school.as_deref() != Some(school))
    {
        return Err(Refusal::OutOfScope);
    }
    if account.id == manager.account {
        return Err(Refusal::Oneself);
    }
    match (command, account.state) {
        (Command::Disable, State::Active) if account.last_administrator => Err(Refusal::LastAdministrator),
        (Command::Disable, State::Active | State::Pending) => Ok(State::Disabled),
        (Command::Enable, State::Disabled) if account.has_password => Ok(State::Active),
        (Command::Enable, State::Disabled) => Ok(State::Pending),
        (Command::Reset, State::Active | State::Pending) => Ok(account.state),
        (Command::Disable | Command::Reset, from @ State::Disabled)
        | (Command::Enable, from @ (State::Active | State::Pending)) => Err(Refusal::InvalidTransition {
            from,
            event: command.name(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANAGER: Uuid = Uuid::from_u128(1);

    fn province() -> Manager<'static> {
        Manager {
            account: MANAGER,
            school: None,
        }
    }

    fn school() -> Manager<'static> {
        Manager {
            account: MANAGER,
            school: Some("4123010212"),
        }
    }

    fn account(state: State) -> Account {
        Account {
            id: Uuid::from_u128(2),
            level: Level::School,
            school: Some("4123010212".to_owned()),
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
            school: Some("4123010213".to_owned()),
            ..account(State::Active)
        };
        assert_eq!(
            decide(&other, Command::Disable, school()),
            Err(Refusal::OutOfScope)
        );
        let last = Account {
            level: Level::Province,
            school: None,
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

    #[test]
    fn new_accounts_belong_below_or_beside_their_maker() {
        let at = |level, school: Option<&str>, department: Option<&str>| {
            Ok(Place {
                level,
                school: school.map(str::to_owned),
                department: department.map(str::to_owned),
            })
        };
        assert_eq!(
            place(province(), Level::Province, "", ""),
            at(Level::Province, None, None)
        );
        assert_eq!(
            place(province(), Level::School, "4123010213", ""),
            at(Level::School, Some("4123010213"), None)
        );
        assert_eq!(
            place(province(), Level::School, "", ""),
            Err(Refusal::SchoolMissing)
        );
        assert_eq!(
            place(school(), Level::Province, "", ""),
            Err(Refusal::LevelTooHigh)
        );
        assert_eq!(
            place(school(), Level::School, "4123010213", ""),
            Err(Refusal::OtherSchool)
        );
        assert_eq!(
            place(school(), Level::Department, "", "外语系"),
            at(Level::Department, Some("4123010212"), Some("外语系"))
        );
        assert_eq!(
            place(school(), Level::Department, "", " "),
            Err(Refusal::DepartmentMissing)
        );
        assert_eq!(
            place(school(), Level::School, "", "外语系"),
            Err(Refusal::DepartmentUnwanted)
        );
    }
}
