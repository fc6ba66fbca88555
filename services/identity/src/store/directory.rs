//! What other services may ask for, by id and without a scope: they check theirs.

use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::domain::locked_fields::Details;

/// A student as other services see one.
pub(crate) struct DirectoryRow {
    pub(crate) id: Uuid,
    pub(crate) school_code: String,
    pub(crate) student_number: String,
    pub(crate) cohort: i32,
    pub(crate) name: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) identity_sealed: Vec<u8>,
    pub(crate) locked: Json<Details>,
    pub(crate) origin_region: String,
    pub(crate) own_sealed: Vec<u8>,
    pub(crate) origin_state: String,
    pub(crate) active: bool,
}

/// Gets students by id.
///
/// # Errors
/// The database's.
pub(crate) async fn students(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<DirectoryRow>> {
    sqlx::query_as!(
        DirectoryRow,
        r#"
        SELECT s.id, s.school_code, s.student_number, s.cohort, s.name, s.department, s.class_name, s.identity_sealed,
               s.locked AS "locked: Json<Details>", s.origin_region, s.own_sealed, s.origin_state,
               EXISTS (SELECT 1 FROM identity.accounts a WHERE a.student_id = s.id AND a.state <> 'DISABLED') AS "active!"
        FROM identity.students s
        WHERE s.id = ANY($1)
        "#,
        ids,
    )
    .fetch_all(conn)
    .await
}

/// Finds the id of a student by what an employer knows.
///
/// # Errors
/// The database's.
pub(crate) async fn find_student(
    conn: &mut PgConnection,
    school_code: &str,
    student_number: &str,
    name: &str,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM identity.students WHERE school_code = $1 AND student_number = $2 AND name = $3",
        school_code,
        student_number,
        name,
    )
    .fetch_optional(conn)
    .await
}

/// A school as other services see one.
pub(crate) struct SchoolRow {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) office_name: String,
    pub(crate) office_contact: String,
    pub(crate) office_phone: String,
    pub(crate) address: String,
    pub(crate) postcode: String,
    pub(crate) review_levels: i32,
}

/// Gets schools by code.
///
/// # Errors
/// The database's.
pub(crate) async fn schools(conn: &mut PgConnection, codes: &[String]) -> sqlx::Result<Vec<SchoolRow>> {
    sqlx::query_as!(
        SchoolRow,
        r#"
        SELECT code, name, office_name, office_contact, office_phone, address, postcode,
               review_levels::integer AS "review_levels!"
        FROM identity.schools
        WHERE code = ANY($1)
        "#,
        codes,
    )
    .fetch_all(conn)
    .await
}
