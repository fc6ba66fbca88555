//! Whose agreements a caller may see; every query is told.

use qihang_kit::{
    auth::{Principal, Role},
    status::Fault,
};
use qihang_proto::identity::v1::DirectoryStudent;
use uuid::Uuid;

use crate::domain::{
    agreement::{Actor, Command, Level, Party},
    refusal::Refusal,
};

/// The filters of a caller; those that are none do not count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) student_id: Option<Uuid>,
    pub(crate) employer_id: Option<Uuid>,
    pub(crate) school_code: Option<String>,
    pub(crate) department: Option<String>,
    /// Classes of the department; none for all.
    pub(crate) classes: Vec<String>,
}

impl Scope {
    /// Everything: for tasks and consumers.
    pub(crate) fn system() -> Self {
        Self::default()
    }

    /// Whether a student is of the staff's school, department and classes.
    pub(crate) fn covers(&self, student: &DirectoryStudent) -> bool {
        self.school_code.as_ref() == Some(&student.school_code)
            && self
                .department
                .as_ref()
                .is_none_or(|department| *department == student.department)
            && (self.classes.is_empty() || self.classes.contains(&student.class_name))
    }

    /// The caller's.
    pub(crate) fn of(principal: &Principal) -> Result<Self, Fault> {
        let scope = match principal.role {
            Role::Student => Self {
                student_id: Some(need(principal.student_id)?),
                ..Self::default()
            },
            Role::Employer => Self {
                employer_id: Some(need(principal.employer_id)?),
                ..Self::default()
            },
            Role::School => Self {
                school_code: Some(need(principal.school_code.clone())?),
                ..Self::default()
            },
            Role::Department => Self {
                school_code: Some(need(principal.school_code.clone())?),
                department: Some(need(principal.department.clone())?),
                classes: principal.classes.clone(),
                ..Self::default()
            },
            Role::Province | Role::Service => return Err(denied()),
        };
        Ok(scope)
    }
}

/// How the rules see the caller.
pub(crate) fn actor(principal: &Principal) -> Result<Actor, Fault> {
    match principal.role {
        Role::Student => Ok(Actor::Party(Party::Student)),
        Role::Employer => Ok(Actor::Party(Party::Employer)),
        Role::School => Ok(Actor::Reviewer {
            level: Level::School,
            account: principal.account_id,
        }),
        Role::Department => Ok(Actor::Reviewer {
            level: Level::Department,
            account: principal.account_id,
        }),
        Role::Province | Role::Service => Err(denied()),
    }
}

/// Whether the caller may bind the party that they act for: of an employer's members only some do.
///
/// # Errors
/// `MayNotSign`.
pub(crate) fn may_sign(principal: &Principal) -> Result<(), Refusal> {
    let signs = matches!(principal.employer_role.as_deref(), Some("ADMIN" | "SIGNER"));
    if principal.role == Role::Employer && !signs {
        return Err(Refusal::MayNotSign);
    }
    Ok(())
}

/// Whether the caller may give this command at all: all but drafting binds.
///
/// # Errors
/// `MayNotSign`.
pub(crate) fn may(principal: &Principal, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Update | Command::Discard => Ok(()),
        _ => may_sign(principal),
    }
}

fn need<T>(value: Option<T>) -> Result<T, Fault> {
    value.ok_or_else(denied)
}

fn denied() -> Fault {
    Fault::permission_denied("ROLE_NOT_ALLOWED", "您的身份不能进行这项操作")
}
