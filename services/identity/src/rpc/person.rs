//! The caller as the roster's calls see one: whose students, which part, who is written into the history.

use qihang_kit::{
    auth::{self, Principal, Role},
    status::Fault,
};
use tonic::Request;
use uuid::Uuid;

use crate::{
    domain::origin::{Actor, Part},
    store::{history::Author, students::Scope},
};

/// A signed-in caller.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) principal: Principal,
    pub(crate) author: Author,
}

impl Person {
    /// The caller of a request.
    pub(crate) fn of<T>(request: &Request<T>) -> Result<Self, Fault> {
        let principal = auth::principal(request)?.clone();
        let author = author(request, Some(&principal));
        Ok(Self { principal, author })
    }

    /// The school the caller belongs to.
    pub(crate) fn school_code(&self) -> Result<&str, Fault> {
        self.principal.school_code.as_deref().ok_or_else(no_school)
    }

    /// Whose students the caller may touch.
    pub(crate) fn scope(&self) -> Result<Scope, Fault> {
        let school_code = self.school_code()?.to_owned();
        let (department, classes) = match self.principal.role {
            Role::Department => (
                Some(self.principal.department.clone().ok_or_else(no_school)?),
                self.principal.classes.clone(),
            ),
            _ => (None, Vec::new()),
        };
        Ok(Scope {
            school_code,
            department,
            classes,
        })
    }

    /// The caller in the review of a record.
    pub(crate) fn actor(&self) -> Result<Actor, Fault> {
        let part = match self.principal.role {
            Role::Student => Part::Student,
            Role::Department => Part::Department,
            Role::School => Part::School,
            _ => return Err(no_school()),
        };
        Ok(Actor {
            account: self.principal.account_id,
            part,
        })
    }

    /// The student that the caller is.
    pub(crate) fn student_id(&self) -> Result<Uuid, Fault> {
        self.principal.student_id.ok_or_else(no_school)
    }

    /// The employer that the caller belongs to.
    pub(crate) fn employer_id(&self) -> Result<Uuid, Fault> {
        self.principal
            .employer_id
            .ok_or_else(|| Fault::permission_denied("NO_EMPLOYER", "您的账号不属于任何用人单位"))
    }
}

/// Who is written into a history.
pub(crate) fn author<T>(request: &Request<T>, principal: Option<&Principal>) -> Author {
    let caller = auth::caller(request);
    Author {
        account: principal.map(|principal| principal.account_id),
        role: principal
            .map_or("EMPLOYER", |principal| principal.role.as_str())
            .to_owned(),
        name: principal
            .map(|principal| principal.name.clone())
            .unwrap_or_default(),
        address: caller
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        client: caller.client.as_str().to_owned(),
    }
}

fn no_school() -> Fault {
    Fault::permission_denied("NO_SCOPE", "您的账号没有对应的学校、院系或学生信息，请联系管理员")
}

/// Reads an id; one that is none does not exist.
pub(crate) fn id(text: &str, not_found: impl FnOnce() -> Fault) -> Result<Uuid, Fault> {
    text.parse().map_err(|_| not_found())
}

/// A time on the wire.
pub(crate) fn timestamp(time: time::OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    }
}
