//! Staff accounts and their activations.

use qihang_kit::db;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::staff::{Account, Level, Place, Say, State},
    error::Error,
};

/// A staff account.
#[derive(Debug, Clone)]
pub(crate) struct StaffRow {
    pub(crate) id: Uuid,
    pub(crate) role: String,
    pub(crate) state: String,
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) school_code: Option<String>,
    pub(crate) school_name: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) classes: Vec<String>,
    pub(crate) has_password: bool,
    /// True when no other administrator of the province is active.
    pub(crate) last_administrator: bool,
    pub(crate) disable_reason: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
    pub(crate) last_login_time: Option<OffsetDateTime>,
    pub(crate) version: i32,
}

impl TryFrom<&StaffRow> for Account {
    type Error = Error;

    fn try_from(row: &StaffRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            place: Place {
                level: Level::parse(&row.role).ok_or(Error::Inconsistent("accounts.role"))?,
                school: row.school_code.clone(),
                department: row.department.clone(),
                classes: row.classes.clone(),
            },
            state: State::parse(&row.state).ok_or(Error::Inconsistent("accounts.state"))?,
            has_password: row.has_password,
            last_administrator: row.last_administrator,
        })
    }
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct Filter {
    /// Whose staff the caller manages; none is the whole province.
    pub(crate) scope: Option<String>,
    pub(crate) school_code: Option<String>,
    pub(crate) role: Option<&'static str>,
    pub(crate) state: Option<&'static str>,
    pub(crate) text: Option<String>,
}

/// Lets one change of the province's administrators be decided at a time.
///
/// # Errors
/// The database's.
pub(crate) async fn lock_administrators(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('identity.administrators', 0))")
        .fetch_one(conn)
        .await
        .map(drop)
}

/// Whether an administrator of the province has others beside them who could agree. Who was one until a week ago still
/// counts: nobody becomes the only one by disabling or lowering the others.
///
/// # Errors
/// The database's.
pub(crate) async fn say(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<Say> {
    let others = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT 1 FROM identity.accounts WHERE role = 'PROVINCE' AND state = 'ACTIVE' AND id <> $1
        ) OR EXISTS (
            SELECT 1 FROM identity.accounts
            WHERE administrator_until > identity.kit_now() - interval '7 days' AND id <> $1
        ) AS "others!"
        "#,
        account_id,
    )
    .fetch_one(conn)
    .await?;
    Ok(if others { Say::Half } else { Say::Alone })
}

/// Gets an account that the caller manages, locked.
///
/// # Errors
/// The database's.
pub(crate) async fn get(
    conn: &mut PgConnection,
    scope: Option<&str>,
    id: Uuid,
) -> sqlx::Result<Option<StaffRow>> {
    sqlx::query_as!(
        StaffRow,
        r#"
        SELECT a.id, a.role, a.state, a.login AS "login!", a.name, a.school_code, c.name AS "school_name?", a.department,
               a.classes,
               a.password_hash IS NOT NULL AS "has_password!",
               a.role = 'PROVINCE' AND NOT EXISTS (
                   SELECT 1 FROM identity.accounts o WHERE o.role = 'PROVINCE' AND o.state = 'ACTIVE' AND o.id <> a.id
               ) AS "last_administrator!",
               a.disable_reason, a.create_time, a.update_time, a.last_login_time, a.version
        FROM identity.accounts a
        LEFT JOIN identity.schools c ON c.code = a.school_code
        WHERE a.id = $1 AND a.login IS NOT NULL AND ($2::text IS NULL OR a.school_code = $2)
        FOR UPDATE OF a
        "#,
        id,
        scope,
    )
    .fetch_optional(conn)
    .await
}

/// Lists accounts that the caller manages, newest first, after an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<StaffRow>> {
    sqlx::query_as!(
        StaffRow,
        r#"
        SELECT a.id, a.role, a.state, a.login AS "login!", a.name, a.school_code, c.name AS "school_name?", a.department,
               a.classes,
               a.password_hash IS NOT NULL AS "has_password!",
               a.role = 'PROVINCE' AND NOT EXISTS (
                   SELECT 1 FROM identity.accounts o WHERE o.role = 'PROVINCE' AND o.state = 'ACTIVE' AND o.id <> a.id
               ) AS "last_administrator!",
               a.disable_reason, a.create_time, a.update_time, a.last_login_time, a.version
        FROM identity.accounts a
        LEFT JOIN identity.schools c ON c.code = a.school_code
        WHERE a.login IS NOT NULL
          AND ($1::text IS NULL OR a.school_code = $1)
          AND ($2::text IS NULL OR a.school_code = $2)
          AND ($3::text IS NULL OR a.role = $3)
          AND ($4::text IS NULL OR a.state = $4)
          AND ($5::text IS NULL OR strpos(a.login, lower($5)) > 0 OR strpos(a.name, $5) > 0)
          AND ($6::uuid IS NULL OR a.id < $6)
        ORDER BY a.id DESC
        LIMIT $7
        "#,
        filter.scope,
        filter.school_code,
        filter.role,
        filter.state,
        filter.text,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Saves an account's state.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn save_state(
    conn: &mut PgConnection,
    row: &StaffRow,
    state: State,
    disable_reason: &str,
) -> Result<(), Error> {
    let saved = sqlx::query!(
        r#"
        UPDATE identity.accounts
        SET state = $3, disable_reason = $4, version = version + 1, update_time = identity.kit_now(),
            administrator_until = CASE
                WHEN role = 'PROVINCE' AND state = 'ACTIVE' AND $3 = 'DISABLED' THEN identity.kit_now()
                ELSE administrator_until
            END
        WHERE id = $1 AND version = $2
        "#,
        row.id,
        row.version,
        state.as_str(),
        disable_reason,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}

/// Saves an account's name and where it belongs.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn save_place(
    conn: &mut PgConnection,
    row: &StaffRow,
    name: &str,
    place: &Place,
) -> Result<(), Error> {
    let saved = sqlx::query!(
        r#"
        UPDATE identity.accounts
        SET name = $3, role = $4, school_code = $5, department = $6, classes = $7, version = version + 1,
            update_time = identity.kit_now(),
            administrator_until = CASE
                WHEN role = 'PROVINCE' AND state = 'ACTIVE' AND $4 <> 'PROVINCE' THEN identity.kit_now()
                ELSE administrator_until
            END
        WHERE id = $1 AND version = $2
        "#,
        row.id,
        row.version,
        name,
        place.level.as_str(),
        place.school,
        place.department,
        &place.classes,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}

/// Sets the activation of an account; one that was there before does not count any more.
///
/// # Errors
/// The database's.
pub(crate) async fn set_activation(
    conn: &mut PgConnection,
    account_id: Uuid,
    token_hash: &[u8],
    created_by: Uuid,
    expire_time: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.staff_activations (account_id, token_hash, created_by, expire_time, create_time)
        VALUES ($1, $2, $3, $4, identity.kit_now())
        ON CONFLICT (account_id) DO UPDATE
        SET token_hash = excluded.token_hash, created_by = excluded.created_by, expire_time = excluded.expire_time,
            create_time = excluded.create_time
        "#,
        account_id,
        token_hash,
        created_by,
        expire_time,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// True when an account has an activation that counts.
///
/// # Errors
/// The database's.
pub(crate) async fn has_activation(conn: &mut PgConnection, account_id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT 1 FROM identity.staff_activations WHERE account_id = $1 AND expire_time > identity.kit_now()
        ) AS "exists!"
        "#,
        account_id,
    )
    .fetch_one(conn)
    .await
}

/// Who an activation is for.
#[derive(Debug, Clone)]
pub(crate) struct Activation {
    pub(crate) login: String,
    pub(crate) name: String,
}

/// Finds an activation that counts.
///
/// # Errors
/// The database's.
pub(crate) async fn find_activation(
    conn: &mut PgConnection,
    token_hash: &[u8],
) -> sqlx::Result<Option<Activation>> {
    let now = db::now(conn).await?;
    sqlx::query_as!(
        Activation,
        r#"
        SELECT coalesce(a.login, '') AS "login!", a.name
        FROM identity.staff_activations t
        JOIN identity.accounts a ON a.id = t.account_id
        WHERE t.token_hash = $1 AND t.expire_time > $2 AND a.state <> 'DISABLED'
        "#,
        token_hash,
        now,
    )
    .fetch_optional(conn)
    .await
}

/// Uses an activation up and sets the password.
///
/// # Errors
/// ACTIVATION_INVALID when it was used meanwhile; the database's.
pub(crate) async fn activate(
    conn: &mut PgConnection,
    token_hash: &[u8],
    password_hash: &str,
) -> Result<Uuid, Error> {
    let now = db::now(conn).await?;
    let used = sqlx::query_scalar!(
        "DELETE FROM identity.staff_activations WHERE token_hash = $1 AND expire_time > $2 RETURNING account_id",
        token_hash,
        now,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let id = used.ok_or(Error::ActivationInvalid)?;
    let saved = sqlx::query!(
        r#"
        UPDATE identity.accounts
        SET state = 'ACTIVE', password_hash = $2, version = version + 1, update_time = identity.kit_now()
        WHERE id = $1 AND state <> 'DISABLED'
        "#,
        id,
        password_hash,
    )
    .execute(&mut *conn)
    .await?;
    db::one(&saved).map_err(|_| Error::ActivationInvalid)?;
    // An invited member of an employer is one from now on.
    sqlx::query!(
        r#"
        UPDATE identity.employer_members
        SET state = 'ACTIVE', version = version + 1, update_time = identity.kit_now()
        WHERE account_id = $1 AND state = 'INVITED'
        "#,
        id,
    )
    .execute(conn)
    .await?;
    Ok(id)
}

/// True when the province has an administrator, whatever its state.
///
/// # Errors
/// The database's.
pub(crate) async fn has_administrator(conn: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM identity.accounts WHERE role = 'PROVINCE') AS "exists!""#
    )
    .fetch_one(conn)
    .await
}

/// The account of a login name.
///
/// # Errors
/// The database's.
pub(crate) async fn find_login(conn: &mut PgConnection, login: &str) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!("SELECT id FROM identity.accounts WHERE login = $1", login)
        .fetch_optional(conn)
        .await
}
