//! What tests stand on: a database of each test's own, a clock that is moved by hand, a service behind its whole server
//! stack with faked neighbours, and a collector of traces.
//!
//! ```ignore
//! let contracts = testing::service("contracts", &MIGRATOR, |ctx| build(ctx, config)).await;
//! contracts.peer("identity", Routes::new(DirectoryServiceServer::new(FakeDirectory)));
//! let mut client = SigningServiceClient::new(contracts.as_principal(&testing::student("4123010213", id)));
//! ```

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    auth::{BY_CODE, BY_PASSWORD, Principal, Role},
    clock::Clock,
    ids::Ids,
};

mod collector;
mod db;
mod keys;
mod service;

pub use collector::{Collector, collector};
pub use db::TestDb;
pub use keys::TestKeys;
pub use service::{Acting, TestClock, TestService, service};

/// A setting of the test run, e.g. `QIHANG_TEST_REDIS_URL`.
///
/// # Panics
/// When it is not set: a test that cannot run must not seem to have passed.
#[must_use]
pub fn setting(name: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests get their servers by environment variables"
    )]
    match std::env::var(name) {
        Ok(value) => value,
        #[expect(clippy::panic, reason = "tests")]
        Err(_) => {
            panic!("{name} is not set: run the tests with `make test`, which starts the servers they need")
        }
    }
}

/// A signed-in student.
#[must_use]
pub fn student(school_code: &str, student_id: Uuid) -> Principal {
    Principal {
        student_id: Some(student_id),
        school_code: Some(school_code.to_owned()),
        name: "学*".to_owned(),
        ..principal(Role::Student)
    }
}

/// A signed-in administrator of an employer.
#[must_use]
pub fn employer(employer_id: Uuid) -> Principal {
    Principal {
        employer_id: Some(employer_id),
        employer_role: Some("ADMIN".to_owned()),
        name: "企**".to_owned(),
        ..principal(Role::Employer)
    }
}

/// Signed-in staff of a school's employment office.
#[must_use]
pub fn school_staff(school_code: &str) -> Principal {
    Principal {
        school_code: Some(school_code.to_owned()),
        name: "校**".to_owned(),
        amr: with_code(),
        ..principal(Role::School)
    }
}

/// Signed-in staff of a department.
#[must_use]
pub fn department_staff(school_code: &str, department: &str) -> Principal {
    Principal {
        school_code: Some(school_code.to_owned()),
        department: Some(department.to_owned()),
        name: "院**".to_owned(),
        amr: with_code(),
        ..principal(Role::Department)
    }
}

/// Signed-in staff of some classes of a department.
#[must_use]
pub fn class_staff(school_code: &str, department: &str, classes: &[&str]) -> Principal {
    Principal {
        classes: classes.iter().map(|name| (*name).to_owned()).collect(),
        ..department_staff(school_code, department)
    }
}

/// Signed-in staff of the province.
#[must_use]
pub fn province_staff() -> Principal {
    Principal {
        name: "省**".to_owned(),
        amr: with_code(),
        ..principal(Role::Province)
    }
}

/// Staff do nothing without a second factor.
fn with_code() -> Vec<String> {
    vec![BY_PASSWORD.to_owned(), BY_CODE.to_owned()]
}

fn principal(role: Role) -> Principal {
    let ids = Ids::random();
    let now = Clock::system().now();
    Principal {
        role,
        account_id: ids.new_id(),
        session_id: ids.new_id(),
        // Tokens carry whole seconds.
        auth_time: OffsetDateTime::from_unix_timestamp(now.unix_timestamp()).unwrap_or(now),
        amr: vec![BY_PASSWORD.to_owned()],
        ..Principal::service("", now)
    }
}
