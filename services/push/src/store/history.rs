//! The steps of an announcement, chained by hash.

use qihang_kit::{
    auth::{Caller, Principal},
    history,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::announcements::Row;
use crate::{domain::announcement::State, error::Error};

/// One step. Times are cut to microseconds, as Postgres keeps them, so that the hash can be checked later.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) announcement_id: Uuid,
    pub(crate) event: String,
    pub(crate) from_state: String,
    pub(crate) to_state: String,
    content_hash: Vec<u8>,
    actor_id: Option<Uuid>,
    pub(crate) actor_role: String,
    pub(crate) actor_name: String,
    address: String,
    client: String,
    pub(crate) reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) create_time: OffsetDateTime,
}

/// Who takes a step; nobody is the suite itself.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) principal: Option<&'a Principal>,
    pub(crate) caller: &'a Caller,
}

impl Step {
    /// A step to the state that a row has.
    pub(crate) fn new(
        row: &Row,
        event: &str,
        from: Option<State>,
        (by, now): (By<'_>, OffsetDateTime),
    ) -> Self {
        let By { principal, caller } = by;
        Self {
            announcement_id: row.id,
            event: event.to_owned(),
            from_state: from.map(State::as_str).unwrap_or_default().to_owned(),
            to_state: row.state.as_str().to_owned(),
            content_hash: Sha256::digest(history::canonical(&row.content)).to_vec(),
            actor_id: principal.map(|principal| principal.account_id),
            actor_role: principal
                .map_or("SYSTEM", |principal| principal.role.as_str())
                .to_owned(),
            actor_name: principal
                .map(|principal| principal.name.clone())
                .unwrap_or_default(),
            address: caller
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            client: caller.client.as_str().to_owned(),
            reason: row.withdraw_reason.clone(),
            create_time: now,
        }
    }
}

/// Adds a step; the caller has locked the announcement.
///
/// # Errors
/// The database's.
pub(crate) async fn append(conn: &mut PgConnection, step: &Step) -> Result<(), Error> {
    let last = sqlx::query!(
        r#"
        SELECT sequence, hash
        FROM push.announcement_history
        WHERE announcement_id = $1
        ORDER BY sequence DESC
        LIMIT 1
        "#,
        step.announcement_id,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let sequence = last.as_ref().map_or(1, |row| row.sequence + 1);
    let hash = history::next_hash(last.as_ref().map(|row| row.hash.as_slice()), &(sequence, step));
    sqlx::query!(
        r#"
        INSERT INTO push.announcement_history
            (announcement_id, sequence, event, from_state, to_state, content_hash, actor_id, actor_role, actor_name,
             address, client, reason, hash, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        "#,
        step.announcement_id,
        sequence,
        step.event,
        step.from_state,
        step.to_state,
        step.content_hash,
        step.actor_id,
        step.actor_role,
        step.actor_name,
        step.address,
        step.client,
        step.reason,
        hash.as_slice(),
        step.create_time,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Every step in order, with its number and hash.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    announcement_id: Uuid,
) -> Result<Vec<(i32, Step, Vec<u8>)>, Error> {
    let rows = sqlx::query!(
        "SELECT * FROM push.announcement_history WHERE announcement_id = $1 ORDER BY sequence",
        announcement_id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let step = Step {
                announcement_id: row.announcement_id,
                event: row.event,
                from_state: row.from_state,
                to_state: row.to_state,
                content_hash: row.content_hash,
                actor_id: row.actor_id,
                actor_role: row.actor_role,
                actor_name: row.actor_name,
                address: row.address,
                client: row.client,
                reason: row.reason,
                create_time: row.create_time,
            };
            (row.sequence, step, row.hash)
        })
        .collect())
}
