//! Submissions, decisions and history of records.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::origin::{Closing, Decision, State};

/// What a decision is saved with.
pub(crate) struct Save<'a> {
    pub(crate) student_id: Uuid,
    pub(crate) school_code: &'a str,
    /// Version of the row that was decided on.
    pub(crate) row_version: i32,
    pub(crate) decision: &'a Decision,
    pub(crate) own_sealed: &'a [u8],
    pub(crate) own_digest: &'a [u8],
    /// Whether the own fields differ from the roster's.
    pub(crate) own_differs: bool,
    /// Own fields and issues of the submission, sealed.
    pub(crate) content_sealed: &'a [u8],
    pub(crate) now: OffsetDateTime,
}

/// Saves a decision; false when another one was quicker.
///
/// # Errors
/// The database's.
pub(crate) async fn save(conn: &mut PgConnection, save: &Save<'_>) -> sqlx::Result<bool> {
    let decision = save.decision;
    let done = sqlx::query!(
        r#"
        UPDATE identity.students
        SET origin_state = $4,
            origin_version = $5,
            origin_region = $6,
            own_sealed = $7,
            own_digest = $8,
            own_differs = $16,
            origin_flagged = $9,
            return_reason_code = CASE WHEN $10 THEN return_reason_code ELSE $11 END,
            return_reason = CASE WHEN $10 THEN return_reason ELSE $12 END,
            return_fields = CASE WHEN $10 THEN return_fields ELSE $13 END,
            locked_changed_by = CASE WHEN $14 THEN NULL ELSE locked_changed_by END,
            changed_since_review = changed_since_review AND NOT $14,
            submit_time = CASE WHEN $14 THEN $15 ELSE submit_time END,
            review_time = CASE WHEN $14 OR $10 THEN review_time ELSE $15 END,
            version = version + 1,
            update_time = $15
        WHERE id = $1 AND school_code = $2 AND version = $3
        "#,
        save.student_id,
        save.school_code,
        save.row_version,
        decision.to.as_str(),
        i32::try_from(decision.version).unwrap_or(i32::MAX),
        decision.own.origin_region,
        save.own_sealed,
        save.own_digest,
        !decision.issues.is_empty(),
        decision.event == "saveDraft",
        decision.reason.code,
        decision.reason.text,
        &decision.reason.fields,
        decision.opens(),
        save.now,
        save.own_differs,
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    close(conn, save).await?;
    if decision.opens() {
        open(conn, save).await?;
    }
    Ok(true)
}

/// Ends the open submission, or writes the department's settlements into it.
async fn close(conn: &mut PgConnection, save: &Save<'_>) -> sqlx::Result<()> {
    let state = match save.decision.closing {
        Closing::Superseded => "SUPERSEDED",
        Closing::Approved => "APPROVED",
        Closing::Returned => "RETURNED",
        Closing::Nothing => "OPEN",
    };
    let reviewed = save.decision.event == "approve";
    sqlx::query!(
        r#"
        UPDATE identity.origin_submissions
        SET state = $2, content_sealed = CASE WHEN $3 THEN $4 ELSE content_sealed END, update_time = $5
        WHERE student_id = $1 AND state = 'OPEN'
        "#,
        save.student_id,
        state,
        reviewed,
        save.content_sealed,
        save.now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

async fn open(conn: &mut PgConnection, save: &Save<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.origin_submissions (student_id, version, state, content_sealed, create_time, update_time)
        VALUES ($1, $2, 'OPEN', $3, $4, $4)
        "#,
        save.student_id,
        i32::try_from(save.decision.version).unwrap_or(i32::MAX),
        save.content_sealed,
        save.now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The sealed content of a submission.
///
/// # Errors
/// The database's.
pub(crate) async fn content(
    conn: &mut PgConnection,
    student_id: Uuid,
    version: i32,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(
        "SELECT content_sealed FROM identity.origin_submissions WHERE student_id = $1 AND version = $2",
        student_id,
        version,
    )
    .fetch_optional(conn)
    .await
}

/// Whether a student has an agreement in force, as far as contracts' messages have come.
///
/// # Errors
/// The database's.
pub(crate) async fn agreement_held(conn: &mut PgConnection, student_id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM identity.agreement_holds WHERE student_id = $1 AND held) AS "held!""#,
        student_id,
    )
    .fetch_one(conn)
    .await
}

/// Notes what contracts said of an agreement; an older message than the last changes nothing.
///
/// # Errors
/// The database's.
pub(crate) async fn note_agreement(
    conn: &mut PgConnection,
    (agreement_id, student_id): (Uuid, Uuid),
    held: bool,
    version: i32,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.agreement_holds AS h (agreement_id, student_id, held, agreement_version, update_time)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (agreement_id) DO UPDATE
        SET held = EXCLUDED.held, agreement_version = EXCLUDED.agreement_version, update_time = EXCLUDED.update_time
        WHERE h.agreement_version < EXCLUDED.agreement_version
        "#,
        agreement_id,
        student_id,
        held,
        version,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The state that waits for a part's review where the school wants so many levels.
pub(crate) fn queue_state(two_levels: bool, department: bool) -> Option<&'static str> {
    match (two_levels, department) {
        (true, true) | (false, false) => Some(State::Submitted.as_str()),
        (true, false) => Some(State::DepartmentPassed.as_str()),
        (false, true) => None,
    }
}

/// How many levels of review a school wants.
///
/// # Errors
/// The database's.
pub(crate) async fn review_levels(conn: &mut PgConnection, school_code: &str) -> sqlx::Result<i32> {
    let levels = sqlx::query_scalar!(
        r#"SELECT review_levels::integer AS "levels!" FROM identity.schools WHERE code = $1"#,
        school_code,
    )
    .fetch_optional(conn)
    .await?;
    Ok(levels.unwrap_or(1))
}
