//! Tokens for forgotten passwords.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Sets the token of an account; one that was there before does not count any more.
///
/// # Errors
/// The database's.
pub(crate) async fn set(
    conn: &mut PgConnection,
    account_id: Uuid,
    (token_hash, clears_factor): (&[u8], bool),
    created_by: Uuid,
    expire_time: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.password_resets (account_id, token_hash, created_by, expire_time, clears_factor, create_time)
        VALUES ($1, $2, $3, $4, $5, identity.kit_now())
        ON CONFLICT (account_id) DO UPDATE
        SET token_hash = excluded.token_hash, created_by = excluded.created_by, expire_time = excluded.expire_time,
            clears_factor = excluded.clears_factor, create_time = excluded.create_time
        "#,
        account_id,
        token_hash,
        created_by,
        expire_time,
        clears_factor,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Whether an account has this token, and it counts.
///
/// # Errors
/// The database's.
pub(crate) async fn counts(
    conn: &mut PgConnection,
    account_id: Uuid,
    token_hash: &[u8],
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT 1 FROM identity.password_resets
            WHERE account_id = $1 AND token_hash = $2 AND expire_time > identity.kit_now()
        ) AS "counts!"
        "#,
        account_id,
        token_hash,
    )
    .fetch_one(conn)
    .await
}

/// Uses a token up and says whether it clears the second factor too; none when it does not count any more.
///
/// # Errors
/// The database's.
pub(crate) async fn take(
    conn: &mut PgConnection,
    account_id: Uuid,
    token_hash: &[u8],
) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        r#"
        DELETE FROM identity.password_resets
        WHERE account_id = $1 AND token_hash = $2 AND expire_time > identity.kit_now()
        RETURNING clears_factor
        "#,
        account_id,
        token_hash,
    )
    .fetch_optional(conn)
    .await
}

/// Sets the password of an account that may sign in; false when it may not.
///
/// # Errors
/// The database's.
pub(crate) async fn set_password(
    conn: &mut PgConnection,
    account_id: Uuid,
    password_hash: &str,
) -> sqlx::Result<bool> {
    let set = sqlx::query!(
        r#"
        UPDATE identity.accounts
        SET password_hash = $2, version = version + 1, update_time = identity.kit_now()
        WHERE id = $1 AND state = 'ACTIVE' AND login IS NULL
        "#,
        account_id,
        password_hash,
    )
    .execute(conn)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// The account of a student that may sign in; none before the registration.
///
/// # Errors
/// The database's.
pub(crate) async fn account_of_student(
    conn: &mut PgConnection,
    student_id: Uuid,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM identity.accounts WHERE student_id = $1 AND state = 'ACTIVE'",
        student_id
    )
    .fetch_optional(conn)
    .await
}

/// An administrator of an employer.
#[derive(Debug, Clone)]
pub(crate) struct Administrator {
    pub(crate) account_id: Uuid,
    pub(crate) name: String,
}

/// The administrators of an employer that may sign in, two at most.
///
/// # Errors
/// The database's.
pub(crate) async fn administrators(
    conn: &mut PgConnection,
    employer_id: Uuid,
) -> sqlx::Result<Vec<Administrator>> {
    sqlx::query_as!(
        Administrator,
        r#"
        SELECT a.id AS account_id, a.name
        FROM identity.employer_members m
        JOIN identity.accounts a ON a.id = m.account_id
        WHERE m.employer_id = $1 AND m.role = 'ADMIN' AND m.state = 'ACTIVE' AND a.state = 'ACTIVE'
        LIMIT 2
        "#,
        employer_id,
    )
    .fetch_all(conn)
    .await
}

/// Withdraws the token of an account, if there is one.
///
/// # Errors
/// The database's.
pub(crate) async fn withdraw(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM identity.password_resets WHERE account_id = $1",
        account_id
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Deletes tokens that ended, some at a time.
///
/// # Errors
/// The database's.
pub(crate) async fn purge(conn: &mut PgConnection, limit: i64) -> sqlx::Result<u64> {
    let deleted = sqlx::query!(
        r#"
        DELETE FROM identity.password_resets
        WHERE account_id IN (
            SELECT account_id FROM identity.password_resets
            WHERE expire_time < identity.kit_now()
            ORDER BY expire_time
            LIMIT $1
        )
        "#,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
