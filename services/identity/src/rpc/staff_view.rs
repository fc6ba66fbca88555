//! A staff account as those above it see it.

use qihang_kit::{etag, status::Fault};
use qihang_proto::{common::v1::Action, identity::v1::Staff};

use crate::{
    domain::staff::{self, Account, Command, Manager},
    error::Error,
    rpc::{account_view, person::timestamp},
    store::staff::StaffRow,
};

/// The account on the wire, with what the caller may do.
///
/// # Errors
/// INTERNAL when the row says what it cannot say.
pub(crate) fn staff(row: &StaffRow, manager: Manager<'_>) -> Result<Staff, Error> {
    let account = Account::try_from(row)?;
    let action = |command: Command| match staff::decide(&account, command, manager) {
        Ok(_) => Action {
            name: command.name().to_owned(),
            allowed: true,
            ..Action::default()
        },
        Err(refusal) => {
            let fault = Fault::from(Error::from(refusal));
            Action {
                name: command.name().to_owned(),
                allowed: false,
                reason_code: fault.reason().to_owned(),
                reason: fault.message().to_owned(),
            }
        }
    };
    Ok(Staff {
        id: row.id.to_string(),
        role: account_view::role(&row.role).into(),
        state: account_view::state(&row.state).into(),
        login: row.login.clone(),
        name: row.name.clone(),
        school_code: row.school_code.clone().unwrap_or_default(),
        school_name: row.school_name.clone().unwrap_or_default(),
        department: row.department.clone().unwrap_or_default(),
        classes: row.classes.clone(),
        disable_reason: row.disable_reason.clone(),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        last_login_time: row.last_login_time.map(timestamp),
        etag: etag::of(row.version),
        actions: [Command::Disable, Command::Enable, Command::Reset]
            .into_iter()
            .map(action)
            .collect(),
    })
}
