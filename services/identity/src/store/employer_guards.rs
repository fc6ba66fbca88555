//! Freezes of employers by schools, and the province's blacklist.

use qihang_kit::db;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A freeze.
#[derive(Debug, Clone)]
pub(crate) struct FreezeRow {
    pub(crate) id: Uuid,
    pub(crate) employer_id: Uuid,
    pub(crate) employer_name: String,
    pub(crate) school_code: String,
    pub(crate) reason: String,
    pub(crate) actor_name: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) until_time: OffsetDateTime,
    pub(crate) lift_time: Option<OffsetDateTime>,
}

/// An entry of the blacklist.
#[derive(Debug, Clone)]
pub(crate) struct EntryRow {
    pub(crate) id: Uuid,
    pub(crate) credit_code: String,
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) actor_name: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) remove_reason: String,
    pub(crate) remove_time: Option<OffsetDateTime>,
}

/// Who acts, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) reason: &'a str,
}

/// Freezes by id, newest first, before one: of a school, of an employer, or all.
///
/// # Errors
/// The database's.
pub(crate) async fn freezes(
    conn: &mut PgConnection,
    school_code: Option<&str>,
    employer_id: Option<Uuid>,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<FreezeRow>> {
    sqlx::query_as!(
        FreezeRow,
        r#"
        SELECT f.id, f.employer_id, e.name AS employer_name, f.school_code, f.reason, f.actor_name, f.create_time,
               f.until_time, f.lift_time
        FROM identity.employer_freezes f
        JOIN identity.employers e ON e.id = f.employer_id
        WHERE ($1::text IS NULL OR f.school_code = $1)
          AND ($2::uuid IS NULL OR f.employer_id = $2)
          AND ($3::uuid IS NULL OR f.id < $3)
        ORDER BY f.id DESC
        LIMIT $4
        "#,
        school_code,
        employer_id,
        before,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Writes a freeze over one that has ended by itself; false when another was quicker.
///
/// # Errors
/// The database's.
pub(crate) async fn freeze(
    conn: &mut PgConnection,
    (id, employer_id, school_code): (Uuid, Uuid, &str),
    until: OffsetDateTime,
    by: By<'_>,
) -> sqlx::Result<bool> {
    sqlx::query!(
        r#"
        UPDATE identity.employer_freezes
        SET lift_time = until_time
        WHERE employer_id = $1 AND school_code = $2 AND lift_time IS NULL AND until_time <= identity.kit_now()
        "#,
        employer_id,
        school_code,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO identity.employer_freezes
            (id, employer_id, school_code, reason, actor_id, actor_name, create_time, until_time)
        VALUES ($1, $2, $3, $4, $5, $6, identity.kit_now(), $7)
        ON CONFLICT (employer_id, school_code) WHERE lift_time IS NULL DO NOTHING
        "#,
        id,
        employer_id,
        school_code,
        by.reason,
        by.id,
        by.name,
        until,
    )
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Ends a freeze; false when it has ended.
///
/// # Errors
/// The database's.
pub(crate) async fn lift(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE identity.employer_freezes SET lift_time = identity.kit_now() WHERE id = $1 AND lift_time IS NULL",
        id,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&done).is_ok())
}

/// The blacklist by id, newest first, before one.
///
/// # Errors
/// The database's.
pub(crate) async fn blacklist(
    conn: &mut PgConnection,
    only: Option<Uuid>,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<EntryRow>> {
    sqlx::query_as!(
        EntryRow,
        r#"
        SELECT id, credit_code, name, reason, actor_name, create_time, remove_reason, remove_time
        FROM identity.blacklist
        WHERE ($1::uuid IS NULL OR id = $1) AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC
        LIMIT $3
        "#,
        only,
        before,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Puts a code on the blacklist; false when it is there.
///
/// # Errors
/// The database's.
pub(crate) async fn add(
    conn: &mut PgConnection,
    id: Uuid,
    (credit_code, name): (&str, &str),
    by: By<'_>,
) -> sqlx::Result<bool> {
    sqlx::query!(
        r#"
        INSERT INTO identity.blacklist (id, credit_code, name, reason, actor_id, actor_name, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, identity.kit_now())
        ON CONFLICT (credit_code) WHERE remove_time IS NULL DO NOTHING
        "#,
        id,
        credit_code,
        name,
        by.reason,
        by.id,
        by.name,
    )
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Takes an entry off; false when it is off.
///
/// # Errors
/// The database's.
pub(crate) async fn remove(conn: &mut PgConnection, id: Uuid, reason: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        UPDATE identity.blacklist
        SET remove_reason = $2, remove_time = identity.kit_now()
        WHERE id = $1 AND remove_time IS NULL
        "#,
        id,
        reason,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&done).is_ok())
}
