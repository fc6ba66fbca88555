//! The steps of an agreement, chained by hash.

use qihang_kit::history::{self, Checker, Report};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Error;

/// Steps that are checked at a time.
const BATCH: i64 = 1000;

/// One step. Times are cut to microseconds, as Postgres keeps them, so that the hash can be checked later.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) agreement_id: Uuid,
    pub(crate) event: String,
    pub(crate) from_state: String,
    pub(crate) to_state: String,
    pub(crate) revision: i32,
    pub(crate) actor_role: String,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) actor_name: String,
    pub(crate) address: String,
    pub(crate) client: String,
    pub(crate) reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
}

/// A step with its place in the chain.
pub(crate) struct Link {
    pub(crate) sequence: i32,
    pub(crate) step: Step,
    pub(crate) hash: Vec<u8>,
}

/// A step as it is kept.
struct Row {
    agreement_id: Uuid,
    sequence: i32,
    event: String,
    from_state: String,
    to_state: String,
    revision: i32,
    actor_role: String,
    actor_id: Option<Uuid>,
    actor_name: String,
    address: String,
    client: String,
    reason: String,
    create_time: OffsetDateTime,
    hash: Vec<u8>,
}

impl From<Row> for Link {
    fn from(row: Row) -> Self {
        Self {
            sequence: row.sequence,
            step: Step {
                agreement_id: row.agreement_id,
                event: row.event,
                from_state: row.from_state,
                to_state: row.to_state,
                revision: row.revision,
                actor_role: row.actor_role,
                actor_id: row.actor_id,
                actor_name: row.actor_name,
                address: row.address,
                client: row.client,
                reason: row.reason,
                create_time: row.create_time,
            },
            hash: row.hash,
        }
    }
}

/// Adds a step; the caller has locked the agreement.
pub(crate) async fn append(conn: &mut PgConnection, step: &Step) -> Result<(), Error> {
    let last = sqlx::query!(
        "SELECT sequence, hash FROM contracts.history WHERE agreement_id = $1 ORDER BY sequence DESC LIMIT 1",
        step.agreement_id
    )
    .fetch_optional(&mut *conn)
    .await?;
    let sequence = last.as_ref().map_or(1, |row| row.sequence + 1);
    let hash = history::next_hash(last.as_ref().map(|row| row.hash.as_slice()), &(sequence, step));
    sqlx::query!(
        "INSERT INTO contracts.history
             (agreement_id, sequence, event, from_state, to_state, revision, actor_role, actor_id, actor_name, address,
              client, reason, create_time, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        step.agreement_id,
        sequence,
        step.event,
        step.from_state,
        step.to_state,
        step.revision,
        step.actor_role,
        step.actor_id,
        step.actor_name,
        step.address,
        step.client,
        step.reason,
        step.create_time,
        hash.as_slice(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Every step in order.
pub(crate) async fn list(conn: &mut PgConnection, id: Uuid) -> Result<Vec<Link>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM contracts.history WHERE agreement_id = $1 ORDER BY sequence",
        id
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Link::from).collect())
}

/// True when every hash fits its step and the one before.
pub(crate) fn intact(links: &[Link]) -> bool {
    let mut previous: Option<&[u8]> = None;
    for (place, link) in links.iter().enumerate() {
        let sequence = i32::try_from(place + 1).unwrap_or(i32::MAX);
        if link.sequence != sequence
            || history::next_hash(previous, &(sequence, &link.step)).as_slice() != link.hash
        {
            return false;
        }
        previous = Some(&link.hash);
    }
    true
}

/// Checks every agreement's steps, and that the last one leads to the agreement's state: nothing is cut off.
pub(crate) async fn verify(conn: &mut PgConnection) -> Result<Report, sqlx::Error> {
    let mut checker = Checker::default();
    let mut after = (Uuid::nil(), 0);
    loop {
        let rows = sqlx::query_as!(
            Row,
            "SELECT * FROM contracts.history WHERE (agreement_id, sequence) > ($1, $2)
             ORDER BY agreement_id, sequence LIMIT $3",
            after.0,
            after.1,
            BATCH,
        )
        .fetch_all(&mut *conn)
        .await?;
        let Some(last) = rows.last() else {
            break;
        };
        after = (last.agreement_id, last.sequence);
        for link in rows.into_iter().map(Link::from) {
            let kept = history::Link {
                chain: link.step.agreement_id.to_string(),
                sequence: link.sequence.into(),
                hash: &link.hash,
            };
            if !checker.check(&kept, &(link.sequence, &link.step)) {
                return Ok(checker.report());
            }
        }
    }
    let mut report = checker.report();
    report.first_break = cut_off(conn).await?;
    Ok(report)
}

/// The first agreement whose last step does not lead to its state.
async fn cut_off(conn: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT a.id FROM contracts.agreements a
         WHERE a.state IS DISTINCT FROM (
             SELECT h.to_state FROM contracts.history h WHERE h.agreement_id = a.id ORDER BY h.sequence DESC LIMIT 1)
         ORDER BY a.id LIMIT 1"
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(|id| format!("{id}: the last steps are missing")))
}
