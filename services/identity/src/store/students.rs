//! The roster's rows. Sealed columns come and go sealed; `crate::sealing` opens them.

use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::locked_fields::Details;

/// Whose students a query may touch. Every query takes one.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) school_code: String,
    /// Only this department.
    pub(crate) department: Option<String>,
    /// Only these classes; none for all.
    pub(crate) classes: Vec<String>,
}

/// A row.
#[derive(Debug, Clone)]
pub(crate) struct StudentRow {
    pub(crate) id: Uuid,
    pub(crate) school_code: String,
    pub(crate) student_number: String,
    pub(crate) cohort: i32,
    pub(crate) name: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) identity_sealed: Vec<u8>,
    pub(crate) locked: Json<Details>,
    pub(crate) locked_digest: Vec<u8>,
    pub(crate) locked_changed_by: Option<Uuid>,
    pub(crate) own_sealed: Vec<u8>,
    pub(crate) own_digest: Vec<u8>,
    pub(crate) own_differs: bool,
    pub(crate) roster_own_sealed: Vec<u8>,
    pub(crate) origin_state: String,
    pub(crate) origin_version: i32,
    pub(crate) origin_flagged: bool,
    pub(crate) changed_since_review: bool,
    pub(crate) return_reason_code: String,
    pub(crate) return_reason: String,
    pub(crate) return_fields: Vec<String>,
    pub(crate) submit_time: Option<OffsetDateTime>,
    pub(crate) review_time: Option<OffsetDateTime>,
    pub(crate) version: i32,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
    pub(crate) registered: bool,
}

/// Selects whole rows of `identity.students s`, of which the text says the rest: a checked query wants its text as literals.
macro_rules! select {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            StudentRow,
            r#"
            SELECT s.id, s.school_code, s.student_number, s.cohort, s.name, s.department, s.class_name, s.identity_sealed,
                   s.locked AS "locked: Json<Details>", s.locked_digest, s.locked_changed_by, s.own_sealed,
                   s.own_digest, s.own_differs, s.roster_own_sealed, s.origin_state, s.origin_version, s.origin_flagged,
                   s.changed_since_review, s.return_reason_code, s.return_reason, s.return_fields, s.submit_time,
                   s.review_time, s.version, s.create_time, s.update_time,
                   EXISTS (SELECT 1 FROM identity.accounts a WHERE a.student_id = s.id) AS "registered!"
            FROM identity.students s
            "# + $rest,
            $($argument),+
        )
    };
}

/// What registration compares with.
#[derive(Debug, Clone)]
pub(crate) struct RegistrationRow {
    pub(crate) student_id: Uuid,
    pub(crate) cohort: i32,
    pub(crate) name: String,
    pub(crate) identity_blind: Vec<u8>,
    pub(crate) registered: bool,
}

/// Finds the row that somebody wants to register with.
///
/// # Errors
/// The database's.
pub(crate) async fn find_for_registration(
    conn: &mut PgConnection,
    school_code: &str,
    student_number: &str,
) -> sqlx::Result<Option<RegistrationRow>> {
    sqlx::query_as!(
        RegistrationRow,
        r#"
        SELECT s.id AS student_id, s.cohort, s.name, s.identity_blind,
               EXISTS (SELECT 1 FROM identity.accounts a WHERE a.student_id = s.id) AS "registered!"
        FROM identity.students s
        WHERE s.school_code = $1 AND s.student_number = $2
        "#,
        school_code,
        student_number,
    )
    .fetch_optional(conn)
    .await
}

/// Finds the student number of a person at a school, for those who forgot it.
///
/// # Errors
/// The database's.
pub(crate) async fn find_number(
    conn: &mut PgConnection,
    school_code: &str,
    name: &str,
    identity_blind: &[u8],
) -> sqlx::Result<Option<(Uuid, String)>> {
    let row = sqlx::query!(
        r#"
        SELECT id, student_number
        FROM identity.students
        WHERE school_code = $1 AND identity_blind = $3 AND name = $2
        ORDER BY cohort DESC, student_number
        LIMIT 1
        "#,
        school_code,
        name,
        identity_blind,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.id, row.student_number)))
}

/// Gets a row in scope.
///
/// # Errors
/// The database's.
pub(crate) async fn get(
    conn: &mut PgConnection,
    scope: &Scope,
    id: Uuid,
) -> sqlx::Result<Option<StudentRow>> {
    select!(
        r#"
        WHERE s.id = $1 AND s.school_code = $2 AND ($3::text IS NULL OR s.department = $3)
          AND (cardinality($4::text[]) = 0 OR s.class_name = ANY ($4))
        "#,
        id,
        scope.school_code,
        scope.department,
        &scope.classes,
    )
    .fetch_optional(conn)
    .await
}

/// Locks a student's row until the transaction ends, so that what is decided on it is still so when it is written.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("SELECT id FROM identity.students WHERE id = $1 FOR UPDATE", id)
        .fetch_optional(conn)
        .await
        .map(drop)
}

/// Gets rows in scope; those that are not are left out.
///
/// # Errors
/// The database's.
pub(crate) async fn get_many(
    conn: &mut PgConnection,
    scope: &Scope,
    ids: &[Uuid],
) -> sqlx::Result<Vec<StudentRow>> {
    select!(
        r#"
        WHERE s.id = ANY($1) AND s.school_code = $2 AND ($3::text IS NULL OR s.department = $3)
          AND (cardinality($4::text[]) = 0 OR s.class_name = ANY ($4))
        "#,
        ids,
        scope.school_code,
        scope.department,
        &scope.classes,
    )
    .fetch_all(conn)
    .await
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(crate) struct Filter {
    pub(crate) department: Option<String>,
    pub(crate) class_name: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) cohort: Option<i32>,
    /// Start of the number or the name.
    pub(crate) text: Option<String>,
}

/// Lists rows in scope by number, after a number.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &Filter,
    after: Option<String>,
    limit: i64,
) -> sqlx::Result<Vec<StudentRow>> {
    select!(
        r#"
        WHERE s.school_code = $1
          AND ($2::text IS NULL OR s.department = $2)
          AND ($3::text IS NULL OR s.department = $3)
          AND ($4::text IS NULL OR s.class_name = $4)
          AND ($5::text IS NULL OR s.origin_state = $5)
          AND ($6::integer IS NULL OR s.cohort = $6)
          AND ($7::text IS NULL OR starts_with(s.student_number, $7) OR starts_with(s.name, $7))
          AND ($8::text IS NULL OR s.student_number > $8)
          AND (cardinality($10::text[]) = 0 OR s.class_name = ANY ($10))
        ORDER BY s.student_number
        LIMIT $9
        "#,
        scope.school_code,
        scope.department,
        filter.department,
        filter.class_name,
        filter.state,
        filter.cohort,
        filter.text,
        after,
        limit,
        &scope.classes,
    )
    .fetch_all(conn)
    .await
}

/// The queue that a reviewer looks at.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Queue {
    /// The state that waits for this reviewer.
    pub(crate) state: &'static str,
    pub(crate) department: Option<String>,
    /// Only rows with flagged issues or changed own fields.
    pub(crate) only_changed: bool,
}

/// Lists rows that wait for review, oldest submission first.
///
/// # Errors
/// The database's.
pub(crate) async fn list_reviews(
    conn: &mut PgConnection,
    scope: &Scope,
    queue: &Queue,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<StudentRow>> {
    let (after_time, after_id) = after.unzip();
    select!(
        r#"
        WHERE s.school_code = $1
          AND ($2::text IS NULL OR s.department = $2)
          AND ($3::text IS NULL OR s.department = $3)
          AND s.origin_state = $4
          AND s.origin_state IN ('SUBMITTED', 'DEPARTMENT_PASSED')
          AND (NOT $5 OR s.origin_flagged OR s.own_differs)
          AND ($6::timestamptz IS NULL OR (s.submit_time, s.id) > ($6, $7))
          AND (cardinality($9::text[]) = 0 OR s.class_name = ANY ($9))
        ORDER BY s.submit_time, s.id
        LIMIT $8
        "#,
        scope.school_code,
        scope.department,
        queue.department,
        queue.state,
        queue.only_changed,
        after_time,
        after_id,
        limit,
        &scope.classes,
    )
    .fetch_all(conn)
    .await
}

/// The names of a school's departments, from its roster.
///
/// # Errors
/// The database's.
pub(crate) async fn departments(
    conn: &mut PgConnection,
    school_code: &str,
) -> sqlx::Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        r#"
        SELECT department, count(*) AS "students!"
        FROM identity.students
        WHERE school_code = $1
        GROUP BY department
        ORDER BY department
        "#,
        school_code,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.department, row.students))
        .collect())
}
