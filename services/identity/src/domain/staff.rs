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

/// Whether the word of who acts is enough for what is done to the province's administrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Say {
    /// Two persons have agreed, or it is not about administrators.
    Whole,
    /// The province has no other administrator who could agree.
    Alone,
    /// Another one has to agree.
    Half,
}

/// Who acts: a school's staff or the province's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manager<'a> {
    pub(crate) account: Uuid,
    /// The school; none for the province.
    pub(crate) school: Option<&'a str>,
    pub(crate) say: Say,
}

/// A staff account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) place: Place,
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
    /// A second administrator of the province has to agree.
    SecondPerson,
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
    /// Only staff of a department is limited to classes.
    ClassesUnwanted,
    /// The names of the classes are too long together.
    ClassesTooLong,
}

/// Most bytes of the names of an account's classes together: they stand in its access token, and that in a cookie, of which
/// browsers keep 4,096 bytes.
const CLASSES_BYTES: usize = 1_800;

/// Where an account belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) level: Level,
    pub(crate) school: Option<String>,
    pub(crate) department: Option<String>,
    /// Only these classes of the department, in order; none for all.
    pub(crate) classes: Vec<String>,
}

/// Where an account is to belong, as given: empty for none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) level: Level,
    pub(crate) school: &'a str,
    pub(crate) department: &'a str,
    pub(crate) classes: &'a [String],
}

/// What is to change of where an account belongs; what is none stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    pub(crate) level: Option<Level>,
    pub(crate) school: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) classes: Option<Vec<String>>,
}

/// Decides where a new account belongs.
pub(crate) fn create(manager: Manager<'_>, wanted: Wanted<'_>) -> Result<Place, Refusal> {
    let place = place(manager, wanted)?;
    if place.level == Level::Province {
        agreed(manager)?;
    }
    Ok(place)
}

/// Decides where an account belongs after a change.
pub(crate) fn change(account: &Account, change: &Change, manager: Manager<'_>) -> Result<Place, Refusal> {
    in_scope(account, manager)?;
    let before = &account.place;
    let level = change.level.unwrap_or(before.level);
    // What does not go with the new level falls away unless it is given; classes go with their department.
    let text = |given: &Option<String>, old: &Option<String>, fits: bool| match given {
        Some(given) => given.trim().to_owned(),
        None if fits => old.clone().unwrap_or_default(),
        None => String::new(),
    };
    let department = text(&change.department, &before.department, level == Level::Department);
    let classes = match &change.classes {
        Some(given) => given.as_slice(),
        None if before.department.as_ref() == Some(&department) => &before.classes,
        None => &[],
    };
    let wanted = Wanted {
        level,
        school: &text(&change.school, &before.school, level != Level::Province),
        department: &department,
        classes,
    };
    let next = place(manager, wanted)?;
    if next == *before {
        return Ok(next);
    }
    if account.id == manager.account {
        return Err(Refusal::Oneself);
    }
    let lowers = before.level == Level::Province && next.level != Level::Province;
    if lowers && account.state == State::Active && account.last_administrator {
        return Err(Refusal::LastAdministrator);
    }
    if next.level == Level::Province && before.level != Level::Province {
        agreed(manager)?;
    }
    Ok(next)
}

fn place(manager: Manager<'_>, wanted: Wanted<'_>) -> Result<Place, Refusal> {
    let level = wanted.level;
    if level == Level::Province && manager.school.is_some() {
        return Err(Refusal::LevelTooHigh);
    }
    let school = match (level, manager.school, wanted.school) {
        (Level::Province, _, "") => None,
        (Level::Province, ..) => return Err(Refusal::OtherSchool),
        (_, Some(own), given) if given.is_empty() || given == own => Some(own.to_owned()),
        (_, Some(_), _) => return Err(Refusal::OtherSchool),
        (_, None, "") => return Err(Refusal::SchoolMissing),
        (_, None, given) => Some(given.to_owned()),
    };
    let department = match (level, wanted.department.trim()) {
        (Level::Department, "") => return Err(Refusal::DepartmentMissing),
        (Level::Department, given) => Some(given.to_owned()),
        (_, "") => None,
        _ => return Err(Refusal::DepartmentUnwanted),
    };
    Ok(Place {
        level,
        school,
        department,
        classes: classes(level, wanted.classes)?,
    })
}

fn classes(level: Level, wanted: &[String]) -> Result<Vec<String>, Refusal> {
    let mut classes: Vec<String> = wanted
        .iter()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    classes.sort_unstable();
    classes.dedup();
    if !classes.is_empty() && level != Level::Department {
        return Err(Refusal::ClassesUnwanted);
    }
    if classes.iter().map(String::len).sum::<usize>() > CLASSES_BYTES {
        return Err(Refusal::ClassesTooLong);
    }
    Ok(classes)
}

/// Decides what state an account is in after a command.
pub(crate) fn decide(account: &Account, command: Command, manager: Manager<'_>) -> Result<State, Refusal> {
    in_scope(account, manager)?;
    if account.id == manager.account {
        return Err(Refusal::Oneself);
    }
    let next = match (command, account.state) {
        (Command::Disable, State::Active) if account.last_administrator => {
            return Err(Refusal::LastAdministrator);
        }
        (Command::Disable, State::Active | State::Pending) => State::Disabled,
        (Command::Enable, State::Disabled) if account.has_password => State::Active,
        (Command::Enable, State::Disabled) => State::Pending,
        (Command::Reset, State::Active | State::Pending) => account.state,
        (Command::Disable | Command::Reset, from @ State::Disabled)
        | (Command::Enable, from @ (State::Active | State::Pending)) => {
            return Err(Refusal::InvalidTransition {
                from,
                event: command.name(),
            });
        }
    };
    // Taking power away must be quick; giving it takes two.
    if account.place.level == Level::Province && command != Command::Disable {
        agreed(manager)?;
    }
    Ok(next)
}

fn in_scope(account: &Account, manager: Manager<'_>) -> Result<(), Refusal> {
    let Some(school) = manager.school else {
        return Ok(());
    };
    if account.place.level == Level::Province || account.place.school.as_deref() != Some(school) {
        return Err(Refusal::OutOfScope);
    }
    Ok(())
}

/// What makes an administrator of the province wants two of them.
fn agreed(manager: Manager<'_>) -> Result<(), Refusal> {
    match manager.say {
        Say::Whole | Say::Alone => Ok(()),
        Say::Half => Err(Refusal::SecondPerson),
    }
}

#[cfg(test)]
#[path = "staff_tests.rs"]
mod tests;
