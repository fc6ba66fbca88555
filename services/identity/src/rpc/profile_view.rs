//! Profiles and privacy on the wire.

use qihang_kit::{auth::Role, crypto::Sealer, etag};
use qihang_proto::identity::v1::{
    ListBlockedEmployersResponse, Privacy as WirePrivacy, Profile, UpdatePrivacyRequest,
    list_blocked_employers_response::BlockedEmployer, privacy::Level as WireLevel, profile::Fact,
};

use crate::{
    domain::privacy::{Changes, Level, Privacy},
    error::Error,
    rpc::{account_view, person::timestamp},
    store::{
        accounts::{self, AccountRow},
        profiles::{BlockedRow, PrivacyRow, ProfileRow},
    },
};

/// Where the facts of a student come from.
const FROM_ROSTER: &str = "来自学籍（生源信息），有误请在“生源信息核对”中纠错";
/// Where those of staff come from.
const FROM_OFFICE: &str = "由上级账号管理员设定，有误请联系管理员";
/// Where those of an employer's member come from.
const FROM_EMPLOYER: &str = "由单位管理员设定，有误请联系本单位管理员";

/// An account's contacts in the clear; empty for none.
pub(crate) struct Contacts {
    pub(crate) mobile: String,
    pub(crate) email: String,
}

impl Contacts {
    /// Opens an account's contacts.
    ///
    /// # Errors
    /// INTERNAL when one does not open.
    pub(crate) fn open(account: &AccountRow, sealer: &Sealer) -> Result<Self, Error> {
        let open = |column, sealed: &Option<Vec<u8>>| {
            account_view::contact(account.id, column, sealed.as_deref(), sealer)
        };
        Ok(Self {
            mobile: open("mobile", &account.mobile_sealed)?,
            email: open("email", &account.email_sealed)?,
        })
    }
}

/// A profile.
pub(crate) fn profile(account: &AccountRow, row: &ProfileRow, contacts: &Contacts) -> Profile {
    Profile {
        facts: facts(account),
        mobile: contacts.mobile.clone(),
        email: contacts.email.clone(),
        title: row.title.clone(),
        office_phone: row.office_phone.clone(),
        avatar_file_id: row.avatar_file_id.map(|id| id.to_string()).unwrap_or_default(),
        update_time: Some(timestamp(account.update_time)),
        etag: etag::of(account.version),
    }
}

/// What its owner cannot change here, those that there are.
fn facts(account: &AccountRow) -> Vec<Fact> {
    let source = match accounts::role(&account.role) {
        Some(Role::Student) => FROM_ROSTER,
        Some(Role::Employer) => FROM_EMPLOYER,
        _ => FROM_OFFICE,
    };
    let values = [
        ("姓名", Some(&account.name)),
        ("学号", account.student_number.as_ref()),
        ("登录名", account.login.as_ref()),
        ("学校", account.school_name.as_ref()),
        ("院系", account.department.as_ref()),
        ("单位", account.employer_name.as_ref()),
    ];
    let fact = |(title, value): (&str, Option<&String>)| {
        value.map(|value| Fact {
            title: title.to_owned(),
            value: value.clone(),
            source: source.to_owned(),
        })
    };
    values.into_iter().filter_map(fact).collect()
}

/// The settings of a row; the default where there is none.
///
/// # Errors
/// INTERNAL when the row says what it cannot say.
pub(crate) fn settings(row: Option<&PrivacyRow>) -> Result<Privacy, Error> {
    let Some(row) = row else {
        return Ok(Privacy::default());
    };
    Ok(Privacy {
        level: Level::parse(&row.level).ok_or(Error::Inconsistent("privacy_settings.level"))?,
        mobile_shown: row.mobile_shown,
        read_marks: row.read_marks,
        signed_shown: row.signed_shown,
    })
}

/// What a request changes.
pub(crate) fn changes(request: &UpdatePrivacyRequest) -> Changes {
    let level = request
        .level
        .and_then(|level| match WireLevel::try_from(level).ok()? {
            WireLevel::Unspecified => None,
            WireLevel::AdmittedEmployers => Some(Level::AdmittedEmployers),
            WireLevel::OwnEmployers => Some(Level::OwnEmployers),
            WireLevel::Nobody => Some(Level::Nobody),
        });
    Changes {
        level,
        mobile_shown: request.mobile_shown,
        read_marks: request.read_marks,
        signed_shown: request.signed_shown,
    }
}

/// Privacy.
///
/// # Errors
/// As [`settings`].
pub(crate) fn privacy(row: Option<&PrivacyRow>) -> Result<WirePrivacy, Error> {
    let settings = settings(row)?;
    let level = match settings.level {
        Level::AdmittedEmployers => WireLevel::AdmittedEmployers,
        Level::OwnEmployers => WireLevel::OwnEmployers,
        Level::Nobody => WireLevel::Nobody,
    };
    Ok(WirePrivacy {
        level: level.into(),
        mobile_shown: settings.mobile_shown,
        read_marks: settings.read_marks,
        signed_shown: settings.signed_shown,
        update_time: row.map(|row| timestamp(row.update_time)),
        etag: etag::of(row.map_or(0, |row| row.version)),
    })
}

/// The list of blocked employers.
pub(crate) fn blocked(rows: Vec<BlockedRow>) -> ListBlockedEmployersResponse {
    let employer = |row: BlockedRow| BlockedEmployer {
        employer_id: row.employer_id.to_string(),
        name: row.name,
        create_time: Some(timestamp(row.create_time)),
    };
    ListBlockedEmployersResponse {
        employers: rows.into_iter().map(employer).collect(),
    }
}
