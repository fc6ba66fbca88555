//! Schools: open or closed, who changes what, and what one has to do before its students can work (AD-01).

/// Whether a school takes anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It does.
    Open,
    /// It does not any more; who has an account keeps it.
    Closed,
}

impl State {
    /// The state as the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Closed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What the province does to a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Close,
    Reopen,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is so already.
    Already(State),
    /// The school takes nobody in.
    Closed,
    /// Only the province changes this field.
    ProvinceOnly { field: &'static str },
    /// The city is no code of the table of regions, or is of another province.
    RegionUnknown,
}

/// Decides what state a school is in after a command.
pub(crate) fn decide(state: State, command: Command) -> Result<State, Refusal> {
    match (command, state) {
        (Command::Close, State::Open) => Ok(State::Closed),
        (Command::Reopen, State::Closed) => Ok(State::Open),
        (Command::Close, State::Closed) | (Command::Reopen, State::Open) => Err(Refusal::Already(state)),
    }
}

/// Checks that a school takes somebody in: a registration, a roster, an account of staff.
pub(crate) fn takes_in(state: State) -> Result<(), Refusal> {
    match state {
        State::Open => Ok(()),
        State::Closed => Err(Refusal::Closed),
    }
}

/// How far a school is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Active accounts of the school's own staff.
    pub(crate) administrators: i64,
    pub(crate) has_contact: bool,
    pub(crate) has_phone: bool,
    /// Latest graduation year of its roster.
    pub(crate) cohort: Option<i32>,
    /// Students of that year.
    pub(crate) students: i64,
    pub(crate) two_levels: bool,
    /// Departments of that year without an active account.
    pub(crate) departments_without_staff: Vec<String>,
    /// That year has a window for signing.
    pub(crate) has_signing_window: bool,
}

/// Who does a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Province,
    School,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) done: bool,
    pub(crate) optional: bool,
    pub(crate) who: Who,
    pub(crate) detail: String,
}

impl Step {
    fn new(name: &'static str, title: &'static str, who: Who, done: bool, detail: String) -> Self {
        Self {
            name,
            title,
            done,
            optional: false,
            who,
            detail,
        }
    }

    fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

/// What a school has to do, in order: what its students cannot do without, then what they can.
pub(crate) fn steps(progress: &Progress) -> Vec<Step> {
    let accounts = format!("已激活 {} 个", progress.administrators);
    let mut steps = needed(progress, accounts.clone());
    let title = "再创建一个学校管理员账号，以便互相重置和双人审核";
    let second = progress.administrators > 1;
    steps.push(Step::new("SECOND_ADMINISTRATOR", title, Who::School, second, accounts).optional());
    let title = "设置本校签约时间；不设置时按省里的时间";
    let window = progress.has_signing_window;
    steps.push(Step::new("SIGNING_WINDOW", title, Who::School, window, String::new()).optional());
    steps
}

fn needed(progress: &Progress, accounts: String) -> Vec<Step> {
    let roster = match progress.cohort {
        Some(cohort) => format!("{cohort} 届 {} 人", progress.students),
        None => "尚未导入".to_owned(),
    };
    let staff = match (progress.two_levels, progress.departments_without_staff.as_slice()) {
        (false, _) => "学校一级审核，不需要院系账号".to_owned(),
        (true, []) => "每个院系都有账号".to_owned(),
        (true, without) => format!("缺少账号的院系：{}", without.join("、")),
    };
    let staffed = !progress.two_levels || progress.departments_without_staff.is_empty();
    let administrator = progress.administrators > 0;
    let office = "填写就业部门的联系人和电话，供注册不成功的学生联系";
    let reachable = progress.has_contact && progress.has_phone;
    vec![
        Step::new(
            "ADMINISTRATOR",
            "创建并激活学校管理员账号",
            Who::Province,
            administrator,
            accounts,
        ),
        Step::new("OFFICE", office, Who::School, reachable, String::new()),
        Step::new(
            "ROSTER",
            "导入生源信息",
            Who::School,
            progress.students > 0,
            roster,
        ),
        Step::new(
            "DEPARTMENT_STAFF",
            "为每个院系创建审核账号",
            Who::School,
            staffed,
            staff,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_school_closes_and_opens_and_nothing_twice() {
        assert_eq!(decide(State::Open, Command::Close), Ok(State::Closed));
        assert_eq!(decide(State::Closed, Command::Reopen), Ok(State::Open));
        assert_eq!(
            decide(State::Closed, Command::Close),
            Err(Refusal::Already(State::Closed))
        );
        assert_eq!(
            decide(State::Open, Command::Reopen),
            Err(Refusal::Already(State::Open))
        );
        for state in [State::Open, State::Closed] {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse(""), None);
    }

    #[test]
    fn a_closed_school_takes_nobody_in() {
        assert_eq!(takes_in(State::Open), Ok(()));
        assert_eq!(takes_in(State::Closed), Err(Refusal::Closed));
    }

    fn done(progress: &Progress) -> Vec<&'static str> {
        let steps = steps(progress).into_iter();
        steps.filter(|step| step.done).map(|step| step.name).collect()
    }

    #[test]
    fn a_new_school_has_everything_to_do_but_what_one_level_spares_it() {
        assert_eq!(done(&Progress::default()), ["DEPARTMENT_STAFF"]);
        let ready = Progress {
            administrators: 1,
            has_contact: true,
            has_phone: true,
            cohort: Some(2026),
            students: 10,
            ..Progress::default()
        };
        assert!(steps(&ready).iter().all(|step| step.done || step.optional));
        let half = Progress {
            has_phone: false,
            ..ready.clone()
        };
        assert!(!done(&half).contains(&"OFFICE"));
        let two_levels = Progress {
            two_levels: true,
            departments_without_staff: vec!["法学院".to_owned()],
            ..ready
        };
        let step = steps(&two_levels)
            .into_iter()
            .find(|step| step.name == "DEPARTMENT_STAFF")
            .unwrap();
        assert!(!step.done && step.detail.contains("法学院"), "{step:?}");
    }
}
