//! Accounts: who can sign in, with what.

use qihang_kit::{auth::Role, crypto::Sealer, db};
use sqlx::{PgConnection, postgres::PgQueryResult};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{error::Error, purpose};

/// An account to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewAccount {
    pub(crate) id: Uuid,
    pub(crate) role: Role,
    pub(crate) student_id: Option<Uuid>,
    pub(crate) employer_id: Option<Uuid>,
    pub(crate) school_code: Option<String>,
    pub(crate) department: Option<String>,
    /// Of staff of a department: only these; none for all.
    pub(crate) classes: Vec<String>,
    /// Staff only, lower case.
    pub(crate) login: Option<String>,
    pub(crate) name: String,
    /// Empty for none.
    pub(crate) mobile: String,
    /// Empty for none.
    pub(crate) email: String,
    /// Empty for an account that waits for its activation.
    pub(crate) password_hash: String,
}

impl Default for NewAccount {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            role: Role::Student,
            student_id: None,
            employer_id: None,
            school_code: None,
            department: None,
            classes: Vec::new(),
            login: None,
            name: String::new(),
            mobile: String::new(),
            email: String::new(),
            password_hash: String::new(),
        }
    }
}

/// An account with what its role hangs on.
#[derive(Debug, Clone)]
pub(crate) struct AccountRow {
    pub(crate) id: Uuid,
    pub(crate) role: String,
    pub(crate) state: String,
    pub(crate) student_id: Option<Uuid>,
    pub(crate) student_number: Option<String>,
    pub(crate) employer_id: Option<Uuid>,
    pub(crate) employer_name: Option<String>,
    pub(crate) employer_role: Option<String>,
    pub(crate) member_state: Option<String>,
    pub(crate) login: Option<String>,
    pub(crate) name: String,
    pub(crate) mobile_sealed: Option<Vec<u8>>,
    pub(crate) email_sealed: Option<Vec<u8>>,
    pub(crate) school_code: Option<String>,
    pub(crate) school_name: Option<String>,
    pub(crate) department: Option<String>,
    /// A student's own; those that staff is limited to.
    pub(crate) classes: Vec<String>,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
    pub(crate) last_login_time: Option<OffsetDateTime>,
    /// True when it has a second factor.
    pub(crate) totp_enrolled: bool,
    pub(crate) recovery_codes_left: i64,
    pub(crate) version: i32,
}

/// What a sign-in is checked against.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    pub(crate) password_hash: Option<String>,
    /// True when it has a second factor.
    pub(crate) has_factor: bool,
}

/// A role by its name in the store.
pub(crate) fn role(text: &str) -> Option<Role> {
    [
        Role::Student,
        Role::Employer,
        Role::Department,
        Role::School,
        Role::Province,
    ]
    .into_iter()
    .find(|role| role.as_str() == text)
}

/// What a sealed contact of an account is tied to.
pub(crate) fn tie(column: &str, id: Uuid) -> Vec<u8> {
    [b"identity.accounts.", column.as_bytes(), id.as_bytes().as_slice()].concat()
}

/// Inserts an account. It is active when it has a password.
///
/// # Errors
/// LOGIN_TAKEN, ALREADY_REGISTERED by the unique indexes; the database's.
pub(crate) async fn insert(conn: &mut PgConnection, new: &NewAccount, sealer: &Sealer) -> Result<(), Error> {
    let sealed = |column: &str, value: &str| match value {
        "" => Ok(None),
        value => sealer.seal(value.as_bytes(), &tie(column, new.id)).map(Some),
    };
    let blind = |purpose: &str, value: &str| (!value.is_empty()).then(|| sealer.blind_index(purpose, value));
    let state = if new.password_hash.is_empty() {
        "PENDING"
    } else {
        "ACTIVE"
    };
    sqlx::query!(
        r#"
        INSERT INTO identity.accounts
            (id, role, state, student_id, employer_id, school_code, department, login, name, mobile_sealed, mobile_blind,
             email_sealed, email_blind, password_hash, classes, create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, NULLIF($14, ''), $15, identity.kit_now(), identity.kit_now())
        "#,
        new.id,
        new.role.as_str(),
        state,
        new.student_id,
        new.employer_id,
        new.school_code,
        new.department,
        new.login,
        new.name,
        sealed("mobile", &new.mobile)?,
        blind(purpose::MOBILE, &new.mobile),
        sealed("email", &new.email)?,
        blind(purpose::EMAIL, &new.email.to_lowercase()),
        new.password_hash,
        &new.classes,
    )
    .execute(conn)
    .await
    .map(drop)
    .map_err(taken)
}

/// What a unique index refuses.
pub(crate) fn taken(error: sqlx::Error) -> Error {
    match db::constraint(&error) {
        Some("accounts_one_a_student") => Error::AlreadyRegistered,
        Some("accounts_login") => Error::LoginTaken { field: "login" },
        Some("accounts_employer_mobile") => Error::LoginTaken { field: "mobile" },
        Some("accounts_employer_email") => Error::LoginTaken { field: "email" },
        Some("accounts_school_code_fkey") => Error::NotFound(crate::error::Missing::School),
        _ => Error::Database(error),
    }
}

/// Gets an account.
///
/// # Errors
/// The database's.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<AccountRow>> {
    sqlx::query_as!(
        AccountRow,
        r#"
        SELECT a.id, a.role, a.state, a.student_id, s.student_number AS "student_number?", a.employer_id,
               e.name AS "employer_name?", m.role AS "employer_role?", m.state AS "member_state?", a.login,
               coalesce(s.name, a.name) AS "name!", a.mobile_sealed, a.email_sealed,
               coalesce(a.school_code, s.school_code) AS school_code, c.name AS "school_name?",
               coalesce(a.department, s.department) AS department,
               CASE WHEN s.id IS NULL THEN a.classes ELSE ARRAY[s.class_name] END AS "classes!", a.create_time, a.update_time, a.last_login_time,
               EXISTS (
                   SELECT 1 FROM identity.second_factors f WHERE f.account_id = a.id AND f.secret_sealed IS NOT NULL
               ) AS "totp_enrolled!",
               (SELECT count(*) FROM identity.recovery_codes r WHERE r.account_id = a.id) AS "recovery_codes_left!",
               a.version
        FROM identity.accounts a
        LEFT JOIN identity.students s ON s.id = a.student_id
        LEFT JOIN identity.employers e ON e.id = a.employer_id
        LEFT JOIN identity.employer_members m ON m.account_id = a.id
        LEFT JOIN identity.schools c ON c.code = coalesce(a.school_code, s.school_code)
        WHERE a.id = $1
        "#,
        id,
    )
    .fetch_optional(conn)
    .await
}

/// Finds a student's credentials.
///
/// # Errors
/// The database's.
pub(crate) async fn find_student(
    conn: &mut PgConnection,
    school_code: &str,
    student_number: &str,
) -> sqlx::Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"
        SELECT a.id, a.state, a.password_hash,
               EXISTS (
                   SELECT 1 FROM identity.second_factors f WHERE f.account_id = a.id AND f.secret_sealed IS NOT NULL
               ) AS "has_factor!"
        FROM identity.students s
        JOIN identity.accounts a ON a.student_id = s.id
        WHERE s.school_code = $1 AND s.student_number = $2
        "#,
        school_code,
        student_number,
    )
    .fetch_optional(conn)
    .await
}

/// Finds the credentials of an employer's member by the blind index of the mobile or of the e-mail.
///
/// # Errors
/// The database's.
pub(crate) async fn find_member(
    conn: &mut PgConnection,
    mobile_blind: &[u8],
    email_blind: &[u8],
) -> sqlx::Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"
        SELECT a.id, CASE m.state WHEN 'ACTIVE' THEN a.state WHEN 'REQUESTED' THEN m.state ELSE 'DISABLED' END AS "state!",
               a.password_hash,
               EXISTS (
                   SELECT 1 FROM identity.second_factors f WHERE f.account_id = a.id AND f.secret_sealed IS NOT NULL
               ) AS "has_factor!"
        FROM identity.accounts a
        JOIN identity.employer_members m ON m.account_id = a.id
        WHERE a.role = 'EMPLOYER' AND (a.mobile_blind = $1 OR a.email_blind = $2)
        ORDER BY a.state <> 'DISABLED' DESC, a.mobile_blind = $1 DESC NULLS LAST, a.id DESC
        LIMIT 1
        "#,
        mobile_blind,
        email_blind,
    )
    .fetch_optional(conn)
    .await
}

/// Finds a staff member's credentials.
///
/// # Errors
/// The database's.
pub(crate) async fn find_staff(conn: &mut PgConnection, login: &str) -> sqlx::Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"
        SELECT a.id, a.state, a.password_hash,
               EXISTS (
                   SELECT 1 FROM identity.second_factors f WHERE f.account_id = a.id AND f.secret_sealed IS NOT NULL
               ) AS "has_factor!"
        FROM identity.accounts a
        WHERE a.login = $1
        "#,
        login,
    )
    .fetch_optional(conn)
    .await
}

/// Gets the credentials of an account.
///
/// # Errors
/// The database's.
pub(crate) async fn credentials(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"
        SELECT a.id, a.state, a.password_hash,
               EXISTS (
                   SELECT 1 FROM identity.second_factors f WHERE f.account_id = a.id AND f.secret_sealed IS NOT NULL
               ) AS "has_factor!"
        FROM identity.accounts a
        WHERE a.id = $1
        "#,
        id,
    )
    .fetch_optional(conn)
    .await
}

/// Changes the password of an account whose hash is still the one that was proved; otherwise no row.
///
/// # Errors
/// The database's.
pub(crate) async fn change_password(
    conn: &mut PgConnection,
    id: Uuid,
    proved: &str,
    password_hash: &str,
) -> sqlx::Result<PgQueryResult> {
    sqlx::query!(
        r#"
        UPDATE identity.accounts
        SET password_hash = $3, version = version + 1, update_time = identity.kit_now()
        WHERE id = $1 AND password_hash = $2 AND state = 'ACTIVE'
        "#,
        id,
        proved,
        password_hash,
    )
    .execute(conn)
    .await
}

/// Notes a sign-in.
///
/// # Errors
/// The database's.
pub(crate) async fn touch_login(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<PgQueryResult> {
    sqlx::query!(
        "UPDATE identity.accounts SET last_login_time = identity.kit_now() WHERE id = $1",
        id
    )
    .execute(conn)
    .await
}
