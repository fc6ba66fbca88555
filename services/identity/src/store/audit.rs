//! What happened to accounts, without personal data, and refused registrations.

use qihang_kit::auth::Caller;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Something that happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Event {
    /// What, e.g. `session.login`.
    pub(crate) event: &'static str,
    /// True when it was refused.
    pub(crate) refused: bool,
    /// The account it is about.
    pub(crate) account_id: Option<Uuid>,
    /// The account that did it, when another.
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) student_id: Option<Uuid>,
    pub(crate) school_code: Option<String>,
    /// Why, where a reason is asked for.
    pub(crate) reason: String,
}

impl Event {
    /// Something of an account.
    pub(crate) fn of(event: &'static str, account_id: Uuid) -> Self {
        Self {
            event,
            account_id: Some(account_id),
            ..Self::default()
        }
    }
}

/// Writes an event.
///
/// # Errors
/// The database's.
pub(crate) async fn write(
    conn: &mut PgConnection,
    id: Uuid,
    event: &Event,
    caller: &Caller,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.audit_events
            (id, event, outcome, account_id, actor_id, student_id, school_code, address, client, reason, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, identity.kit_now())
        "#,
        id,
        event.event,
        if event.refused { "REFUSED" } else { "DONE" },
        event.account_id,
        event.actor_id,
        event.student_id,
        event.school_code,
        caller
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        caller.client.as_str(),
        event.reason,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// A registration that did not match.
#[derive(Debug, Clone)]
pub(crate) struct CaseRow {
    pub(crate) case_number: String,
    pub(crate) school_code: String,
    pub(crate) student_number_sealed: Vec<u8>,
    pub(crate) number_known: bool,
    pub(crate) name_matches: bool,
    pub(crate) identity_matches: bool,
    pub(crate) create_time: OffsetDateTime,
}

/// Writes a case.
///
/// # Errors
/// The database's.
pub(crate) async fn insert_case(conn: &mut PgConnection, case: &CaseRow) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.registration_cases
            (case_number, school_code, student_number_sealed, number_known, name_matches, identity_matches, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        "#,
        case.case_number,
        case.school_code,
        case.student_number_sealed,
        case.number_known,
        case.name_matches,
        case.identity_matches,
        case.create_time,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Gets a case of a school.
///
/// # Errors
/// The database's.
pub(crate) async fn get_case(
    conn: &mut PgConnection,
    school_code: &str,
    case_number: &str,
) -> sqlx::Result<Option<CaseRow>> {
    sqlx::query_as!(
        CaseRow,
        r#"
        SELECT case_number, school_code, student_number_sealed, number_known, name_matches, identity_matches, create_time
        FROM identity.registration_cases
        WHERE school_code = $1 AND case_number = $2
        "#,
        school_code,
        case_number,
    )
    .fetch_optional(conn)
    .await
}

/// Deletes cases after thirty days, some at a time.
///
/// # Errors
/// The database's.
pub(crate) async fn purge_cases(conn: &mut PgConnection, limit: i64) -> sqlx::Result<u64> {
    let cases = sqlx::query!(
        r#"
        DELETE FROM identity.registration_cases
        WHERE case_number IN (
            SELECT case_number FROM identity.registration_cases
            WHERE create_time < identity.kit_now() - interval '30 days'
            ORDER BY create_time
            LIMIT $1
        )
        "#,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(cases.rows_affected())
}
