//! The audit's events as people may see them.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// An event with the names of those in it.
#[derive(Debug, Clone)]
pub(crate) struct EventRow {
    pub(crate) id: Uuid,
    pub(crate) event: String,
    pub(crate) outcome: String,
    pub(crate) account_id: Option<Uuid>,
    pub(crate) account_name: Option<String>,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) actor_name: Option<String>,
    pub(crate) actor_role: Option<String>,
    pub(crate) actor_school: Option<String>,
    pub(crate) student_id: Option<Uuid>,
    pub(crate) reason: String,
    pub(crate) address: String,
    pub(crate) client: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) sequence: Option<i64>,
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Filter {
    /// Whose accounts and students; none is the whole province.
    pub(crate) school: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) outcome: Option<&'static str>,
    pub(crate) account_id: Option<Uuid>,
    pub(crate) student_id: Option<Uuid>,
    pub(crate) start_time: Option<OffsetDateTime>,
    pub(crate) end_time: Option<OffsetDateTime>,
}

/// Lists events in scope, newest first, before an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<EventRow>> {
    sqlx::query_as!(
        EventRow,
        r#"
        SELECT e.id, e.event, e.outcome, e.account_id, a.name AS "account_name?", e.actor_id, o.name AS "actor_name?",
               o.role AS "actor_role?", o.school_code AS "actor_school?", coalesce(e.student_id, a.student_id) AS student_id,
               e.reason, e.address, e.client, e.create_time, e.sequence
        FROM identity.audit_events e
        LEFT JOIN identity.accounts a ON a.id = e.account_id
        LEFT JOIN identity.accounts o ON o.id = e.actor_id
        LEFT JOIN identity.students s ON s.id = coalesce(e.student_id, a.student_id)
        WHERE ($1::text IS NULL OR coalesce(s.school_code, a.school_code, e.school_code) = $1)
          AND ($2::text IS NULL OR e.event = $2)
          AND ($3::text IS NULL OR e.outcome = $3)
          AND ($4::uuid IS NULL OR e.account_id = $4 OR e.actor_id = $4)
          AND ($5::uuid IS NULL OR e.student_id = $5 OR a.student_id = $5)
          AND ($6::timestamptz IS NULL OR e.create_time >= $6)
          AND ($7::timestamptz IS NULL OR e.create_time < $7)
          AND ($8::uuid IS NULL OR e.id < $8)
        ORDER BY e.id DESC
        LIMIT $9
        "#,
        filter.school,
        filter.event,
        filter.outcome,
        filter.account_id,
        filter.student_id,
        filter.start_time,
        filter.end_time,
        before,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Lists the events of an account and of its student's record, newest first, before an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list_own(
    conn: &mut PgConnection,
    account_id: Uuid,
    student_id: Option<Uuid>,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<EventRow>> {
    sqlx::query_as!(
        EventRow,
        r#"
        SELECT e.id, e.event, e.outcome, e.account_id, a.name AS "account_name?", e.actor_id, o.name AS "actor_name?",
               o.role AS "actor_role?", o.school_code AS "actor_school?", e.student_id, e.reason, e.address, e.client,
               e.create_time, e.sequence
        FROM identity.audit_events e
        LEFT JOIN identity.accounts a ON a.id = e.account_id
        LEFT JOIN identity.accounts o ON o.id = e.actor_id
        WHERE (e.account_id = $1 OR e.actor_id = $1 OR e.student_id = $2)
          AND ($3::uuid IS NULL OR e.id < $3)
        ORDER BY e.id DESC
        LIMIT $4
        "#,
        account_id,
        student_id,
        before,
        limit,
    )
    .fetch_all(conn)
    .await
}
