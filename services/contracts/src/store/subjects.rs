//! What is held about a person, for that person.

use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{domain::terms::Terms, error::Error};

/// An agreement of a student.
pub(crate) struct OwnAgreement {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    pub(crate) serial: Option<String>,
    pub(crate) employer_name: String,
    pub(crate) student_sealed: Vec<u8>,
    pub(crate) terms: Json<Terms>,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) effective_time: Option<OffsetDateTime>,
}

/// Something that somebody did with an agreement.
pub(crate) struct OwnStep {
    pub(crate) agreement_id: Uuid,
    pub(crate) event: String,
    pub(crate) address: String,
    pub(crate) reason: String,
    pub(crate) create_time: OffsetDateTime,
}

/// The agreements that a student sees, newest first.
pub(crate) async fn agreements(
    conn: &mut PgConnection,
    student_id: Uuid,
) -> Result<Vec<OwnAgreement>, Error> {
    let rows = sqlx::query_as!(
        OwnAgreement,
        r#"SELECT a.id, a.state, a.serial, coalesce(a.employer ->> 'name', '') AS "employer_name!", a.student_sealed,
                  r.terms AS "terms: Json<Terms>", a.create_time, a.effective_time
           FROM contracts.agreements AS a
           JOIN contracts.revisions AS r ON r.agreement_id = a.id AND r.number = a.revision
           WHERE a.student_id = $1 AND a.state <> 'DRAFT'
           ORDER BY a.id DESC LIMIT 1000"#,
        student_id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// What an account did with agreements, newest first.
pub(crate) async fn steps(conn: &mut PgConnection, account_id: Uuid) -> Result<Vec<OwnStep>, Error> {
    let rows = sqlx::query_as!(
        OwnStep,
        "SELECT agreement_id, event, address, reason, create_time
         FROM contracts.history
         WHERE actor_id = $1
         ORDER BY create_time DESC LIMIT 1000",
        account_id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
