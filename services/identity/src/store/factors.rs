//! Second factors and their recovery codes.

use sqlx::PgConnection;
use uuid::Uuid;

/// A second factor.
#[derive(Debug, Clone)]
pub(crate) struct FactorRow {
    /// The secret that counts; none until it was confirmed.
    pub(crate) secret_sealed: Option<Vec<u8>>,
    /// A secret that waits for its first code.
    pub(crate) pending_sealed: Option<Vec<u8>>,
}

/// Gets the factor of an account, locked.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<Option<FactorRow>> {
    sqlx::query_as!(
        FactorRow,
        r#"
        SELECT secret_sealed, pending_sealed
        FROM identity.second_factors
        WHERE account_id = $1
        FOR UPDATE
        "#,
        account_id,
    )
    .fetch_optional(conn)
    .await
}

/// Keeps a secret until its first code comes. What counts until then goes on counting.
///
/// # Errors
/// The database's.
pub(crate) async fn propose(conn: &mut PgConnection, account_id: Uuid, sealed: &[u8]) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.second_factors (account_id, pending_sealed, create_time, update_time)
        VALUES ($1, $2, identity.kit_now(), identity.kit_now())
        ON CONFLICT (account_id) DO UPDATE
        SET pending_sealed = excluded.pending_sealed, update_time = excluded.update_time
        "#,
        account_id,
        sealed,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Lets the waiting secret count from now on. The factor must be locked.
///
/// # Errors
/// The database's.
pub(crate) async fn confirm(conn: &mut PgConnection, account_id: Uuid, step: i64) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        UPDATE identity.second_factors
        SET secret_sealed = pending_sealed, pending_sealed = NULL, last_step = $2, confirm_time = identity.kit_now(),
            update_time = identity.kit_now()
        WHERE account_id = $1 AND pending_sealed IS NOT NULL
        "#,
        account_id,
        step,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Uses a step up; false when it, or a later one, was used before.
///
/// # Errors
/// The database's.
pub(crate) async fn use_step(conn: &mut PgConnection, account_id: Uuid, step: i64) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        r#"
        UPDATE identity.second_factors
        SET last_step = $2, update_time = identity.kit_now()
        WHERE account_id = $1 AND last_step < $2
        "#,
        account_id,
        step,
    )
    .execute(conn)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Replaces an account's recovery codes.
///
/// # Errors
/// The database's.
pub(crate) async fn set_recovery_codes(
    conn: &mut PgConnection,
    account_id: Uuid,
    hashes: &[Vec<u8>],
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM identity.recovery_codes WHERE account_id = $1",
        account_id
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO identity.recovery_codes (account_id, code_hash, create_time)
        SELECT $1, hash, identity.kit_now() FROM unnest($2::bytea[]) AS codes (hash)
        "#,
        account_id,
        hashes,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Uses a recovery code up; false when there is none.
///
/// # Errors
/// The database's.
pub(crate) async fn use_recovery_code(
    conn: &mut PgConnection,
    account_id: Uuid,
    hash: &[u8],
) -> sqlx::Result<bool> {
    let used = sqlx::query!(
        "DELETE FROM identity.recovery_codes WHERE account_id = $1 AND code_hash = $2",
        account_id,
        hash,
    )
    .execute(conn)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Removes an account's factor with all its codes; false when there was none.
///
/// # Errors
/// The database's.
pub(crate) async fn remove(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<bool> {
    let removed = sqlx::query!(
        "DELETE FROM identity.second_factors WHERE account_id = $1",
        account_id
    )
    .execute(conn)
    .await?;
    Ok(removed.rows_affected() == 1)
}
