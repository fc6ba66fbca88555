//! Keys that sign access tokens.

use qihang_kit::db;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{
    domain::signing_keys::{Key, State},
    error::Error,
};

/// A key with its halves.
#[derive(Debug, Clone)]
pub(crate) struct KeyRow {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) private_sealed: Vec<u8>,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) activate_time: Option<OffsetDateTime>,
    pub(crate) retire_time: Option<OffsetDateTime>,
}

impl TryFrom<&KeyRow> for Key {
    type Error = Error;

    fn try_from(row: &KeyRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id.clone(),
            state: State::parse(&row.state).ok_or(Error::Inconsistent("signing_keys.state"))?,
            create_time: row.create_time,
            activate_time: row.activate_time,
            retire_time: row.retire_time,
        })
    }
}

/// Lets one replica at a time change keys.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('identity.signing_keys', 0))")
        .fetch_one(conn)
        .await
        .map(drop)
}

/// All keys, oldest first.
///
/// # Errors
/// The database's.
pub(crate) async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<KeyRow>> {
    sqlx::query_as!(
        KeyRow,
        r#"
        SELECT id, state, public_key, private_sealed, create_time, activate_time, retire_time
        FROM identity.signing_keys
        ORDER BY create_time, id
        "#,
    )
    .fetch_all(conn)
    .await
}

/// The key that signs.
///
/// # Errors
/// The database's.
pub(crate) async fn active(conn: &mut PgConnection) -> sqlx::Result<Option<KeyRow>> {
    sqlx::query_as!(
        KeyRow,
        r#"
        SELECT id, state, public_key, private_sealed, create_time, activate_time, retire_time
        FROM identity.signing_keys
        WHERE state = 'ACTIVE'
        "#,
    )
    .fetch_optional(conn)
    .await
}

/// Adds a key.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(conn: &mut PgConnection, row: &KeyRow) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.signing_keys (id, state, public_key, private_sealed, create_time, activate_time)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        row.id,
        row.state,
        row.public_key,
        row.private_sealed,
        row.create_time,
        row.activate_time,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Lets a published key sign and retires the one before.
///
/// # Errors
/// The database's.
pub(crate) async fn promote(conn: &mut PgConnection, id: &str, now: OffsetDateTime) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE identity.signing_keys SET state = 'RETIRED', retire_time = $1 WHERE state = 'ACTIVE'",
        now
    )
    .execute(&mut *conn)
    .await?;
    let promoted = sqlx::query!(
        "UPDATE identity.signing_keys SET state = 'ACTIVE', activate_time = $2 WHERE id = $1 AND state = 'NEXT'",
        id,
        now,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&promoted)?)
}

/// Forgets a retired key.
///
/// # Errors
/// The database's.
pub(crate) async fn delete(conn: &mut PgConnection, id: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM identity.signing_keys WHERE id = $1 AND state = 'RETIRED'",
        id
    )
    .execute(conn)
    .await
    .map(drop)
}
