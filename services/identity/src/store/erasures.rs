//! Wishes to have an account erased, and the erasing.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::erasure::Around;

/// A wish.
#[derive(Debug, Clone)]
pub(crate) struct ErasureRow {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    pub(crate) due_time: OffsetDateTime,
    pub(crate) create_time: OffsetDateTime,
}

/// The newest wish of an account.
///
/// # Errors
/// The database's.
pub(crate) async fn newest(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<Option<ErasureRow>> {
    sqlx::query_as!(
        ErasureRow,
        r#"
        SELECT id, state, due_time, create_time
        FROM identity.erasures
        WHERE account_id = $1
        ORDER BY id DESC
        LIMIT 1
        "#,
        account_id,
    )
    .fetch_optional(conn)
    .await
}

/// Writes a wish that waits; false when one waits already.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    id: Uuid,
    account_id: Uuid,
    due: OffsetDateTime,
) -> sqlx::Result<bool> {
    sqlx::query!(
        r#"
        INSERT INTO identity.erasures (id, account_id, state, due_time, create_time, update_time)
        VALUES ($1, $2, 'WAITING', $3, identity.kit_now(), identity.kit_now())
        ON CONFLICT (account_id) WHERE state = 'WAITING' DO NOTHING
        "#,
        id,
        account_id,
        due,
    )
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Ends a wish that waits; false when it does not any more.
///
/// # Errors
/// The database's.
pub(crate) async fn end(conn: &mut PgConnection, id: Uuid, state: &str) -> sqlx::Result<bool> {
    sqlx::query!(
        r#"
        UPDATE identity.erasures
        SET state = $2, update_time = identity.kit_now()
        WHERE id = $1 AND state = 'WAITING'
        "#,
        id,
        state,
    )
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// One wish whose day has come, held until the transaction ends: its id and the account.
///
/// # Errors
/// The database's.
pub(crate) async fn take_due(conn: &mut PgConnection) -> sqlx::Result<Option<(Uuid, Uuid)>> {
    let row = sqlx::query!(
        r#"
        SELECT id, account_id
        FROM identity.erasures
        WHERE state = 'WAITING' AND due_time <= identity.kit_now()
        ORDER BY due_time
        LIMIT 1
        FOR UPDATE SKIP LOCKED
        "#,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.id, row.account_id)))
}

/// What stands around an account.
///
/// # Errors
/// The database's.
pub(crate) async fn around(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<Around> {
    let row = sqlx::query!(
        r#"
        SELECT EXISTS (SELECT 1 FROM identity.agreement_holds h WHERE h.student_id = a.student_id AND h.held) AS "held!",
               (SELECT s.cohort FROM identity.students s WHERE s.id = a.student_id) AS "cohort?",
               EXISTS (SELECT 1 FROM identity.employer_members m
                       WHERE m.account_id = a.id AND m.role = 'ADMIN' AND m.state = 'ACTIVE')
               AND NOT EXISTS (SELECT 1 FROM identity.employer_members m
                               WHERE m.employer_id = a.employer_id AND m.account_id <> a.id
                                 AND m.role = 'ADMIN' AND m.state = 'ACTIVE') AS "last_administrator!"
        FROM identity.accounts a
        WHERE a.id = $1
        "#,
        account_id,
    )
    .fetch_one(conn)
    .await?;
    Ok(Around {
        agreement_held: row.held,
        cohort: row.cohort,
        last_administrator: row.last_administrator,
    })
}

/// The employer of an account, whose members are to be held before one goes.
///
/// # Errors
/// The database's.
pub(crate) async fn employer(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "SELECT employer_id FROM identity.accounts WHERE id = $1",
        account_id
    )
    .fetch_one(conn)
    .await
}

/// Erases an account: what it keeps for itself goes, its number stays for the audit. The roster's record is the school's.
///
/// # Errors
/// The database's.
pub(crate) async fn erase(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        WITH gone AS (SELECT id, student_id FROM identity.accounts WHERE id = $1),
             sessions AS (DELETE FROM identity.sessions WHERE account_id = $1),
             factors AS (DELETE FROM identity.second_factors WHERE account_id = $1),
             resets AS (DELETE FROM identity.password_resets WHERE account_id = $1),
             profiles AS (DELETE FROM identity.profiles WHERE account_id = $1),
             privacy AS (DELETE FROM identity.privacy_settings p USING gone WHERE p.student_id = gone.student_id),
             blocked AS (DELETE FROM identity.blocked_employers b USING gone WHERE b.student_id = gone.student_id),
             members AS (
                 UPDATE identity.employer_members
                 SET state = 'REMOVED', message = '', remove_reason = '本人注销账号', version = version + 1,
                     update_time = identity.kit_now()
                 WHERE account_id = $1
             )
        UPDATE identity.accounts
        SET state = 'ERASED', student_id = NULL, employer_id = NULL, name = '', password_hash = NULL,
            mobile_sealed = NULL, mobile_blind = NULL, email_sealed = NULL, email_blind = NULL,
            version = version + 1, update_time = identity.kit_now()
        WHERE id = $1
        "#,
        account_id,
    )
    .execute(conn)
    .await
    .map(drop)
}
