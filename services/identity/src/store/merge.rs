//! A roster file's rows into the roster: COPY into the staging table, then one statement.

use std::fmt::Write as _;

use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::locked_fields::Details;

/// What is known of a student of the school before the import.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    pub(crate) id: Uuid,
    pub(crate) student_number: String,
    pub(crate) cohort: i32,
    pub(crate) name: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) identity_blind: Vec<u8>,
    pub(crate) identity_sealed: Vec<u8>,
    pub(crate) locked: Json<Details>,
    pub(crate) locked_digest: Vec<u8>,
    pub(crate) roster_own_sealed: Vec<u8>,
    pub(crate) roster_own_digest: Vec<u8>,
}

/// A row on its way in.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    pub(crate) id: Uuid,
    pub(crate) student_number: String,
    pub(crate) cohort: i32,
    pub(crate) name: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) identity_blind: Vec<u8>,
    pub(crate) identity_sealed: Vec<u8>,
    pub(crate) locked: String,
    pub(crate) locked_digest: Vec<u8>,
    pub(crate) origin_region: String,
    pub(crate) own_sealed: Vec<u8>,
    pub(crate) own_digest: Vec<u8>,
    pub(crate) roster_own_sealed: Vec<u8>,
}

/// A student whose locked fields an import changed.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    pub(crate) id: Uuid,
    pub(crate) origin_state: String,
    pub(crate) origin_version: i32,
    /// Digest of the locked fields before.
    pub(crate) locked_digest: Vec<u8>,
}

/// One import of a school after another: two would not see each other's rows. The rows are compared and sealed while the
/// lock is held, which takes longer than a page's statement may.
///
/// # Errors
/// The database's.
pub(crate) async fn lock_school(conn: &mut PgConnection, school_code: &str) -> sqlx::Result<()> {
    sqlx::query!("SELECT set_config('statement_timeout', '10min', true) AS a, set_config('idle_in_transaction_session_timeout', '10min', true) AS b")
        .fetch_one(&mut *conn)
        .await?;
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('identity.roster.' || $1, 0))",
        school_code
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The school's students as they are.
///
/// # Errors
/// The database's.
pub(crate) async fn present(conn: &mut PgConnection, school_code: &str) -> sqlx::Result<Vec<Present>> {
    sqlx::query_as!(
        Present,
        r#"
        SELECT id, student_number, cohort, name, department, class_name, identity_blind, identity_sealed,
               locked AS "locked: Json<Details>", locked_digest, roster_own_sealed, roster_own_digest
        FROM identity.students
        WHERE school_code = $1
        "#,
        school_code,
    )
    .fetch_all(conn)
    .await
}

/// Bytes of a piece that is sent at once.
const PIECE: usize = 1 << 20;

/// Copies rows into the staging table.
///
/// # Errors
/// The database's.
pub(crate) async fn stage(
    conn: &mut PgConnection,
    import_id: Uuid,
    school_code: &str,
    rows: &[Staged],
) -> sqlx::Result<()> {
    let mut copy = conn
        .copy_in_raw(
            "COPY identity.roster_staging (import_id, id, school_code, student_number, cohort, name, department, \
             class_name, identity_blind, identity_sealed, locked, locked_digest, origin_region, own_sealed, own_digest, \
             roster_own_sealed) FROM STDIN",
        )
        .await?;
    let mut piece = String::with_capacity(PIECE + 4096);
    for row in rows {
        line(&mut piece, import_id, school_code, row);
        if piece.len() >= PIECE {
            copy.send(std::mem::take(&mut piece).into_bytes()).await?;
            piece.reserve(PIECE + 4096);
        }
    }
    copy.send(piece.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

fn line(out: &mut String, import_id: Uuid, school_code: &str, row: &Staged) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{import_id}\t{}\t", row.id);
    text(out, school_code, '\t');
    text(out, &row.student_number, '\t');
    let _ = write!(out, "{}\t", row.cohort);
    text(out, &row.name, '\t');
    text(out, &row.department, '\t');
    text(out, &row.class_name, '\t');
    bytes(out, &row.identity_blind, '\t');
    bytes(out, &row.identity_sealed, '\t');
    text(out, &row.locked, '\t');
    bytes(out, &row.locked_digest, '\t');
    text(out, &row.origin_region, '\t');
    bytes(out, &row.own_sealed, '\t');
    bytes(out, &row.own_digest, '\t');
    bytes(out, &row.roster_own_sealed, '\n');
}

/// Text of the COPY format: backslash and the separators escaped.
fn text(out: &mut String, value: &str, end: char) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push(end);
}

/// Bytes of the COPY format.
fn bytes(out: &mut String, value: &[u8], end: char) {
    out.push_str("\\\\x");
    out.push_str(&hex::encode(value));
    out.push(end);
}

/// Merges the staged rows and empties the staging table. The students' own fields stay once the student has touched or
/// sent them. Answers how many were new and which had locked fields changed.
///
/// # Errors
/// The database's.
pub(crate) async fn merge(
    conn: &mut PgConnection,
    import_id: Uuid,
    account_id: Uuid,
    now: OffsetDateTime,
) -> sqlx::Result<Vec<Changed>> {
    sqlx::query!("ANALYZE identity.roster_staging")
        .execute(&mut *conn)
        .await?;
    let changed = lock_changed(conn, import_id).await?;
    sqlx::query!(
        r#"
        INSERT INTO identity.students AS s
            (id, school_code, student_number, cohort, name, department, class_name, identity_blind, identity_sealed, locked,
             locked_digest, origin_region, own_sealed, own_digest, roster_own_sealed, roster_own_digest, create_time, update_time)
        SELECT id, school_code, student_number, cohort, name, department, class_name, identity_blind, identity_sealed, locked,
               locked_digest, origin_region, own_sealed, own_digest, roster_own_sealed, own_digest, $3, $3
        FROM identity.roster_staging
        WHERE import_id = $1
        ORDER BY student_number
        ON CONFLICT (school_code, student_number) DO UPDATE
        SET cohort = EXCLUDED.cohort,
            name = EXCLUDED.name,
            department = EXCLUDED.department,
            class_name = EXCLUDED.class_name,
            identity_blind = EXCLUDED.identity_blind,
            identity_sealed = EXCLUDED.identity_sealed,
            locked = EXCLUDED.locked,
            locked_digest = EXCLUDED.locked_digest,
            locked_changed_by = CASE WHEN s.locked_digest <> EXCLUDED.locked_digest THEN $2 ELSE s.locked_changed_by END,
            changed_since_review = s.changed_since_review
                OR (s.origin_state = 'APPROVED' AND s.locked_digest <> EXCLUDED.locked_digest),
            origin_region = CASE WHEN s.origin_version = 0 AND s.own_digest = s.roster_own_digest
                THEN EXCLUDED.origin_region ELSE s.origin_region END,
            own_sealed = CASE WHEN s.origin_version = 0 AND s.own_digest = s.roster_own_digest
                THEN EXCLUDED.own_sealed ELSE s.own_sealed END,
            own_digest = CASE WHEN s.origin_version = 0 AND s.own_digest = s.roster_own_digest
                THEN EXCLUDED.own_digest ELSE s.own_digest END,
            own_differs = s.own_differs OR (s.origin_version > 0 AND s.roster_own_digest <> EXCLUDED.roster_own_digest),
            roster_own_sealed = EXCLUDED.roster_own_sealed,
            roster_own_digest = EXCLUDED.roster_own_digest,
            version = s.version + 1,
            update_time = $3
        WHERE s.locked_digest <> EXCLUDED.locked_digest OR s.roster_own_digest <> EXCLUDED.roster_own_digest
        "#,
        import_id,
        account_id,
        now,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM identity.roster_staging WHERE import_id = $1",
        import_id
    )
    .execute(conn)
    .await?;
    Ok(changed)
}

/// The students whose locked fields the staged rows change, locked against the students' own steps.
async fn lock_changed(conn: &mut PgConnection, import_id: Uuid) -> sqlx::Result<Vec<Changed>> {
    sqlx::query_as!(
        Changed,
        r#"
        SELECT s.id, s.origin_state, s.origin_version, s.locked_digest
        FROM identity.students s
        JOIN identity.roster_staging g ON g.school_code = s.school_code AND g.student_number = s.student_number
        WHERE g.import_id = $1 AND s.locked_digest <> g.locked_digest
        ORDER BY s.id
        FOR UPDATE OF s
        "#,
        import_id,
    )
    .fetch_all(conn)
    .await
}
