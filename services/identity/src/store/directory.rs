//! What other services may ask for, by id and without a scope: they check theirs.

use sqlx::{PgConnection, types::Json};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::{
    domain::{calendar::Effective, locked_fields::Details},
    store::calendar,
};

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
    pub(crate) submit_time: Option<OffsetDateTime>,
    pub(crate) review_time: Option<OffsetDateTime>,
    pub(crate) two_levels: bool,
    pub(crate) active: bool,
    /// Employers that the school keeps away now.
    pub(crate) frozen: Vec<Uuid>,
    province_open: Option<Date>,
    province_close: Option<Date>,
    school_open: Option<Date>,
    school_close: Option<Date>,
}

impl DirectoryRow {
    /// When the student may sign.
    pub(crate) fn signing(&self) -> Effective {
        Effective::of(
            calendar::days(self.province_open, self.province_close),
            calendar::days(self.school_open, self.school_close),
        )
    }
}

/// Gets students by id.
///
/// # Errors
/// The database's.
pub(crate) async fn students(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<DirectoryRow>> {
    sqlx::query_as!(
        DirectoryRow,
        r#"
        SELECT s.id AS "id!", s.school_code AS "school_code!", s.student_number AS "student_number!",
               s.cohort AS "cohort!", s.name AS "name!", s.department AS "department!", s.class_name AS "class_name!",
               s.identity_sealed AS "identity_sealed!", s.locked AS "locked!: Json<Details>",
               s.origin_region AS "origin_region!", s.own_sealed AS "own_sealed!", s.origin_state AS "origin_state!",
               s.submit_time AS "submit_time?", s.review_time AS "review_time?",
               EXISTS (SELECT 1 FROM identity.schools o WHERE o.code = s.school_code AND o.review_levels = 2) AS "two_levels!",
               EXISTS (SELECT 1 FROM identity.accounts a WHERE a.student_id = s.id AND a.state <> 'DISABLED') AS "active!",
               ARRAY(SELECT f.employer_id FROM identity.employer_freezes f
                     WHERE f.school_code = s.school_code AND f.lift_time IS NULL
                       AND f.until_time > identity.kit_now()) AS "frozen!",
               p.open_day AS "province_open?", p.close_day AS "province_close?",
               w.open_day AS "school_open?", w.close_day AS "school_close?"
        FROM identity.students s
        LEFT JOIN identity.calendar_windows p
               ON p.cohort = s.cohort AND p.kind = 'SIGNING' AND p.school_code = ''
        LEFT JOIN identity.calendar_windows w
               ON w.cohort = s.cohort AND w.kind = 'SIGNING' AND w.school_code = s.school_code
        WHERE s.id = ANY($1)
        "#,
        ids,
    )
    .fetch_all(conn)
    .await
}

/// Finds the ids of students by what an employer knows: school, student number and name.
///
/// # Errors
/// The database's.
pub(crate) async fn find_students(
    conn: &mut PgConnection,
    named: &[(&str, &str, &str)],
) -> sqlx::Result<Vec<Uuid>> {
    let column = |of: fn(&(&str, &str, &str)) -> String| named.iter().map(of).collect::<Vec<String>>();
    sqlx::query_scalar!(
        r#"
        SELECT s.id
        FROM unnest($1::text[], $2::text[], $3::text[]) AS named (school_code, student_number, name)
        JOIN identity.students s USING (school_code, student_number, name)
        "#,
        &column(|(school_code, _, _)| (*school_code).to_owned()),
        &column(|(_, student_number, _)| (*student_number).to_owned()),
        &column(|(_, _, name)| (*name).to_owned()),
    )
    .fetch_all(conn)
    .await
}

/// An employer as other services see one.
pub(crate) struct EmployerRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) credit_code: String,
    pub(crate) nature_code: String,
    pub(crate) industry_code: String,
    pub(crate) region_code: String,
    pub(crate) address: String,
    pub(crate) postcode: String,
    pub(crate) contact_name: String,
    pub(crate) contact_phone: String,
    pub(crate) contact_email: String,
    pub(crate) state: String,
    /// Schools that keep it away now.
    pub(crate) frozen: Vec<String>,
}

/// Gets employers by id.
///
/// # Errors
/// The database's.
pub(crate) async fn employers(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<EmployerRow>> {
    sqlx::query_as!(
        EmployerRow,
        r#"
        SELECT e.id, e.name, e.credit_code, e.nature_code, e.industry_code, e.region_code, e.address, e.postcode,
               e.contact_name, e.contact_phone, e.contact_email, e.state,
               ARRAY(SELECT f.school_code FROM identity.employer_freezes f
                     WHERE f.employer_id = e.id AND f.lift_time IS NULL
                       AND f.until_time > identity.kit_now()) AS "frozen!"
        FROM identity.employers e
        WHERE e.id = ANY($1)
        "#,
        ids,
    )
    .fetch_all(conn)
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

/// Staff by role, school and department; each list that is not empty narrows.
pub(crate) struct Staff {
    pub(crate) roles: Vec<String>,
    pub(crate) school_codes: Vec<String>,
    pub(crate) departments: Vec<String>,
}

/// Lists active accounts of staff by id, after one.
///
/// # Errors
/// The database's.
pub(crate) async fn staff(
    conn: &mut PgConnection,
    staff: &Staff,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"
        SELECT id
        FROM identity.accounts
        WHERE login IS NOT NULL
          AND state = 'ACTIVE'
          AND (cardinality($1::text[]) = 0 OR role = ANY ($1))
          AND (cardinality($2::text[]) = 0 OR school_code = ANY ($2))
          AND (cardinality($3::text[]) = 0 OR department = ANY ($3))
          AND ($4::uuid IS NULL OR id > $4)
        ORDER BY id
        LIMIT $5
        "#,
        &staff.roles,
        &staff.school_codes,
        &staff.departments,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Counts active accounts of staff.
///
/// # Errors
/// The database's.
pub(crate) async fn count_staff(conn: &mut PgConnection, staff: &Staff) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!"
        FROM identity.accounts
        WHERE login IS NOT NULL
          AND state = 'ACTIVE'
          AND (cardinality($1::text[]) = 0 OR role = ANY ($1))
          AND (cardinality($2::text[]) = 0 OR school_code = ANY ($2))
          AND (cardinality($3::text[]) = 0 OR department = ANY ($3))
        "#,
        &staff.roles,
        &staff.school_codes,
        &staff.departments,
    )
    .fetch_one(conn)
    .await
}
