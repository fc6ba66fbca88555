//! Schools of the province.

use qihang_kit::{codes, db};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Error;

/// A school.
#[derive(Debug, Clone)]
pub(crate) struct SchoolRow {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) region_code: String,
    pub(crate) level: String,
    pub(crate) run_by: String,
    pub(crate) office_name: String,
    pub(crate) office_contact: String,
    pub(crate) office_phone: String,
    pub(crate) address: String,
    pub(crate) postcode: String,
    pub(crate) review_levels: i32,
    pub(crate) version: i32,
    pub(crate) update_time: OffsetDateTime,
}

/// Writes the schools that the binary knows; what the offices wrote themselves stays.
///
/// # Errors
/// The database's.
pub(crate) async fn seed(conn: &mut PgConnection, schools: &[codes::School]) -> sqlx::Result<u64> {
    let column = |of: fn(&codes::School) -> &String| {
        schools
            .iter()
            .map(|school| of(school).clone())
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
        WHERE (schools.name, schools.region_code, schools.short_code, schools.level, schools.run_by)
           IS DISTINCT FROM (excluded.name, excluded.region_code, excluded.short_code, excluded.level, excluded.run_by)
        "#,
        &column(|school| &school.code),
        &column(|school| &school.name),
        &column(|school| &school.region_code),
        &column(|school| &school.short_code),
        &column(|school| &school.level),
        &column(|school| &school.run_by),
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
        SELECT code, name, region_code, level, run_by, office_name, office_contact, office_phone, address, postcode,
               review_levels, version, update_time
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
    after: Option<String>,
    limit: i64,
) -> sqlx::Result<Vec<SchoolRow>> {
    sqlx::query_as!(
        SchoolRow,
        r#"
        SELECT code, name, region_code, level, run_by, office_name, office_contact, office_phone, address, postcode,
               review_levels, version, update_time
        FROM identity.schools
        WHERE ($1::text IS NULL OR strpos(name, $1) > 0 OR starts_with(code, $1))
          AND ($2::text IS NULL OR region_code = $2)
          AND ($3::text IS NULL OR code > $3)
        ORDER BY code
        LIMIT $4
        "#,
        text,
        region_code,
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Saves what an office may change.
///
/// # Errors
/// Stale when somebody was faster; the database's.
pub(crate) async fn save(conn: &mut PgConnection, school: &SchoolRow) -> Result<(), Error> {
    let saved = sqlx::query!(
        r#"
        UPDATE identity.schools
        SET office_name = $3, office_contact = $4, office_phone = $5, address = $6, postcode = $7, review_levels = $8,
            version = version + 1, update_time = identity.kit_now()
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
    )
    .execute(conn)
    .await?;
    Ok(db::one(&saved)?)
}
