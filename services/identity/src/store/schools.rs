//! Schools of the province.

use qihang_kit::{codes, db, status::Fault};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{domain::school::Progress, error::Error};

/// A school.
#[derive(Debug, Clone)]
pub(crate) struct SchoolRow {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) region_code: String,
    pub(crate) short_code: String,
    pub(crate) level: String,
    pub(crate) run_by: String,
    pub(crate) office_name: String,
    pub(crate) office_contact: String,
    pub(crate) office_phone: String,
    pub(crate) address: String,
    pub(crate) postcode: String,
    pub(crate) review_levels: i32,
    pub(crate) state: String,
    pub(crate) close_reason: String,
    /// The province wrote it; the binary's list does not count any more.
    pub(crate) kept_by_province: bool,
    pub(crate) version: i32,
    pub(crate) update_time: OffsetDateTime,
}

/// A school that the province takes in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewSchool<'a> {
    pub(crate) code: &'a str,
    pub(crate) name: &'a str,
    pub(crate) region_code: &'a str,
    pub(crate) short_code: &'a str,
    pub(crate) level: &'a str,
    pub(crate) run_by: &'a str,
}

/// Writes the schools that the binary knows; what the province and the offices wrote themselves stays.
///
/// # Errors
/// The database's.
pub(crate) async fn seed(conn: &mut PgConnection, schools: &[codes::School]) -> sqlx::Result<u64> {
    let column = |of: fn(&codes::School) -> &'static str| {
        schools
            .iter()
            .map(|school| of(school).to_owned())
            .collect::<Vec<_>>()
    };
    sqlx::query!(
        r#"
        INSERT INTO identity.schools
            (code, name, region_code, short_code, level, run_by, office_name, create_time, update_time)
        SELECT code, name, region_code, short_code, level, run_by, '就业指导中心', identity.kit_now(), identity.kit_now()
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
             AS given (code, name, region_code, short_code, level, run_by)
        ON CONFLICT (code) DO UPDATE
        SET name = excluded.name, region_code = excluded.region_code, short_code = excluded.short_code,
            level = excluded.level, run_by = excluded.run_by, version = schools.version + 1, update_time = identity.kit_now()
        WHERE NOT schools.kept_by_province
          AND (schools.name, schools.region_code, schools.short_code, schools.level, schools.run_by)
              IS DISTINCT FROM (excluded.name, excluded.region_code, excluded.short_code, excluded.level, excluded.run_by)
        "#,
        &column(|school| school.code),
        &column(|school| school.name),
        &column(|school| school.region_code),
        &column(|school| school.short_code),
        &column(|school| school.level),
        &column(|school| school.run_by),
    )
    .execute(conn)
    .await
    .map(|result| result.rows_affected())
}

/// Gets a school.
///
/// # Errors
/// The database's.
pub(crate) async fn get(conn: &mut PgConnection, code: &str) -> sqlx::Result<Option<SchoolRow>> {
    sqlx::query_as!(
        SchoolRow,
        r#"
        SELECT code, name, region_code, short_code, level, run_by, office_name, office_contact, office_phone, address,
               postcode, review_levels, state, close_reason, kept_by_province, version, update_time
        FROM identity.schools
        WHERE code = $1
        "#,
        code,
    )
    .fetch_optional(conn)
    .await
}

/// Lists schools by code, after a code.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    text: Option<&str>,
    region_code: Option<&str>,
    state: Option<&str>,
    after: Option<String>,
    limit: i64,
) -> sqlx::Result<Vec<SchoolRow>> {
    sqlx::query_as!(
        SchoolRow,
        r#"
        SELECT code, name, region_code, short_code, level, run_by, office_name, office_contact, office_phone, address,
               postcode, review_levels, state, close_reason, kept_by_province, version, update_time
        FROM identity.schools
        WHERE ($1::text IS NULL OR strpos(name, $1) > 0 OR starts_with(code, $1))
          AND ($2::text IS NULL OR region_code = $2)
          AND ($3::text IS NULL OR state = $3)
          AND ($4::text IS NULL OR code > $4)
        ORDER BY code
        LIMIT $5
        "#,
        text,
        region_code,
        state,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// The schools that the province wrote, by code.
///
/// # Errors
/// The database's.
pub(crate) async fn kept_by_province(conn: &mut PgConnection) -> sqlx::Result<Vec<SchoolRow>> {
    sqlx::query_as!(
        SchoolRow,
        r#"
        SELECT code, name, region_code, short_code, level, run_by, office_name, office_contact, office_phone, address,
               postcode, review_levels, state, close_reason, kept_by_province, version, update_time
        FROM identity.schools
        WHERE kept_by_province
        ORDER BY code
        "#,
    )
    .fetch_all(conn)
    .await
}

/// Takes a school in.
///
/// # Errors
/// CODE_TAKEN when one of its codes is another's; the database's.
pub(crate) async fn insert(conn: &mut PgConnection, school: &NewSchool<'_>) -> Result<(), Error> {
    sqlx::query!(
        r#"
        INSERT INTO identity.schools
            (code, name, region_code, short_code, level, run_by, office_name, kept_by_province, create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, '就业指导中心', true, identity.kit_now(), identity.kit_now())
        "#,
        school.code,
        school.name,
        school.region_code,
        school.short_code,
        school.level,
        school.run_by,
    )
    .execute(conn)
    .await
    .map(drop)
    .map_err(taken)
}

/// Saves a school.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn save(conn: &mut PgConnection, school: &SchoolRow) -> Result<(), Error> {
    let saved = sqlx::query!(
        r#"
        UPDATE identity.schools
        SET office_name = $3, office_contact = $4, office_phone = $5, address = $6, postcode = $7, review_levels = $8,
            name = $9, region_code = $10, level = $11, run_by = $12, state = $13, close_reason = $14,
            kept_by_province = $15, version = version + 1, update_time = identity.kit_now()
        WHERE code = $1 AND version = $2
        "#,
        school.code,
        school.version,
        school.office_name,
        school.office_contact,
        school.office_phone,
        school.address,
        school.postcode,
        school.review_levels,
        school.name,
        school.region_code,
        school.level,
        school.run_by,
        school.state,
        school.close_reason,
        school.kept_by_province,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}

fn taken(error: sqlx::Error) -> Error {
    let field = match db::constraint(&error) {
        Some("schools_pkey") => "code",
        Some("schools_short_code") => "shortCode",
        _ => return error.into(),
    };
    let message = "该代码已属于另一所学校，请核对";
    Fault::already_exists("CODE_TAKEN", message)
        .and_field(field, "CODE_TAKEN", message)
        .into()
}

/// How far a school is; its latest graduation year counts.
///
/// # Errors
/// The database's.
pub(crate) async fn progress(conn: &mut PgConnection, code: &str) -> sqlx::Result<Option<Progress>> {
    sqlx::query_as!(
        Progress,
        r#"
        WITH latest AS (SELECT max(cohort) AS cohort FROM identity.students WHERE school_code = $1)
        SELECT (SELECT count(*) FROM identity.accounts a
                WHERE a.school_code = o.code AND a.role = 'SCHOOL' AND a.state = 'ACTIVE') AS "administrators!",
               o.office_contact <> '' AS "has_contact!", o.office_phone <> '' AS "has_phone!",
               latest.cohort AS "cohort?",
               (SELECT count(*) FROM identity.students s
                WHERE s.school_code = o.code AND s.cohort = latest.cohort) AS "students!",
               o.review_levels = 2 AS "two_levels!",
               ARRAY(SELECT DISTINCT s.department FROM identity.students s
                     WHERE s.school_code = o.code AND s.cohort = latest.cohort
                       AND NOT EXISTS (SELECT 1 FROM identity.accounts a
                                       WHERE a.school_code = o.code AND a.department = s.department
                                         AND a.role = 'DEPARTMENT' AND a.state = 'ACTIVE')
                     ORDER BY 1 LIMIT 50) AS "departments_without_staff!",
               EXISTS (SELECT 1 FROM identity.calendar_windows w
                       WHERE w.school_code = o.code AND w.cohort = latest.cohort AND w.kind = 'SIGNING'
                         AND w.open_day IS NOT NULL) AS "has_signing_window!"
        FROM identity.schools o CROSS JOIN latest
        WHERE o.code = $1
        "#,
        code,
    )
    .fetch_optional(conn)
    .await
}
