//! Notes of what was corrected in the student's record after an agreement was signed.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::Error;

/// A note.
pub(crate) struct Note {
    pub(crate) fields: Vec<String>,
    pub(crate) create_time: OffsetDateTime,
}

/// Notes a correction on every agreement that the student has signed and that still counts.
pub(crate) async fn note(
    conn: &mut PgConnection,
    student_id: Uuid,
    correction_id: Uuid,
    fields: &[String],
    time: OffsetDateTime,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO contracts.correction_notes (agreement_id, correction_id, fields, create_time)
         SELECT id, $2, $3, $4 FROM contracts.agreements
         WHERE student_id = $1 AND signed_revision > 0
           AND state IN ('PENDING_REVIEW', 'AMEND_PENDING_STUDENT', 'EFFECTIVE', 'TERMINATING')
         ON CONFLICT DO NOTHING",
        student_id,
        correction_id,
        fields,
        time,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The notes of an agreement, oldest first.
pub(crate) async fn of_agreement(conn: &mut PgConnection, agreement_id: Uuid) -> Result<Vec<Note>, Error> {
    let notes = sqlx::query_as!(
        Note,
        "SELECT fields, create_time FROM contracts.correction_notes
         WHERE agreement_id = $1 ORDER BY create_time, correction_id",
        agreement_id
    )
    .fetch_all(conn)
    .await?;
    Ok(notes)
}
