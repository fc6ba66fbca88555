//! Lists of agreements: keyset pages, one round trip.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::agreements::{Record, select};
use crate::{error::Error, scope::Scope};

/// A page of a party's agreements, newest first.
pub(crate) async fn of_party(
    conn: &mut PgConnection,
    scope: &Scope,
    states: &[String],
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let rows = select!(
        r#"WHERE ($1::uuid IS NULL OR (a.student_id = $1 AND a.state <> 'DRAFT'))
             AND ($2::uuid IS NULL OR a.employer_id = $2)
             AND ($1::uuid IS NOT NULL OR $2::uuid IS NOT NULL)
             AND (cardinality($3::text[]) = 0 OR a.state = ANY ($3))
             AND ($4::uuid IS NULL OR a.id < $4)
           ORDER BY a.id DESC LIMIT $5"#,
        scope.student_id,
        scope.employer_id,
        states,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Record::try_from).collect()
}

/// A page of a student's agreements that were signed, as far as the scope of their school's staff goes, newest first.
pub(crate) async fn of_student(
    conn: &mut PgConnection,
    scope: &Scope,
    student_id: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let rows = select!(
        r#"WHERE a.student_id = $1 AND a.school_code = $2 AND a.serial IS NOT NULL
             AND ($3::text IS NULL OR a.department = $3)
             AND (cardinality($4::text[]) = 0 OR a.class_name = ANY ($4))
             AND ($5::uuid IS NULL OR a.id < $5)
           ORDER BY a.id DESC LIMIT $6"#,
        student_id,
        scope.school_code.as_deref(),
        scope.department.as_deref(),
        &scope.classes,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Record::try_from).collect()
}

/// A page of what waits for a level's review, longest waiting first.
pub(crate) async fn to_review(
    conn: &mut PgConnection,
    scope: &Scope,
    department_level: bool,
    department: Option<&str>,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Record>, Error> {
    let rows = select!(
        r#"WHERE a.state = 'PENDING_REVIEW' AND a.school_code = $1
             AND ($2::text IS NULL OR a.department = $2)
             AND (a.levels = 2 AND NOT a.department_passed) = $3
             AND ($4::text IS NULL OR a.department = $4)
             AND ($5::timestamptz IS NULL OR (a.waiting_since, a.id) > ($5, $6))
             AND (cardinality($8::text[]) = 0 OR a.class_name = ANY ($8))
           ORDER BY a.waiting_since, a.id LIMIT $7"#,
        scope.school_code.as_deref(),
        scope.department.as_deref(),
        department_level,
        department,
        after.map(|(time, _)| time),
        after.map(|(_, id)| id),
        limit,
        &scope.classes,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Record::try_from).collect()
}

/// Offers whose time is over.
pub(crate) async fn to_expire(conn: &mut PgConnection, limit: i64) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM contracts.agreements WHERE state = 'PENDING_STUDENT' AND expire_time < contracts.kit_now()
         ORDER BY expire_time LIMIT $1",
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Amendments whose time is over.
pub(crate) async fn to_time_out(conn: &mut PgConnection, limit: i64) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM contracts.agreements
         WHERE state = 'AMEND_PENDING_STUDENT' AND amend_deadline < contracts.kit_now()
         ORDER BY amend_deadline LIMIT $1",
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Wishes to cancel whose time is over.
pub(crate) async fn to_lapse(conn: &mut PgConnection, limit: i64) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM contracts.agreements
         WHERE cancel_until <= contracts.kit_now() AND state IN ('PENDING_REVIEW', 'AMEND_PENDING_STUDENT')
         ORDER BY cancel_until LIMIT $1",
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// Open offers of an employer.
pub(crate) async fn open_of_employer(conn: &mut PgConnection, employer_id: Uuid) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM contracts.agreements WHERE employer_id = $1 AND state = 'PENDING_STUDENT'",
        employer_id
    )
    .fetch_all(conn)
    .await?)
}

/// The agreement of a serial.
pub(crate) async fn by_serial(conn: &mut PgConnection, serial: &str) -> Result<Option<Uuid>, Error> {
    Ok(
        sqlx::query_scalar!("SELECT id FROM contracts.agreements WHERE serial = $1", serial)
            .fetch_optional(conn)
            .await?,
    )
}

/// The agreement of a sealed document.
pub(crate) async fn by_document(conn: &mut PgConnection, sha256: &str) -> Result<Option<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM contracts.agreements WHERE document_sha256 = $1",
        sha256
    )
    .fetch_optional(conn)
    .await?)
}
