//! Accounts that failed sign-ins have locked.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// A locked account.
#[derive(Debug, Clone)]
pub(crate) struct LockoutRow {
    pub(crate) account_id: Uuid,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) login: Option<String>,
    pub(crate) school_code: Option<String>,
    pub(crate) employer_name: Option<String>,
    pub(crate) failures: i32,
    pub(crate) last_failure_time: OffsetDateTime,
    pub(crate) end_time: OffsetDateTime,
}

/// Accounts of a school, or of the whole province, that are locked now, by id, after an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    school: Option<&str>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<LockoutRow>> {
    sqlx::query_as!(
        LockoutRow,
        r#"
        SELECT a.id AS account_id, a.role, coalesce(s.name, a.name) AS "name!",
               coalesce(s.student_number, a.login) AS login, coalesce(a.school_code, s.school_code) AS school_code,
               e.name AS "employer_name?", t.failures AS "failures!", t.last_failure_time AS "last_failure_time!",
               t.end_time AS "end_time!"
        FROM (
            SELECT account_id, max(failures) AS failures, max(last_failure_time) AS last_failure_time,
                   max(next_time) AS end_time
            FROM identity.login_throttles
            WHERE locked AND account_id IS NOT NULL AND next_time > identity.kit_now()
            GROUP BY account_id
        ) t
        JOIN identity.accounts a ON a.id = t.account_id
        LEFT JOIN identity.students s ON s.id = a.student_id
        LEFT JOIN identity.employers e ON e.id = a.employer_id
        WHERE ($1::text IS NULL OR coalesce(a.school_code, s.school_code) = $1)
          AND ($2::uuid IS NULL OR a.id > $2)
        ORDER BY a.id
        LIMIT $3
        "#,
        school,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Says whose failures a subject's are, where that is known. Until when the last failure has locked it; none when it has not.
///
/// # Errors
/// The database's.
pub(crate) async fn attribute(
    conn: &mut PgConnection,
    subject: &[u8],
    account_id: Option<Uuid>,
) -> sqlx::Result<Option<OffsetDateTime>> {
    let locked = sqlx::query_scalar!(
        r#"
        UPDATE identity.login_throttles SET account_id = coalesce($2, account_id) WHERE subject = $1
        RETURNING CASE WHEN locked THEN next_time END AS "until"
        "#,
        subject,
        account_id,
    )
    .fetch_optional(conn)
    .await?;
    Ok(locked.flatten())
}

/// Forgets the failures of a locked account of a school, or of the whole province; false when it is not locked.
///
/// # Errors
/// The database's.
pub(crate) async fn clear(
    conn: &mut PgConnection,
    school: Option<&str>,
    account_id: Uuid,
) -> sqlx::Result<bool> {
    let cleared = sqlx::query!(
        r#"
        DELETE FROM identity.login_throttles t
        USING identity.accounts a
        LEFT JOIN identity.students s ON s.id = a.student_id
        WHERE t.account_id = $2 AND a.id = t.account_id AND t.locked AND t.next_time > identity.kit_now()
          AND ($1::text IS NULL OR coalesce(a.school_code, s.school_code) = $1)
        "#,
        school,
        account_id,
    )
    .execute(conn)
    .await?;
    Ok(cleared.rows_affected() > 0)
}
