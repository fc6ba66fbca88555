//! Imports and dry runs: who asked, how far they are, what they found.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::roster_check::{Finding, Severity};

/// A new import.
pub(crate) struct NewImport<'a> {
    pub(crate) id: Uuid,
    pub(crate) school_code: &'a str,
    pub(crate) account_id: Uuid,
    pub(crate) actor_name: &'a str,
    pub(crate) address: &'a str,
    pub(crate) client: &'a str,
    pub(crate) file_id: Uuid,
    pub(crate) file_sha256: &'a str,
    pub(crate) dry_run: bool,
    pub(crate) cohort: i32,
    pub(crate) now: OffsetDateTime,
}

/// An import.
#[derive(Debug, Clone)]
pub(crate) struct ImportRow {
    pub(crate) id: Uuid,
    pub(crate) school_code: String,
    pub(crate) account_id: Uuid,
    pub(crate) actor_name: String,
    pub(crate) address: String,
    pub(crate) client: String,
    pub(crate) file_id: Uuid,
    pub(crate) file_sha256: String,
    pub(crate) dry_run: bool,
    pub(crate) cohort: i32,
    pub(crate) state: String,
    pub(crate) attempts: i32,
    pub(crate) progress: i64,
    pub(crate) total: i64,
    pub(crate) row_count: i32,
    pub(crate) inserted: i32,
    pub(crate) updated: i32,
    pub(crate) unchanged: i32,
    pub(crate) error_count: i32,
    pub(crate) warning_count: i32,
    pub(crate) unknown_columns: Vec<String>,
    pub(crate) error: String,
    pub(crate) error_code: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) end_time: Option<OffsetDateTime>,
}

/// How an import ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    pub(crate) rows: u32,
    pub(crate) inserted: u32,
    pub(crate) updated: u32,
    pub(crate) unchanged: u32,
    pub(crate) errors: u32,
    pub(crate) warnings: u32,
    pub(crate) unknown_columns: Vec<String>,
    pub(crate) error_code: &'static str,
    pub(crate) error: String,
}

/// What a file changes in one student.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) file_row: i32,
    pub(crate) student_number: String,
    pub(crate) name_masked: String,
    pub(crate) inserted: bool,
    pub(crate) fields: Vec<ChangedField>,
}

/// One field's change, values masked where personal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ChangedField {
    pub(crate) field: String,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// Adds an import. The index `roster_imports_one` refuses a second one of the school.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(conn: &mut PgConnection, new: &NewImport<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.roster_imports
            (id, school_code, account_id, actor_name, address, client, file_id, file_sha256, dry_run, cohort, create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
        "#,
        new.id,
        new.school_code,
        new.account_id,
        new.actor_name,
        new.address,
        new.client,
        new.file_id,
        new.file_sha256,
        new.dry_run,
        new.cohort,
        new.now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gets an import of a school.
///
/// # Errors
/// The database's.
pub(crate) async fn get(
    conn: &mut PgConnection,
    school_code: &str,
    id: Uuid,
) -> sqlx::Result<Option<ImportRow>> {
    sqlx::query_as!(
        ImportRow,
        r#"
        SELECT id, school_code, account_id, actor_name, address, client, file_id, file_sha256, dry_run, cohort, state,
               attempts, progress, total, row_count, inserted, updated, unchanged, error_count, warning_count,
               unknown_columns, error, error_code, create_time, end_time
        FROM identity.roster_imports
        WHERE id = $1 AND school_code = $2
        "#,
        id,
        school_code,
    )
    .fetch_optional(conn)
    .await
}

/// Lists imports of a school, newest first, before an id.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    school_code: &str,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ImportRow>> {
    sqlx::query_as!(
        ImportRow,
        r#"
        SELECT id, school_code, account_id, actor_name, address, client, file_id, file_sha256, dry_run, cohort, state,
               attempts, progress, total, row_count, inserted, updated, unchanged, error_count, warning_count,
               unknown_columns, error, error_code, create_time, end_time
        FROM identity.roster_imports
        WHERE school_code = $1 AND ($2::uuid IS NULL OR id < $2)
        ORDER BY id DESC
        LIMIT $3
        "#,
        school_code,
        before,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Takes the oldest import that waits, or whose worker has not been heard of since a time.
///
/// # Errors
/// The database's.
pub(crate) async fn take(
    conn: &mut PgConnection,
    worker: Uuid,
    now: OffsetDateTime,
    silent_since: OffsetDateTime,
) -> sqlx::Result<Option<ImportRow>> {
    sqlx::query_as!(
        ImportRow,
        r#"
        UPDATE identity.roster_imports
        SET state = 'RUNNING', worker = $1, attempts = attempts + 1, heartbeat_time = $2, update_time = $2, progress = 0
        WHERE id = (
            SELECT id
            FROM identity.roster_imports
            WHERE state = 'PENDING' OR (state = 'RUNNING' AND heartbeat_time < $3)
            ORDER BY id
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id, school_code, account_id, actor_name, address, client, file_id, file_sha256, dry_run, cohort, state,
                  attempts, progress, total, row_count, inserted, updated, unchanged, error_count, warning_count,
                  unknown_columns, error, error_code, create_time, end_time
        "#,
        worker,
        now,
        silent_since,
    )
    .fetch_optional(conn)
    .await
}

/// Notes how far a worker is; false when the import is not its own any more.
///
/// # Errors
/// The database's.
pub(crate) async fn beat(
    conn: &mut PgConnection,
    (id, worker): (Uuid, Uuid),
    (progress, total): (i64, i64),
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        UPDATE identity.roster_imports
        SET progress = $3, total = $4, heartbeat_time = $5, update_time = $5
        WHERE id = $1 AND worker = $2 AND state = 'RUNNING'
        "#,
        id,
        worker,
        progress,
        total,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends an import; false when it is not this worker's any more.
///
/// # Errors
/// The database's.
pub(crate) async fn end(
    conn: &mut PgConnection,
    (id, worker): (Uuid, Uuid),
    ending: &Ending,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let done = sqlx::query!(
        r#"
        UPDATE identity.roster_imports
        SET state = CASE WHEN $3 = '' THEN 'SUCCEEDED' ELSE 'FAILED' END,
            error_code = $3, error = $4, row_count = $5, inserted = $6, updated = $7, unchanged = $8, error_count = $9,
            warning_count = $10, unknown_columns = $11, progress = total, end_time = $12, update_time = $12
        WHERE id = $1 AND worker = $2 AND state = 'RUNNING'
        "#,
        id,
        worker,
        ending.error_code,
        ending.error,
        number(ending.rows),
        number(ending.inserted),
        number(ending.updated),
        number(ending.unchanged),
        number(ending.errors),
        number(ending.warnings),
        &ending.unknown_columns,
        now,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces what an import found, findings and changes.
///
/// # Errors
/// The database's.
pub(crate) async fn report(
    conn: &mut PgConnection,
    id: Uuid,
    findings: &[Finding],
    changes: &[Change],
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM identity.roster_import_errors WHERE import_id = $1",
        id
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM identity.roster_import_changes WHERE import_id = $1",
        id
    )
    .execute(&mut *conn)
    .await?;
    let rows: Vec<i32> = findings
        .iter()
        .map(|finding| i32::try_from(finding.row).unwrap_or(i32::MAX))
        .collect();
    let columns: Vec<String> = findings.iter().map(|finding| finding.column.to_owned()).collect();
    let values: Vec<String> = findings.iter().map(|finding| finding.value.clone()).collect();
    let severities: Vec<String> = findings
        .iter()
        .map(|finding| finding.severity.as_str().to_owned())
        .collect();
    let messages: Vec<String> = findings.iter().map(|finding| finding.message.clone()).collect();
    sqlx::query!(
        r#"
        INSERT INTO identity.roster_import_errors (import_id, position, file_row, column_name, value, severity, message)
        SELECT $1, f.position::integer, f.file_row, f.column_name, f.value, f.severity, f.message
        FROM unnest($2::integer[], $3::text[], $4::text[], $5::text[], $6::text[])
             WITH ORDINALITY AS f (file_row, column_name, value, severity, message, position)
        "#,
        id,
        &rows,
        &columns,
        &values,
        &severities,
        &messages,
    )
    .execute(&mut *conn)
    .await?;
    report_changes(conn, id, changes).await
}

async fn report_changes(conn: &mut PgConnection, id: Uuid, changes: &[Change]) -> sqlx::Result<()> {
    let rows: Vec<i32> = changes.iter().map(|change| change.file_row).collect();
    let numbers: Vec<String> = changes
        .iter()
        .map(|change| change.student_number.clone())
        .collect();
    let names: Vec<String> = changes.iter().map(|change| change.name_masked.clone()).collect();
    let inserted: Vec<bool> = changes.iter().map(|change| change.inserted).collect();
    let fields: Vec<serde_json::Value> = changes
        .iter()
        .map(|change| serde_json::to_value(&change.fields).unwrap_or_default())
        .collect();
    sqlx::query!(
        r#"
        INSERT INTO identity.roster_import_changes (import_id, file_row, student_number, name_masked, inserted, fields)
        SELECT $1, c.file_row, c.student_number, c.name_masked, c.inserted, c.fields
        FROM unnest($2::integer[], $3::text[], $4::text[], $5::boolean[], $6::jsonb[])
             AS c (file_row, student_number, name_masked, inserted, fields)
        "#,
        id,
        &rows,
        &numbers,
        &names,
        &inserted,
        &fields,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A finding as it was kept.
#[derive(Debug, Clone)]
pub(crate) struct KeptFinding {
    pub(crate) position: i32,
    pub(crate) file_row: i32,
    pub(crate) column_name: String,
    pub(crate) value: String,
    pub(crate) severity: String,
    pub(crate) message: String,
}

/// Lists findings of an import of a school, after a position.
///
/// # Errors
/// The database's.
pub(crate) async fn findings(
    conn: &mut PgConnection,
    (school_code, id): (&str, Uuid),
    severity: Option<Severity>,
    after: Option<i32>,
    limit: i64,
) -> sqlx::Result<Vec<KeptFinding>> {
    sqlx::query_as!(
        KeptFinding,
        r#"
        SELECT e.position, e.file_row, e.column_name, e.value, e.severity, e.message
        FROM identity.roster_import_errors e
        JOIN identity.roster_imports i ON i.id = e.import_id
        WHERE e.import_id = $1 AND i.school_code = $2 AND ($3::text IS NULL OR e.severity = $3) AND e.position > $4
        ORDER BY e.position
        LIMIT $5
        "#,
        id,
        school_code,
        severity.map(Severity::as_str),
        after.unwrap_or(0),
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Lists changes of an import of a school, after a row.
///
/// # Errors
/// The database's.
pub(crate) async fn changes(
    conn: &mut PgConnection,
    (school_code, id): (&str, Uuid),
    after: Option<i32>,
    limit: i64,
) -> sqlx::Result<Vec<Change>> {
    let rows = sqlx::query!(
        r#"
        SELECT c.file_row, c.student_number, c.name_masked, c.inserted, c.fields
        FROM identity.roster_import_changes c
        JOIN identity.roster_imports i ON i.id = c.import_id
        WHERE c.import_id = $1 AND i.school_code = $2 AND c.file_row > $3
        ORDER BY c.file_row
        LIMIT $4
        "#,
        id,
        school_code,
        after.unwrap_or(0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    let change = |fields| serde_json::from_value::<Vec<ChangedField>>(fields).unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|row| Change {
            file_row: row.file_row,
            student_number: row.student_number,
            name_masked: row.name_masked,
            inserted: row.inserted,
            fields: change(row.fields),
        })
        .collect())
}
