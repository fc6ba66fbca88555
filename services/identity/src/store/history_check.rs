//! Checks of the hash chains of records and of employers' onboarding.

use qihang_kit::history::{Checker, Link, Report};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::history::{Author, Step, micros};

/// Steps that are checked at a time.
const BATCH: i64 = 1000;

/// A step as it is kept.
struct StepRow {
    subject: Uuid,
    sequence: i32,
    event: String,
    from_state: String,
    to_state: String,
    submission_version: i32,
    actor_id: Option<Uuid>,
    actor_role: String,
    actor_name: String,
    address: String,
    client: String,
    reason_code: String,
    reason: String,
    before_hash: Vec<u8>,
    after_hash: Vec<u8>,
    hash: Vec<u8>,
    create_time: OffsetDateTime,
}

impl StepRow {
    /// True when the step fits the one before.
    fn check(self, checker: &mut Checker) -> bool {
        let step = Step {
            subject: self.subject,
            event: self.event,
            from_state: self.from_state,
            to_state: self.to_state,
            submission_version: self.submission_version,
            author: Author {
                account: self.actor_id,
                role: self.actor_role,
                name: self.actor_name,
                address: self.address,
                client: self.client,
            },
            reason_code: self.reason_code,
            reason: self.reason,
            before_hash: self.before_hash,
            after_hash: self.after_hash,
            micros: micros(self.create_time),
            time: self.create_time,
        };
        let link = Link {
            chain: self.subject.to_string(),
            sequence: self.sequence.into(),
            hash: &self.hash,
        };
        checker.check(&link, &step)
    }
}

/// Checks the histories of students' records.
///
/// # Errors
/// The database's.
pub(crate) async fn origin(conn: &mut PgConnection) -> sqlx::Result<Report> {
    let mut checker = Checker::default();
    let mut after = (Uuid::nil(), 0);
    loop {
        let rows = sqlx::query_as!(
            StepRow,
            r#"
            SELECT student_id AS subject, sequence, event, from_state, to_state, submission_version, actor_id, actor_role, actor_name,
                   address, client, reason_code, reason, before_hash, after_hash, hash, create_time
            FROM identity.origin_history
            WHERE (student_id, sequence) > ($1, $2)
            ORDER BY student_id, sequence
            LIMIT $3
            "#,
            after.0,
            after.1,
            BATCH,
        )
        .fetch_all(&mut *conn)
        .await?;
        let Some(last) = rows.last() else {
            let mut report = checker.report();
            report.first_break = records_cut_off(conn).await?;
            return Ok(report);
        };
        after = (last.subject, last.sequence);
        if !rows.into_iter().all(|row| row.check(&mut checker)) {
            return Ok(checker.report());
        }
    }
}

/// Checks the histories of employers' onboarding.
///
/// # Errors
/// The database's.
pub(crate) async fn employers(conn: &mut PgConnection) -> sqlx::Result<Report> {
    let mut checker = Checker::default();
    let mut after = (Uuid::nil(), 0);
    loop {
        let rows = sqlx::query_as!(
            StepRow,
            r#"
            SELECT employer_id AS subject, sequence, event, from_state, to_state, submission_version, actor_id, actor_role, actor_name,
                   address, client, reason_code, reason, before_hash, after_hash, hash, create_time
            FROM identity.employer_history
            WHERE (employer_id, sequence) > ($1, $2)
            ORDER BY employer_id, sequence
            LIMIT $3
            "#,
            after.0,
            after.1,
            BATCH,
        )
        .fetch_all(&mut *conn)
        .await?;
        let Some(last) = rows.last() else {
            let mut report = checker.report();
            report.first_break = employers_cut_off(conn).await?;
            return Ok(report);
        };
        after = (last.subject, last.sequence);
        if !rows.into_iter().all(|row| row.check(&mut checker)) {
            return Ok(checker.report());
        }
    }
}

/// The first student whose last step of the record itself does not lead to the record's state. Corrections have states of
/// their own.
async fn records_cut_off(conn: &mut PgConnection) -> sqlx::Result<Option<String>> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT s.id
        FROM identity.students s
        WHERE s.origin_state <> coalesce((
            SELECT h.to_state
            FROM identity.origin_history h
            WHERE h.student_id = s.id AND h.event NOT LIKE '%Correction'
            ORDER BY h.sequence DESC
            LIMIT 1
        ), 'UNCONFIRMED')
        ORDER BY s.id
        LIMIT 1
        "#
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(cut_off))
}

/// The first employer whose last step does not lead to its state.
async fn employers_cut_off(conn: &mut PgConnection) -> sqlx::Result<Option<String>> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT e.id
        FROM identity.employers e
        WHERE e.state IS DISTINCT FROM (
            SELECT h.to_state
            FROM identity.employer_history h
            WHERE h.employer_id = e.id
            ORDER BY h.sequence DESC
            LIMIT 1
        )
        ORDER BY e.id
        LIMIT 1
        "#
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(cut_off))
}

fn cut_off(id: Uuid) -> String {
    format!("{id}: the last steps are missing")
}
