//! What of a student is sealed, and how: each value is tied to the student's id, digests are keyed, so that neither a
//! stolen table nor a swapped row says anything.

use qihang_kit::{
    crypto::{
        Sealer,
        reseal::{Column, Tie},
    },
    status::Fault,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    domain::{
        locked_fields::{Details, Locked},
        origin::Issue,
        own_fields::OwnFields,
    },
    purpose,
    store::{self, students::StudentRow},
};

/// Every column of sealed values, and what each is tied to.
pub(crate) const COLUMNS: &[Column] = &[
    of_id("accounts", "id", "mobile_sealed", "identity.accounts.mobile"),
    of_id("accounts", "id", "email_sealed", "identity.accounts.email"),
    of_id("students", "id", "identity_sealed", Kind::Identity.label()),
    of_id("students", "id", "own_sealed", Kind::Own.label()),
    of_id("students", "id", "roster_own_sealed", Kind::RosterOwn.label()),
    of_id(
        "origin_submissions",
        "student_id",
        "content_sealed",
        Kind::Submission.label(),
    ),
    of_id("corrections", "id", "content_sealed", Kind::Correction.label()),
    of_id(
        "help_requests",
        "id",
        "content_sealed",
        "identity.help_requests.content",
    ),
    of_id(
        "help_requests",
        "id",
        "answer_sealed",
        "identity.help_requests.answer",
    ),
    of_id("second_factors", "account_id", "secret_sealed", SECOND_FACTOR),
    of_id("second_factors", "account_id", "pending_sealed", SECOND_FACTOR),
    Column {
        table: "registration_cases",
        key: "case_number",
        column: "student_number_sealed",
        prefix: "identity.registration_cases.student_number",
        tie: Tie::Text,
    },
    Column {
        table: "signing_keys",
        key: "id",
        column: "private_sealed",
        prefix: "identity.signing_keys.private",
        tie: Tie::Text,
    },
];

/// What the secrets of second factors are tied to, before the account.
const SECOND_FACTOR: &str = "identity.second_factors.secret";

/// A column whose values are tied to a UUID.
const fn of_id(table: &'static str, key: &'static str, column: &'static str, prefix: &'static str) -> Column {
    Column {
        table,
        key,
        column,
        prefix,
        tie: Tie::Bytes,
    }
}

/// A student's fields in the clear.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) locked: Locked,
    pub(crate) own: OwnFields,
    /// The own fields as the last roster file gave them.
    pub(crate) roster_own: OwnFields,
}

/// What a submission keeps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) own: OwnFields,
    pub(crate) issues: Vec<Issue>,
}

/// What a password may not contain, and who it is for.
#[derive(Debug, Clone)]
pub(crate) struct CredentialsRow {
    pub(crate) student_id: Uuid,
    pub(crate) school_code: String,
    pub(crate) cohort: i32,
    pub(crate) student_number: String,
    pub(crate) name: String,
    pub(crate) identity_number: String,
}

/// What a sealed value is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Identity,
    Own,
    RosterOwn,
    Submission,
    Correction,
}

impl Kind {
    const fn label(self) -> &'static str {
        match self {
            Self::Identity => "identity.students.identity",
            Self::Own => "identity.students.own",
            Self::RosterOwn => "identity.students.roster_own",
            Self::Submission => "identity.origin_submissions.content",
            Self::Correction => "identity.corrections.content",
        }
    }

    fn tie(self, id: Uuid) -> Vec<u8> {
        [self.label().as_bytes(), id.as_bytes()].concat()
    }
}

/// Seals the JSON of a value.
///
/// # Errors
/// INTERNAL when the keys do not work.
pub(crate) fn seal(sealer: &Sealer, kind: Kind, id: Uuid, value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let plain = serde_json::to_vec(value).map_err(|error| Fault::internal(&error))?;
    sealer
        .seal(&plain, &kind.tie(id))
        .map_err(|error| Fault::internal(&error))
}

/// Opens what [`seal`] made.
///
/// # Errors
/// INTERNAL when the value was not sealed for this row.
pub(crate) fn open<T: DeserializeOwned>(
    sealer: &Sealer,
    kind: Kind,
    id: Uuid,
    sealed: &[u8],
) -> Result<T, Fault> {
    let plain = sealer
        .open(sealed, &kind.tie(id))
        .map_err(|error| Fault::internal(&error))?;
    serde_json::from_slice(&plain).map_err(|error| Fault::internal(&error))
}

/// Keyed digest of the own fields, for comparison in SQL.
pub(crate) fn own_digest(sealer: &Sealer, own: &OwnFields) -> Vec<u8> {
    sealer.blind_index("identity.students.own", &text(own))
}

/// Keyed digest of the locked fields, for comparison in SQL.
pub(crate) fn locked_digest(sealer: &Sealer, locked: &Locked) -> Vec<u8> {
    sealer.blind_index("identity.students.locked", &text(locked))
}

/// The fields in the order of their struct, which is the same for every row.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Blind index of an identity number.
pub(crate) fn identity_blind(sealer: &Sealer, number: &str) -> Vec<u8> {
    sealer.blind_index(purpose::IDENTITY_NUMBER, &number.to_uppercase())
}

/// Opens a row.
///
/// # Errors
/// INTERNAL when a value does not open.
pub(crate) fn student(sealer: &Sealer, row: &StudentRow) -> Result<Opened, Fault> {
    Ok(Opened {
        locked: Locked {
            student_number: row.student_number.clone(),
            cohort: row.cohort,
            name: row.name.clone(),
            department: row.department.clone(),
            class_name: row.class_name.clone(),
            identity_number: open(sealer, Kind::Identity, row.id, &row.identity_sealed)?,
            details: Details::clone(&row.locked),
        },
        own: open(sealer, Kind::Own, row.id, &row.own_sealed)?,
        roster_own: open(sealer, Kind::RosterOwn, row.id, &row.roster_own_sealed)?,
    })
}

/// Gets what the password policy needs of a student.
///
/// # Errors
/// The database's; INTERNAL when the identity number does not open.
pub(crate) async fn find_for_credentials(
    conn: &mut PgConnection,
    sealer: &Sealer,
    student_id: Uuid,
) -> Result<Option<CredentialsRow>, Fault> {
    let rows = store::directory::students(conn, &[student_id]).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    Ok(Some(CredentialsRow {
        identity_number: open(sealer, Kind::Identity, row.id, &row.identity_sealed)?,
        student_id: row.id,
        school_code: row.school_code,
        cohort: row.cohort,
        student_number: row.student_number,
        name: row.name,
    }))
}
