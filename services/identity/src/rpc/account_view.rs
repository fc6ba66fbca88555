//! An account as its owner sees it.

use qihang_kit::{auth::Role, crypto::Sealer, etag, validators};
use qihang_proto::identity::v1::{Account, account};
use uuid::Uuid;

use crate::{
    domain::staff::State,
    error::Error,
    rpc::person::timestamp,
    store::accounts::{self, AccountRow},
};

/// The account on the wire.
///
/// # Errors
/// INTERNAL when a contact does not open.
pub(crate) fn account(row: &AccountRow, sealer: &Sealer) -> Result<Account, Error> {
    let mobile = contact(row.id, "mobile", row.mobile_sealed.as_deref(), sealer)?;
    let email = contact(row.id, "email", row.email_sealed.as_deref(), sealer)?;
    Ok(Account {
        id: row.id.to_string(),
        role: role(&row.role).into(),
        state: state(&row.state).into(),
        name: row.name.clone(),
        login: row.login.clone().unwrap_or_default(),
        mobile_masked: if mobile.is_empty() {
            mobile
        } else {
            validators::mask_mobile(&mobile)
        },
        email_masked: if email.is_empty() {
            email
        } else {
            validators::mask_email(&email)
        },
        student_id: row.student_id.map(|id| id.to_string()).unwrap_or_default(),
        student_number: row.student_number.clone().unwrap_or_default(),
        school_code: row.school_code.clone().unwrap_or_default(),
        school_name: row.school_name.clone().unwrap_or_default(),
        department: row.department.clone().unwrap_or_default(),
        employer_id: row.employer_id.map(|id| id.to_string()).unwrap_or_default(),
        employer_name: row.employer_name.clone().unwrap_or_default(),
        employer_role: row.employer_role.clone().unwrap_or_default(),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        last_login_time: row.last_login_time.map(timestamp),
        etag: etag::of(row.version),
        totp_enrolled: row.totp_enrolled,
        recovery_codes_left: u32::try_from(row.recovery_codes_left).unwrap_or_default(),
        classes: row.classes.clone(),
    })
}

/// A contact in the clear; empty for none.
///
/// # Errors
/// INTERNAL when it does not open.
pub(crate) fn contact(
    id: Uuid,
    column: &str,
    sealed: Option<&[u8]>,
    sealer: &Sealer,
) -> Result<String, Error> {
    let Some(sealed) = sealed else {
        return Ok(String::new());
    };
    let plain = sealer.open(sealed, &accounts::tie(column, id))?;
    String::from_utf8(plain).map_err(|_| Error::Inconsistent("accounts contact"))
}

/// A stored role on the wire.
pub(crate) fn role(text: &str) -> account::Role {
    match accounts::role(text) {
        Some(Role::Student) => account::Role::Student,
        Some(Role::Employer) => account::Role::Employer,
        Some(Role::Department) => account::Role::Department,
        Some(Role::School) => account::Role::School,
        Some(Role::Province) => account::Role::Province,
        Some(Role::Service) | None => account::Role::Unspecified,
    }
}

/// A stored state on the wire.
pub(crate) fn state(text: &str) -> account::State {
    match State::parse(text) {
        Some(State::Pending) => account::State::Pending,
        Some(State::Active) => account::State::Active,
        Some(State::Disabled) => account::State::Disabled,
        None => account::State::Unspecified,
    }
}
