//! Which offers are to be reminded of.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Error;

/// An offer that is about to expire.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) agreement_id: Uuid,
    pub(crate) student_id: Uuid,
    pub(crate) employer_id: Uuid,
    pub(crate) school_code: String,
    pub(crate) revision: i32,
    pub(crate) hours: i32,
}

/// Claims the most urgent reminder of each open offer whose moment has come, some at a time. None within `settle` hours of
/// the sending, and none after a more urgent one.
///
/// # Errors
/// The database's.
pub(crate) async fn claim(
    conn: &mut PgConnection,
    hours: &[i32],
    settle: i32,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    Ok(sqlx::query_as!(
        Due,
        r#"
        WITH due AS (
            SELECT a.id, a.expire_time, h.hours
            FROM contracts.agreements a
            CROSS JOIN LATERAL (
                SELECT min(one) AS hours FROM unnest($1::int[]) one
                WHERE a.expire_time - make_interval(hours => one) <= contracts.kit_now()
            ) h
            WHERE a.state = 'PENDING_STUDENT' AND a.expire_time > contracts.kit_now() AND h.hours IS NOT NULL
              AND a.send_time + make_interval(hours => $2) <= a.expire_time - make_interval(hours => h.hours)
              AND NOT EXISTS (
                  SELECT 1 FROM contracts.offer_reminders r
                  WHERE r.agreement_id = a.id AND r.expire_time = a.expire_time AND r.hours <= h.hours)
            ORDER BY a.expire_time
            LIMIT $3
        ), claimed AS (
            INSERT INTO contracts.offer_reminders (agreement_id, expire_time, hours, create_time)
            SELECT id, expire_time, hours, contracts.kit_now() FROM due
            ON CONFLICT DO NOTHING
            RETURNING agreement_id, hours
        )
        SELECT a.id AS agreement_id, a.student_id, a.employer_id, a.school_code, a.revision, claimed.hours
        FROM claimed JOIN contracts.agreements a ON a.id = claimed.agreement_id
        "#,
        hours,
        settle,
        limit,
    )
    .fetch_all(conn)
    .await?)
}
