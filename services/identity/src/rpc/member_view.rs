//! A member as those who keep the members see one.

use qihang_kit::{crypto::Sealer, etag, status::Fault, validators};
use qihang_proto::{common::v1::Action, identity::v1::Member as Answer};
use time::OffsetDateTime;

use crate::{
    domain::member::{self, Command, Manager, Member, Role},
    error::Error,
    rpc::{account_view, person::timestamp},
    store::members::MemberRow,
};

/// The employer has as many members as it may.
pub(crate) fn too_many() -> Fault {
    Fault::precondition("MEMBER_LIMIT", "本单位成员已达 50 人，请先移除不再使用的成员")
}

/// The member on the wire, with what the caller may do.
///
/// # Errors
/// INTERNAL when the row says what it cannot say.
pub(crate) fn member(
    row: &MemberRow,
    manager: Manager,
    sealer: &Sealer,
    now: OffsetDateTime,
) -> Result<Answer, Error> {
    let member = Member::try_from(row)?;
    let contact = |column: &str, sealed: &Option<Vec<u8>>, mask: fn(&str) -> String| {
        let plain = account_view::contact(row.id, column, sealed.as_deref(), sealer)?;
        Ok::<_, Error>(if plain.is_empty() { plain } else { mask(&plain) })
    };
    let action = |command: Command| match member::decide(&member, command, manager, now) {
        Ok(_) => Action {
            name: command.name().to_owned(),
            allowed: true,
            ..Action::default()
        },
        Err(refusal) => {
            let fault = Fault::from(refusal);
            Action {
                name: command.name().to_owned(),
                allowed: false,
                reason_code: fault.reason().to_owned(),
                reason: fault.message().to_owned(),
            }
        }
    };
    let commands = [
        Command::Approve(Role::Hr),
        Command::Reject,
        Command::Change(Role::Hr),
        Command::Remove,
        Command::Reissue,
        Command::Reset,
    ];
    Ok(Answer {
        id: row.id.to_string(),
        employer_id: row.employer_id.to_string(),
        employer_name: row.employer_name.clone(),
        role: row.role.clone(),
        state: row.state.clone(),
        name: row.name.clone(),
        mobile_masked: contact("mobile", &row.mobile_sealed, validators::mask_mobile)?,
        email_masked: contact("email", &row.email_sealed, validators::mask_email)?,
        message: row.message.clone(),
        remove_reason: row.remove_reason.clone(),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        last_login_time: row.last_login_time.map(timestamp),
        etag: etag::of(row.version),
        actions: commands.into_iter().map(action).collect(),
    })
}
