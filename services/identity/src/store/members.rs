//! Members of employers and their accounts.

use qihang_kit::db;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::member::{Member, Role, State},
    error::Error,
};

/// A member.
#[derive(Debug, Clone)]
pub(crate) struct MemberRow {
    pub(crate) id: Uuid,
    pub(crate) employer_id: Uuid,
    pub(crate) employer_name: String,
    pub(crate) role: String,
    pub(crate) state: String,
    pub(crate) name: String,
    pub(crate) mobile_sealed: Option<Vec<u8>>,
    pub(crate) email_sealed: Option<Vec<u8>>,
    pub(crate) message: String,
    pub(crate) remove_reason: String,
    /// True when no other administrator of the employer is active.
    pub(crate) last_administrator: bool,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
    pub(crate) last_login_time: Option<OffsetDateTime>,
    pub(crate) version: i32,
}

impl TryFrom<&MemberRow> for Member {
    type Error = Error;

    fn try_from(row: &MemberRow) -> Result<Self, Error> {
        Ok(Self {
            account: row.id,
            role: Role::parse(&row.role).ok_or(Error::Inconsistent("employer_members.role"))?,
            state: State::parse(&row.state).ok_or(Error::Inconsistent("employer_members.state"))?,
            since: row.create_time,
            last_administrator: row.last_administrator,
        })
    }
}

/// Whose members, and which.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct Filter {
    /// Of this employer.
    pub(crate) employer_id: Option<Uuid>,
    /// One member alone.
    pub(crate) id: Option<Uuid>,
    pub(crate) state: Option<&'static str>,
    /// Only requests that nobody has answered for so many days.
    pub(crate) unanswered_days: Option<i32>,
}

/// Members, by id, after an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<MemberRow>> {
    sqlx::query_as!(
        MemberRow,
        r#"
        SELECT m.account_id AS id, m.employer_id, e.name AS employer_name, m.role, m.state, a.name, a.mobile_sealed,
               a.email_sealed, m.message, m.remove_reason,
               m.role = 'ADMIN' AND m.state = 'ACTIVE' AND NOT EXISTS (
                   SELECT 1 FROM identity.employer_members o
                   WHERE o.employer_id = m.employer_id AND o.role = 'ADMIN' AND o.state = 'ACTIVE'
                     AND o.account_id <> m.account_id
               ) AS "last_administrator!",
               m.create_time, m.update_time, a.last_login_time, m.version
        FROM identity.employer_members m
        JOIN identity.accounts a ON a.id = m.account_id
        JOIN identity.employers e ON e.id = m.employer_id
        WHERE ($1::uuid IS NULL OR m.employer_id = $1)
          AND ($2::uuid IS NULL OR m.account_id = $2)
          AND ($3::text IS NULL OR m.state = $3)
          AND ($4::int IS NULL OR (m.state = 'REQUESTED'
              AND m.create_time <= identity.kit_now() - make_interval(days => $4)))
          AND ($5::uuid IS NULL OR m.account_id > $5)
        ORDER BY m.account_id
        LIMIT $6
        "#,
        filter.employer_id,
        filter.id,
        filter.state,
        filter.unanswered_days,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Lets one change of an employer's members be decided at a time.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection, employer_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT id FROM identity.employers WHERE id = $1 FOR NO KEY UPDATE",
        employer_id
    )
    .fetch_optional(conn)
    .await
    .map(drop)
}

/// A member to be added.
pub(crate) struct NewMember<'a> {
    pub(crate) employer_id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) role: Role,
    pub(crate) state: State,
    pub(crate) message: &'a str,
}

/// Adds a member; false when the employer has `most` already who are in this state or, unless they ask, active.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    member: &NewMember<'_>,
    most: i64,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let added = sqlx::query!(
        r#"
        INSERT INTO identity.employer_members (account_id, employer_id, role, state, message, create_time, update_time)
        SELECT $1, $2, $3, $4, $5, $6, $6
        WHERE (SELECT count(*) FROM identity.employer_members
               WHERE employer_id = $2 AND (state = $4 OR ($4 <> 'REQUESTED' AND state IN ('ACTIVE', 'INVITED')))) < $7
        "#,
        member.account_id,
        member.employer_id,
        member.role.as_str(),
        member.state.as_str(),
        member.message,
        now,
        most,
    )
    .execute(conn)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Saves what was decided. Who is out cannot sign in any more.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn save(
    conn: &mut PgConnection,
    row: &MemberRow,
    (state, role): (State, Role),
    reason: &str,
) -> Result<(), Error> {
    let saved = sqlx::query!(
        r#"
        UPDATE identity.employer_members
        SET state = $3, role = $4, remove_reason = $5, version = version + 1, update_time = identity.kit_now()
        WHERE account_id = $1 AND version = $2
        "#,
        row.id,
        row.version,
        state.as_str(),
        role.as_str(),
        reason,
    )
    .execute(&mut *conn)
    .await?;
    db::one(&saved)?;
    if state == State::Removed {
        sqlx::query!(
            r#"
            UPDATE identity.accounts
            SET state = 'DISABLED', disable_reason = $2, version = version + 1, update_time = identity.kit_now()
            WHERE id = $1
            "#,
            row.id,
            reason,
        )
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// Lets go of requests that nobody answered for thirty days, some at a time: their mobile numbers are free again.
///
/// # Errors
/// The database's.
pub(crate) async fn lapse_requests(conn: &mut PgConnection, limit: i64) -> sqlx::Result<u64> {
    let lapsed = sqlx::query!(
        r#"
        WITH lapsed AS (
            UPDATE identity.employer_members
            SET state = 'REMOVED', remove_reason = '申请超过 30 天无人处理', version = version + 1,
                update_time = identity.kit_now()
            WHERE account_id IN (
                SELECT account_id FROM identity.employer_members
                WHERE state = 'REQUESTED' AND create_time < identity.kit_now() - interval '30 days'
                ORDER BY create_time LIMIT $1
            ) AND state = 'REQUESTED'
            RETURNING account_id
        )
        UPDATE identity.accounts SET state = 'DISABLED', version = version + 1, update_time = identity.kit_now()
        WHERE id IN (SELECT account_id FROM lapsed)
        "#,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(lapsed.rows_affected())
}

/// The employer of a credit code that people may ask to join.
///
/// # Errors
/// The database's.
pub(crate) async fn joinable(
    conn: &mut PgConnection,
    credit_code: &str,
) -> sqlx::Result<Option<(Uuid, String)>> {
    let found = sqlx::query!(
        "SELECT id, name FROM identity.employers WHERE credit_code = $1 AND state <> 'REJECTED' FOR NO KEY UPDATE",
        credit_code
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|row| (row.id, row.name)))
}
