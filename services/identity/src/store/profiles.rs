//! What people keep about themselves: contacts, portrait, privacy, blocked employers.

use qihang_kit::{crypto::Sealer, db};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::privacy::Privacy,
    error::Error,
    purpose,
    store::accounts::{self, tie},
};

/// What a profile holds beside the account's contacts.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfileRow {
    pub(crate) title: String,
    pub(crate) office_phone: String,
    pub(crate) avatar_file_id: Option<Uuid>,
}

/// Gets a profile; one that was never written is empty.
///
/// # Errors
/// The database's.
pub(crate) async fn get(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<ProfileRow> {
    let row = sqlx::query_as!(
        ProfileRow,
        "SELECT title, office_phone, avatar_file_id FROM identity.profiles WHERE account_id = $1",
        account_id
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.unwrap_or_default())
}

/// Writes a profile.
///
/// # Errors
/// The database's.
pub(crate) async fn save(conn: &mut PgConnection, account_id: Uuid, row: &ProfileRow) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.profiles (account_id, title, office_phone, avatar_file_id) VALUES ($1, $2, $3, $4)
        ON CONFLICT (account_id) DO UPDATE
        SET title = excluded.title, office_phone = excluded.office_phone, avatar_file_id = excluded.avatar_file_id
        "#,
        account_id,
        row.title,
        row.office_phone,
        row.avatar_file_id,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Writes an account's contacts over a version of it; false when another change was quicker.
///
/// # Errors
/// LOGIN_TAKEN when another member signs in with one of them; the database's.
pub(crate) async fn save_contacts(
    conn: &mut PgConnection,
    sealer: &Sealer,
    (account_id, version): (Uuid, i32),
    (mobile, email): (&str, &str),
) -> Result<bool, Error> {
    let sealed = |column: &str, value: &str| match value {
        "" => Ok(None),
        value => sealer.seal(value.as_bytes(), &tie(column, account_id)).map(Some),
    };
    let blind = |purpose: &str, value: &str| (!value.is_empty()).then(|| sealer.blind_index(purpose, value));
    let done = sqlx::query!(
        r#"
        UPDATE identity.accounts
        SET mobile_sealed = $3, mobile_blind = $4, email_sealed = $5, email_blind = $6, version = version + 1,
            update_time = identity.kit_now()
        WHERE id = $1 AND version = $2
        "#,
        account_id,
        version,
        sealed("mobile", mobile)?,
        blind(purpose::MOBILE, mobile),
        sealed("email", email)?,
        blind(purpose::EMAIL, &email.to_lowercase()),
    )
    .execute(conn)
    .await
    .map_err(accounts::taken)?;
    Ok(db::one(&done).is_ok())
}

/// A student's privacy as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct PrivacyRow {
    pub(crate) level: String,
    pub(crate) mobile_shown: bool,
    pub(crate) read_marks: bool,
    pub(crate) signed_shown: bool,
    pub(crate) version: i32,
    pub(crate) update_time: OffsetDateTime,
}

/// Gets a student's privacy; nothing before the first change.
///
/// # Errors
/// The database's.
pub(crate) async fn privacy(conn: &mut PgConnection, student_id: Uuid) -> sqlx::Result<Option<PrivacyRow>> {
    sqlx::query_as!(
        PrivacyRow,
        r#"
        SELECT level, mobile_shown, read_marks, signed_shown, version, update_time
        FROM identity.privacy_settings
        WHERE student_id = $1
        "#,
        student_id
    )
    .fetch_optional(conn)
    .await
}

/// Writes a student's privacy over a version of it, 0 for none; false when another change was quicker.
///
/// # Errors
/// The database's.
pub(crate) async fn save_privacy(
    conn: &mut PgConnection,
    (student_id, version): (Uuid, i32),
    privacy: Privacy,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        INSERT INTO identity.privacy_settings AS p
            (student_id, level, mobile_shown, read_marks, signed_shown, update_time)
        VALUES ($1, $3, $4, $5, $6, identity.kit_now())
        ON CONFLICT (student_id) DO UPDATE
        SET level = excluded.level, mobile_shown = excluded.mobile_shown, read_marks = excluded.read_marks,
            signed_shown = excluded.signed_shown, version = p.version + 1, update_time = excluded.update_time
        WHERE p.version = $2
        "#,
        student_id,
        version,
        privacy.level.as_str(),
        privacy.mobile_shown,
        privacy.read_marks,
        privacy.signed_shown,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An employer on a student's list.
#[derive(Debug, Clone)]
pub(crate) struct BlockedRow {
    pub(crate) employer_id: Uuid,
    pub(crate) name: String,
    pub(crate) create_time: OffsetDateTime,
}

/// Lists the employers that a student has blocked, latest first.
///
/// # Errors
/// The database's.
pub(crate) async fn blocked(conn: &mut PgConnection, student_id: Uuid) -> sqlx::Result<Vec<BlockedRow>> {
    sqlx::query_as!(
        BlockedRow,
        r#"
        SELECT b.employer_id, e.name, b.create_time
        FROM identity.blocked_employers b
        JOIN identity.employers e ON e.id = b.employer_id
        WHERE b.student_id = $1
        ORDER BY b.create_time DESC, b.employer_id
        "#,
        student_id
    )
    .fetch_all(conn)
    .await
}

/// Puts an employer on the list; false when there is no such employer. The student's row is locked, so that the limit holds.
///
/// # Errors
/// The database's.
pub(crate) async fn block(
    conn: &mut PgConnection,
    student_id: Uuid,
    employer_id: Uuid,
) -> sqlx::Result<bool> {
    let known = sqlx::query_scalar!(
        r#"
        WITH employer AS (SELECT id FROM identity.employers WHERE id = $2),
        written AS (
            INSERT INTO identity.blocked_employers (student_id, employer_id, create_time)
            SELECT $1, id, identity.kit_now() FROM employer
            ON CONFLICT DO NOTHING
        )
        SELECT count(*) AS "known!" FROM employer
        "#,
        student_id,
        employer_id,
    )
    .fetch_one(conn)
    .await?;
    Ok(known == 1)
}

/// Takes an employer off the list.
///
/// # Errors
/// The database's.
pub(crate) async fn unblock(
    conn: &mut PgConnection,
    student_id: Uuid,
    employer_id: Uuid,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM identity.blocked_employers WHERE student_id = $1 AND employer_id = $2",
        student_id,
        employer_id,
    )
    .execute(conn)
    .await
    .map(drop)
}
