//! Slots: one row a student and cohort, locked by every command that moves it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::slot::{Kind, Reference, Slot},
    error::Error,
    view::Around,
};

/// A slot with the time of its last change.
pub(crate) struct Found {
    pub(crate) slot: Slot,
    pub(crate) update_time: OffsetDateTime,
}

/// Locks a student's slot for the transaction, making its row when there is none: in one statement, by an update of nothing.
pub(crate) async fn lock(conn: &mut PgConnection, student_id: Uuid, cohort: i32) -> Result<Slot, Error> {
    let row = sqlx::query!(
        "INSERT INTO contracts.destination_slots AS slot (student_id, cohort, state) VALUES ($1, $2, 'FREE')
         ON CONFLICT (student_id, cohort) DO UPDATE SET state = slot.state
         RETURNING state, kind, record_id, was_held",
        student_id,
        cohort
    )
    .fetch_one(conn)
    .await?;
    parse(
        student_id,
        &row.state,
        row.kind.as_deref(),
        row.record_id,
        row.was_held,
    )
}

/// Reads a student's slot; one that was never touched is free.
pub(crate) async fn find(conn: &mut PgConnection, student_id: Uuid) -> Result<Option<Found>, Error> {
    let row = sqlx::query!(
        "SELECT state, kind, record_id, was_held, update_time FROM contracts.destination_slots
         WHERE student_id = $1 ORDER BY cohort DESC LIMIT 1",
        student_id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let slot = parse(
            student_id,
            &row.state,
            row.kind.as_deref(),
            row.record_id,
            row.was_held,
        )?;
        Ok(Found {
            slot,
            update_time: row.update_time,
        })
    })
    .transpose()
}

/// What a student's buttons depend on beside an agreement, as of now.
pub(crate) async fn around(conn: &mut PgConnection, student_id: Uuid) -> Result<Around, Error> {
    let row = sqlx::query!(
        r#"SELECT contracts.kit_now() AS "now!", coalesce(origin.approved, false) AS "origin_approved!",
                  slot.state AS "state?", slot.kind, slot.record_id, coalesce(slot.was_held, false) AS "was_held!"
           FROM (SELECT $1::uuid AS student_id) AS student
           LEFT JOIN contracts.origins AS origin USING (student_id)
           LEFT JOIN LATERAL (SELECT state, kind, record_id, was_held FROM contracts.destination_slots
                              WHERE student_id = $1 ORDER BY cohort DESC LIMIT 1) AS slot ON true"#,
        student_id
    )
    .fetch_one(conn)
    .await?;
    let slot = row.state.as_deref().map_or(Ok(Slot::Free), |state| {
        parse(
            student_id,
            state,
            row.kind.as_deref(),
            row.record_id,
            row.was_held,
        )
    })?;
    Ok(Around {
        now: row.now,
        slot,
        origin_approved: row.origin_approved,
    })
}

/// Saves a slot that this transaction has locked.
pub(crate) async fn save(
    conn: &mut PgConnection,
    student_id: Uuid,
    cohort: i32,
    slot: Slot,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let (state, was_held) = match slot {
        Slot::Free => ("FREE", false),
        Slot::Reserved(_) => ("RESERVED", false),
        Slot::Held(_) => ("HELD", true),
        Slot::Releasing { held, .. } => ("RELEASING", held),
    };
    let result = sqlx::query!(
        "UPDATE contracts.destination_slots
         SET state = $3, kind = $4, record_id = $5, was_held = $6, update_time = $7
         WHERE student_id = $1 AND cohort = $2",
        student_id,
        cohort,
        state,
        slot.reference().map(|reference| word(reference.kind)),
        slot.reference().map(|reference| reference.id),
        was_held,
        now,
    )
    .execute(conn)
    .await?;
    Ok(qihang_kit::db::one(&result)?)
}

/// The word of a kind.
pub(crate) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Online => "ONLINE",
        Kind::Offline => "OFFLINE",
        Kind::Other => "OTHER",
    }
}

fn parse(
    student_id: Uuid,
    state: &str,
    kind: Option<&str>,
    record_id: Option<Uuid>,
    held: bool,
) -> Result<Slot, Error> {
    let inconsistent = |column| Error::Inconsistent {
        table: "destination_slots",
        column,
        id: student_id,
    };
    if state == "FREE" {
        return Ok(Slot::Free);
    }
    let kind = match kind {
        Some("ONLINE") => Kind::Online,
        Some("OFFLINE") => Kind::Offline,
        Some("OTHER") => Kind::Other,
        _ => return Err(inconsistent("kind")),
    };
    let reference = Reference {
        kind,
        id: record_id.ok_or_else(|| inconsistent("record_id"))?,
    };
    match state {
        "RESERVED" => Ok(Slot::Reserved(reference)),
        "HELD" => Ok(Slot::Held(reference)),
        "RELEASING" => Ok(Slot::Releasing { reference, held }),
        _ => Err(inconsistent("state")),
    }
}
