//! The hash chains of records and of employers' onboarding.

use qihang_kit::history;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Who took a step, and from where.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Author {
    pub(crate) account: Option<Uuid>,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) client: String,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) subject: Uuid,
    pub(crate) event: String,
    pub(crate) from_state: String,
    pub(crate) to_state: String,
    pub(crate) submission_version: i32,
    pub(crate) author: Author,
    pub(crate) reason_code: String,
    pub(crate) reason: String,
    /// Digest of the content before.
    pub(crate) before_hash: Vec<u8>,
    /// Digest of the content after.
    pub(crate) after_hash: Vec<u8>,
    /// Microseconds since 1970: what the store keeps of a time.
    pub(crate) micros: i64,
    #[serde(skip)]
    pub(crate) time: OffsetDateTime,
}

/// A step as it was kept.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) sequence: i32,
    pub(crate) event: String,
    pub(crate) from_state: String,
    pub(crate) to_state: String,
    pub(crate) actor_role: String,
    pub(crate) actor_name: String,
    pub(crate) reason: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) hash: Vec<u8>,
}

/// Microseconds since 1970.
pub(crate) fn micros(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1000).unwrap_or_default()
}

/// Appends a step to a student's record. The row of the student is locked by the caller's update.
///
/// # Errors
/// The database's.
pub(crate) async fn append_origin(conn: &mut PgConnection, step: &Step) -> sqlx::Result<()> {
    let last = sqlx::query!(
        "SELECT sequence, hash FROM identity.origin_history WHERE student_id = $1 ORDER BY sequence DESC LIMIT 1",
        step.subject,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let sequence = last.as_ref().map_or(1, |last| last.sequence + 1);
    let hash = history::next_hash(last.as_ref().map(|last| last.hash.as_slice()), step);
    sqlx::query!(
        r#"
        INSERT INTO identity.origin_history
            (student_id, sequence, event, from_state, to_state, submission_version, actor_id, actor_role, actor_name,
             address, client, reason_code, reason, before_hash, after_hash, hash, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        "#,
        step.subject,
        sequence,
        step.event,
        step.from_state,
        step.to_state,
        step.submission_version,
        step.author.account,
        step.author.role,
        step.author.name,
        step.author.address,
        step.author.client,
        step.reason_code,
        step.reason,
        step.before_hash,
        step.after_hash,
        hash.as_slice(),
        step.time,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Appends a step to an employer's onboarding. The row of the employer is locked by the caller's update.
///
/// # Errors
/// The database's.
pub(crate) async fn append_employer(conn: &mut PgConnection, step: &Step) -> sqlx::Result<()> {
    let last = sqlx::query!(
        "SELECT sequence, hash FROM identity.employer_history WHERE employer_id = $1 ORDER BY sequence DESC LIMIT 1",
        step.subject,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let sequence = last.as_ref().map_or(1, |last| last.sequence + 1);
    let hash = history::next_hash(last.as_ref().map(|last| last.hash.as_slice()), step);
    sqlx::query!(
        r#"
        INSERT INTO identity.employer_history
            (employer_id, sequence, event, from_state, to_state, submission_version, actor_id, actor_role, actor_name,
             address, client, reason_code, reason, before_hash, after_hash, hash, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        "#,
        step.subject,
        sequence,
        step.event,
        step.from_state,
        step.to_state,
        step.submission_version,
        step.author.account,
        step.author.role,
        step.author.name,
        step.author.address,
        step.author.client,
        step.reason_code,
        step.reason,
        step.before_hash,
        step.after_hash,
        hash.as_slice(),
        step.time,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists the steps of a student's record in scope, after a number.
///
/// # Errors
/// The database's.
pub(crate) async fn list_origin(
    conn: &mut PgConnection,
    student_id: Uuid,
    after: Option<i32>,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as!(
        Entry,
        r#"
        SELECT sequence, event, from_state, to_state, actor_role, actor_name, reason, create_time, hash
        FROM identity.origin_history
        WHERE student_id = $1 AND sequence > $2
        ORDER BY sequence
        LIMIT $3
        "#,
        student_id,
        after.unwrap_or(0),
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Lists the steps of an employer's onboarding, after a number.
///
/// # Errors
/// The database's.
pub(crate) async fn list_employer(
    conn: &mut PgConnection,
    employer_id: Uuid,
    after: Option<i32>,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as!(
        Entry,
        r#"
        SELECT sequence, event, from_state, to_state, actor_role, actor_name, reason, create_time, hash
        FROM identity.employer_history
        WHERE employer_id = $1 AND sequence > $2
        ORDER BY sequence
        LIMIT $3
        "#,
        employer_id,
        after.unwrap_or(0),
        limit,
    )
    .fetch_all(conn)
    .await
}
