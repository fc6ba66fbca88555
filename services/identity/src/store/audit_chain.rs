//! The audit's hash chain: events are linked after their commit, deleted from the far end, and checked from end to end.

use qihang_kit::history::{self, Checker, Link, Report};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::history::micros;

/// Links that are checked at a time.
const BATCH: i64 = 1000;

/// What a link's hash is over.
#[derive(Debug, Serialize)]
struct Content<'a> {
    id: Uuid,
    event: &'a str,
    outcome: &'a str,
    account_id: Option<Uuid>,
    actor_id: Option<Uuid>,
    student_id: Option<Uuid>,
    school_code: Option<&'a str>,
    address: &'a str,
    client: &'a str,
    reason: &'a str,
    micros: i64,
}

/// An event as it is kept.
struct EventRow {
    id: Uuid,
    event: String,
    outcome: String,
    account_id: Option<Uuid>,
    actor_id: Option<Uuid>,
    student_id: Option<Uuid>,
    school_code: Option<String>,
    address: String,
    client: String,
    reason: String,
    create_time: OffsetDateTime,
    sequence: Option<i64>,
    hash: Option<Vec<u8>>,
}

impl EventRow {
    fn content(&self) -> Content<'_> {
        Content {
            id: self.id,
            event: &self.event,
            outcome: &self.outcome,
            account_id: self.account_id,
            actor_id: self.actor_id,
            student_id: self.student_id,
            school_code: self.school_code.as_deref(),
            address: &self.address,
            client: &self.client,
            reason: &self.reason,
            micros: micros(self.create_time),
        }
    }
}

/// An end of the chain.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) sequence: i64,
    pub(crate) hash: Vec<u8>,
}

impl End {
    /// The hash, unless nothing is before the first link.
    fn hash(&self) -> Option<&[u8]> {
        Some(self.hash.as_slice()).filter(|hash| !hash.is_empty())
    }
}

/// Links committed events that are not linked yet, some at a time; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn link(conn: &mut PgConnection, limit: i64) -> sqlx::Result<usize> {
    let mut end = sqlx::query_as!(
        End,
        r#"SELECT head_sequence AS sequence, head_hash AS hash FROM identity.audit_chain FOR UPDATE"#
    )
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query_as!(
        EventRow,
        r#"
        SELECT id, event, outcome, account_id, actor_id, student_id, school_code, address, client, reason, create_time,
               sequence, hash
        FROM identity.audit_events
        WHERE sequence IS NULL
        ORDER BY id
        LIMIT $1
        "#,
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let (mut ids, mut sequences, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let sequence = end.sequence + 1;
        let hash = history::next_hash(end.hash(), &(sequence, row.content())).to_vec();
        ids.push(row.id);
        sequences.push(sequence);
        hashes.push(hash.clone());
        end = End { sequence, hash };
    }
    sqlx::query!(
        r#"
        UPDATE identity.audit_events e
        SET sequence = l.sequence, hash = l.hash
        FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS l (id, sequence, hash)
        WHERE e.id = l.id
        "#,
        &ids,
        &sequences,
        &hashes,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE identity.audit_chain SET head_sequence = $1, head_hash = $2",
        end.sequence,
        end.hash,
    )
    .execute(conn)
    .await?;
    Ok(rows.len())
}

/// The last link.
///
/// # Errors
/// The database's.
pub(crate) async fn head(conn: &mut PgConnection) -> sqlx::Result<End> {
    sqlx::query_as!(
        End,
        "SELECT head_sequence AS sequence, head_hash AS hash FROM identity.audit_chain"
    )
    .fetch_one(conn)
    .await
}

/// Deletes links older than `days` from the far end, some at a time, and keeps where the rest continues; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn purge(conn: &mut PgConnection, days: i32, limit: i64) -> sqlx::Result<u64> {
    let moved = sqlx::query!(
        r#"
        WITH oldest AS (
            SELECT sequence, hash, create_time < identity.kit_now() - make_interval(days => $1) AS over
            FROM identity.audit_events
            WHERE sequence IS NOT NULL
            ORDER BY sequence
            LIMIT $2
        ), last AS (
            SELECT sequence, hash
            FROM oldest
            WHERE sequence < coalesce((SELECT min(sequence) FROM oldest WHERE NOT over), 9223372036854775807)
            ORDER BY sequence DESC
            LIMIT 1
        )
        UPDATE identity.audit_chain SET purged_sequence = last.sequence, purged_hash = last.hash FROM last
        "#,
        days,
        limit,
    )
    .execute(&mut *conn)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(0);
    }
    let deleted = sqlx::query!(
        "DELETE FROM identity.audit_events WHERE sequence <= (SELECT purged_sequence FROM identity.audit_chain)"
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

/// Checks every link from the far end to the head. The transaction must see one instant.
///
/// # Errors
/// The database's.
pub(crate) async fn verify(conn: &mut PgConnection) -> sqlx::Result<Report> {
    let far = sqlx::query_as!(
        End,
        "SELECT purged_sequence AS sequence, purged_hash AS hash FROM identity.audit_chain"
    )
    .fetch_one(&mut *conn)
    .await?;
    let head = head(conn).await?;
    let mut checker = Checker::after(far.sequence, far.hash());
    let mut after = far.sequence;
    loop {
        let rows = page(conn, after).await?;
        for row in &rows {
            let (sequence, hash) = (
                row.sequence.unwrap_or_default(),
                row.hash.as_deref().unwrap_or_default(),
            );
            let link = Link {
                chain: "audit_events".to_owned(),
                sequence,
                hash,
            };
            if !checker.check(&link, &(sequence, row.content())) {
                return Ok(checker.report());
            }
            after = sequence;
        }
        if rows.is_empty() {
            checker.end("audit_events", head.sequence, &head.hash);
            return Ok(checker.report());
        }
    }
}

async fn page(conn: &mut PgConnection, after: i64) -> sqlx::Result<Vec<EventRow>> {
    sqlx::query_as!(
        EventRow,
        r#"
        SELECT id, event, outcome, account_id, actor_id, student_id, school_code, address, client, reason, create_time,
               sequence, hash
        FROM identity.audit_events
        WHERE sequence > $1
        ORDER BY sequence
        LIMIT $2
        "#,
        after,
        BATCH,
    )
    .fetch_all(conn)
    .await
}
