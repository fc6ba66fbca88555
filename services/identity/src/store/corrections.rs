//! Corrections of records, and writing them into the roster.

use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::{correction::Decision, locked_fields::Details},
    store::students::Scope,
};

/// A row with what lists show of its student.
#[derive(Debug, Clone)]
pub(crate) struct CorrectionRow {
    pub(crate) id: Uuid,
    pub(crate) student_id: Uuid,
    pub(crate) state: String,
    pub(crate) identity_keys: bool,
    pub(crate) content_sealed: Vec<u8>,
    pub(crate) first_approver: Option<Uuid>,
    pub(crate) reject_reason_code: String,
    pub(crate) reject_reason: String,
    pub(crate) reject_fields: Vec<String>,
    pub(crate) decide_time: Option<OffsetDateTime>,
    pub(crate) version: i32,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

/// A new one.
pub(crate) struct NewCorrection<'a> {
    pub(crate) id: Uuid,
    pub(crate) student_id: Uuid,
    pub(crate) fields: &'a [String],
    pub(crate) identity_keys: bool,
    pub(crate) content_sealed: &'a [u8],
    pub(crate) now: OffsetDateTime,
}

/// Writes a new correction; false when another one of the student is open.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(conn: &mut PgConnection, new: &NewCorrection<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        INSERT INTO identity.corrections
            (id, student_id, fields, identity_keys, content_sealed, create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (student_id) WHERE state IN ('SUBMITTED', 'DEPARTMENT_PASSED', 'FIRST_APPROVED') DO NOTHING
        "#,
        new.id,
        new.student_id,
        new.fields,
        new.identity_keys,
        new.content_sealed,
        new.now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gets a correction of a student in scope; of `student_id` alone when that is given.
///
/// # Errors
/// The database's.
pub(crate) async fn get(
    conn: &mut PgConnection,
    scope: &Scope,
    student_id: Option<Uuid>,
    id: Uuid,
) -> sqlx::Result<Option<CorrectionRow>> {
    sqlx::query_as!(
        CorrectionRow,
        r#"
        SELECT c.id, c.student_id, c.state, c.identity_keys, c.content_sealed, c.first_approver, c.reject_reason_code,
               c.reject_reason, c.reject_fields, c.decide_time, c.version, c.create_time, c.update_time
        FROM identity.corrections c
        JOIN identity.students s ON s.id = c.student_id
        WHERE c.id = $1 AND s.school_code = $2 AND ($3::text IS NULL OR s.department = $3)
          AND ($4::uuid IS NULL OR c.student_id = $4)
          AND (cardinality($5::text[]) = 0 OR s.class_name = ANY ($5))
        "#,
        id,
        scope.school_code,
        scope.department,
        student_id,
        &scope.classes,
    )
    .fetch_optional(conn)
    .await
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct Filter {
    pub(crate) state: Option<&'static str>,
    pub(crate) department: Option<String>,
    pub(crate) student_id: Option<Uuid>,
}

/// Lists corrections in scope, newest first, before an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<CorrectionRow>> {
    sqlx::query_as!(
        CorrectionRow,
        r#"
        SELECT c.id, c.student_id, c.state, c.identity_keys, c.content_sealed, c.first_approver, c.reject_reason_code,
               c.reject_reason, c.reject_fields, c.decide_time, c.version, c.create_time, c.update_time
        FROM identity.corrections c
        JOIN identity.students s ON s.id = c.student_id
        WHERE s.school_code = $1 AND ($2::text IS NULL OR s.department = $2)
          AND ($3::text IS NULL OR c.state = $3)
          AND ($4::text IS NULL OR s.department = $4)
          AND ($5::uuid IS NULL OR c.student_id = $5)
          AND ($6::uuid IS NULL OR c.id < $6)
          AND (cardinality($8::text[]) = 0 OR s.class_name = ANY ($8))
        ORDER BY c.id DESC
        LIMIT $7
        "#,
        scope.school_code,
        scope.department,
        filter.state,
        filter.department,
        filter.student_id,
        before,
        limit,
        &scope.classes,
    )
    .fetch_all(conn)
    .await
}

/// Saves a decision on a version of the row; false when another one was quicker.
///
/// # Errors
/// The database's.
pub(crate) async fn save(
    conn: &mut PgConnection,
    (id, version): (Uuid, i32),
    decision: &Decision,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let decided = (!decision.to.is_open()).then_some(now);
    let done = sqlx::query!(
        r#"
        UPDATE identity.corrections
        SET state = $3, first_approver = $4, reject_reason_code = $5, reject_reason = $6, reject_fields = $7,
            decide_time = $8, version = version + 1, update_time = $9
        WHERE id = $1 AND version = $2
        "#,
        id,
        version,
        decision.to.as_str(),
        decision.first_approver,
        decision.reason.code,
        decision.reason.text,
        &decision.reason.fields,
        decided,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A student's row with corrected values.
pub(crate) struct Corrected<'a> {
    pub(crate) student_id: Uuid,
    pub(crate) school_code: &'a str,
    pub(crate) version: i32,
    pub(crate) student_number: &'a str,
    pub(crate) name: &'a str,
    pub(crate) department: &'a str,
    pub(crate) class_name: &'a str,
    pub(crate) identity_blind: &'a [u8],
    pub(crate) identity_sealed: &'a [u8],
    pub(crate) locked: Json<&'a Details>,
    pub(crate) locked_digest: &'a [u8],
    pub(crate) origin_region: &'a str,
    pub(crate) own_sealed: &'a [u8],
    pub(crate) own_digest: &'a [u8],
    pub(crate) now: OffsetDateTime,
}

/// Writes corrected values into the roster; false when another change was quicker.
///
/// # Errors
/// The database's; `students_number` when another student has the number.
pub(crate) async fn apply(conn: &mut PgConnection, corrected: &Corrected<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        UPDATE identity.students
        SET student_number = $4, name = $5, department = $6, class_name = $7, identity_blind = $8, identity_sealed = $9,
            locked = $10, locked_digest = $11, origin_region = $12, own_sealed = $13, own_digest = $14,
            own_differs = own_differs OR own_digest <> $14,
            version = version + 1, update_time = $15
        WHERE id = $1 AND school_code = $2 AND version = $3
        "#,
        corrected.student_id,
        corrected.school_code,
        corrected.version,
        corrected.student_number,
        corrected.name,
        corrected.department,
        corrected.class_name,
        corrected.identity_blind,
        corrected.identity_sealed,
        corrected.locked as _,
        corrected.locked_digest,
        corrected.origin_region,
        corrected.own_sealed,
        corrected.own_digest,
        corrected.now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
