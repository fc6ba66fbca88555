//! The steps of an agreement, chained by hash.

use qihang_kit::history;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Error;

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
    let rows = sqlx::query!(
        "SELECT * FROM contracts.history WHERE agreement_id = $1 ORDER BY sequence",
        id
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Link {
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
        })
        .collect())
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
