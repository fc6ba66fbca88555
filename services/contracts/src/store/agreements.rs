//! Agreements, one row each.

use qihang_kit::db;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::agreement::{Agreement, Cancel, Claim, Party, State},
    error::Error,
    scope::Scope,
};

/// An agreement as it is stored: what the rules know, and what goes along.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) rules: Agreement,
    pub(crate) version: i32,
    pub(crate) student_id: Uuid,
    pub(crate) employer_id: Uuid,
    pub(crate) school_code: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) cohort: i32,
    pub(crate) student_sealed: Vec<u8>,
    pub(crate) employer: Value,
    pub(crate) school: Value,
    pub(crate) archive: Option<Value>,
    pub(crate) household: Option<Value>,
    pub(crate) serial: Option<String>,
    pub(crate) verify_code: Option<String>,
    pub(crate) file_id: Option<Uuid>,
    pub(crate) document_sha256: Option<String>,
    pub(crate) reason: String,
    pub(crate) reason_code: String,
    pub(crate) reason_fields: Vec<String>,
    pub(crate) cancel_reason: String,
    pub(crate) template: String,
    pub(crate) supersedes_id: Option<Uuid>,
    pub(crate) uncounted: bool,
    pub(crate) effective_time: Option<OffsetDateTime>,
    pub(crate) waiting_since: OffsetDateTime,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

/// The columns of a row, with the switches of the revision in force.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) version: i32,
    pub(crate) state: String,
    pub(crate) student_id: Uuid,
    pub(crate) employer_id: Uuid,
    pub(crate) school_code: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) cohort: i32,
    pub(crate) levels: i16,
    pub(crate) revision: i32,
    pub(crate) last_revision: i32,
    pub(crate) signed_revision: i32,
    pub(crate) opened_revision: i32,
    pub(crate) expire_time: Option<OffsetDateTime>,
    pub(crate) amend_deadline: Option<OffsetDateTime>,
    pub(crate) department_passed: bool,
    pub(crate) claim_account: Option<Uuid>,
    pub(crate) claim_until: Option<OffsetDateTime>,
    pub(crate) cancel_by: Option<String>,
    pub(crate) cancel_until: Option<OffsetDateTime>,
    pub(crate) cancel_reason: String,
    pub(crate) student_sealed: Vec<u8>,
    pub(crate) employer: Value,
    pub(crate) school: Value,
    pub(crate) archive: Option<Value>,
    pub(crate) household: Option<Value>,
    pub(crate) serial: Option<String>,
    pub(crate) verify_code: Option<String>,
    pub(crate) file_id: Option<Uuid>,
    pub(crate) document_sha256: Option<String>,
    pub(crate) reason: String,
    pub(crate) reason_code: String,
    pub(crate) reason_fields: Vec<String>,
    pub(crate) template: String,
    pub(crate) supersedes_id: Option<Uuid>,
    pub(crate) uncounted: bool,
    pub(crate) effective_time: Option<OffsetDateTime>,
    pub(crate) waiting_since: OffsetDateTime,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
    pub(crate) accepts_archive: bool,
    pub(crate) accepts_household: bool,
}

impl TryFrom<Row> for Record {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let inconsistent = |column| Error::Inconsistent {
            table: "agreements",
            column,
            id: row.id,
        };
        let cancel_by = row.cancel_by.as_deref().map(party);
        if cancel_by == Some(None) {
            return Err(inconsistent("cancel_by"));
        }
        let cancel_by = cancel_by.flatten();
        let claim = row.claim_account.zip(row.claim_until);
        let rules = Agreement {
            id: row.id,
            state: State::parse(&row.state).ok_or_else(|| inconsistent("state"))?,
            revision: row.revision,
            last_revision: row.last_revision,
            signed_revision: row.signed_revision,
            opened_revision: row.opened_revision,
            expire_time: row.expire_time,
            amend_deadline: row.amend_deadline,
            department_passed: row.department_passed,
            claim: claim.map(|(account, until)| Claim { account, until }),
            cancel: cancel_by
                .zip(row.cancel_until)
                .map(|(by, until)| Cancel { by, until }),
            accepts_archive: row.accepts_archive,
            accepts_household: row.accepts_household,
            levels: u8::try_from(row.levels).map_err(|_| inconsistent("levels"))?,
        };
        Ok(Self {
            rules,
            version: row.version,
            student_id: row.student_id,
            employer_id: row.employer_id,
            school_code: row.school_code,
            department: row.department,
            class_name: row.class_name,
            cohort: row.cohort,
            student_sealed: row.student_sealed,
            employer: row.employer,
            school: row.school,
            archive: row.archive,
            household: row.household,
            serial: row.serial,
            verify_code: row.verify_code,
            file_id: row.file_id,
            document_sha256: row.document_sha256,
            reason: row.reason,
            reason_code: row.reason_code,
            reason_fields: row.reason_fields,
            cancel_reason: row.cancel_reason,
            template: row.template,
            supersedes_id: row.supersedes_id,
            uncounted: row.uncounted,
            effective_time: row.effective_time,
            waiting_since: row.waiting_since,
            create_time: row.create_time,
            update_time: row.update_time,
        })
    }
}

fn party(word: &str) -> Option<Party> {
    match word {
        "STUDENT" => Some(Party::Student),
        "EMPLOYER" => Some(Party::Employer),
        _ => None,
    }
}

/// Inserts a draft on the edition of the form that counts for its graduation year; the record's own where none was published.
pub(crate) async fn insert(conn: &mut PgConnection, record: &Record) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO contracts.agreements
             (id, state, student_id, employer_id, school_code, department, cohort, levels, revision, last_revision,
              student_sealed, employer, school, supersedes_id, uncounted, template, class_name)
         VALUES ($1, 'DRAFT', $2, $3, $4, $5, $6, $7, 1, 1, $8, $9, $10, $11, $12,
                 coalesce((SELECT e.template FROM contracts.editions AS e WHERE e.cohort <= $6
                           ORDER BY e.cohort DESC, e.id DESC LIMIT 1), $13), $14)",
        record.rules.id,
        record.student_id,
        record.employer_id,
        record.school_code,
        record.department,
        record.cohort,
        i16::from(record.rules.levels),
        record.student_sealed,
        record.employer,
        record.school,
        record.supersedes_id,
        record.uncounted,
        record.template,
        record.class_name,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Selects whole rows of `contracts.agreements AS a`, of which the text says the rest: a checked query wants its text as literals.
macro_rules! select {
    ($rest:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            $crate::store::agreements::Row,
            r#"SELECT a.id, a.version, a.state, a.student_id, a.employer_id, a.school_code, a.department, a.class_name, a.cohort, a.levels,
                      a.revision, a.last_revision, a.signed_revision, a.opened_revision, a.expire_time, a.amend_deadline,
                      a.department_passed, a.claim_account, a.claim_until, a.cancel_by, a.cancel_until, a.cancel_reason,
                      a.student_sealed, a.employer, a.school, a.archive, a.household, a.serial, a.verify_code, a.file_id,
                      a.document_sha256, a.reason, a.reason_code, a.reason_fields, a.template, a.supersedes_id, a.uncounted, a.effective_time, a.waiting_since,
                      a.create_time, a.update_time,
                      (r.terms ->> 'accepts_archive')::boolean AS "accepts_archive!",
                      (r.terms ->> 'accepts_household')::boolean AS "accepts_household!"
               FROM contracts.agreements AS a
               JOIN contracts.revisions AS r ON r.agreement_id = a.id AND r.number = a.revision
               "# + $rest,
            $($argument),+
        )
    };
}

pub(super) use select;

/// Loads an agreement that the scope may see.
pub(crate) async fn find(conn: &mut PgConnection, id: Uuid, scope: &Scope) -> Result<Option<Record>, Error> {
    let row = select!(
        r#"WHERE a.id = $1
             AND ($2::uuid IS NULL OR (a.student_id = $2 AND a.state <> 'DRAFT'))
             AND ($3::uuid IS NULL OR a.employer_id = $3)
             AND ($4::text IS NULL OR (a.school_code = $4 AND a.serial IS NOT NULL))
             AND ($5::text IS NULL OR a.department = $5)
             AND (cardinality($6::text[]) = 0 OR a.class_name = ANY ($6))"#,
        id,
        scope.student_id,
        scope.employer_id,
        scope.school_code.as_deref(),
        scope.department.as_deref(),
        &scope.classes,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Record::try_from).transpose()
}

/// Deletes a draft, which nobody has signed, with its terms and steps.
pub(crate) async fn delete_draft(conn: &mut PgConnection, id: Uuid) -> Result<(), Error> {
    let deleted = sqlx::query!(
        "WITH terms AS (DELETE FROM contracts.revisions WHERE agreement_id = $1),
              steps AS (DELETE FROM contracts.history WHERE agreement_id = $1)
         DELETE FROM contracts.agreements WHERE id = $1 AND state = 'DRAFT'",
        id
    )
    .execute(conn)
    .await?;
    Ok(db::one(&deleted)?)
}

/// Loads an agreement and keeps it for the transaction: other commands on it wait.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid, scope: &Scope) -> Result<Option<Record>, Error> {
    let locked = sqlx::query_scalar!("SELECT id FROM contracts.agreements WHERE id = $1 FOR UPDATE", id)
        .fetch_optional(&mut *conn)
        .await?;
    match locked {
        Some(_) => find(conn, id, scope).await,
        None => Ok(None),
    }
}

/// Saves an agreement after a decision; the version decides who was first.
pub(crate) async fn save(conn: &mut PgConnection, record: &Record, now: OffsetDateTime) -> Result<(), Error> {
    let rules = &record.rules;
    let result = sqlx::query!(
        "UPDATE contracts.agreements SET
             version = version + 1, state = $3, revision = $4, last_revision = $5, signed_revision = $6,
             opened_revision = $7, expire_time = $8, amend_deadline = $9, department_passed = $10, claim_account = $11,
             claim_until = $12, cancel_by = $13, cancel_until = $14, cancel_reason = $15, student_sealed = $16,
             employer = $17, archive = $18, household = $19, serial = $20, verify_code = $21, reason = $22,
             effective_time = $23, waiting_since = $24, update_time = $25, uncounted = $26,
             reason_code = $27, reason_fields = $28, department = $29, class_name = $30,
             send_time = CASE WHEN $3 = 'PENDING_STUDENT' THEN coalesce(send_time, $25) ELSE send_time END
         WHERE id = $1 AND version = $2",
        rules.id,
        record.version,
        rules.state.as_str(),
        rules.revision,
        rules.last_revision,
        rules.signed_revision,
        rules.opened_revision,
        rules.expire_time,
        rules.amend_deadline,
        rules.department_passed,
        rules.claim.map(|claim| claim.account),
        rules.claim.map(|claim| claim.until),
        rules.cancel.map(|cancel| crate::act::party_word(cancel.by)),
        rules.cancel.map(|cancel| cancel.until),
        record.cancel_reason,
        record.student_sealed,
        record.employer,
        record.archive,
        record.household,
        record.serial,
        record.verify_code,
        record.reason,
        record.effective_time,
        record.waiting_since,
        now,
        record.uncounted,
        record.reason_code,
        &record.reason_fields,
        record.department,
        record.class_name,
    )
    .execute(conn)
    .await
    .map_err(|error| match db::constraint(&error) {
        Some("agreements_one_open_offer") => Error::OfferOpen,
        Some("agreements_one_signed") => Error::SlotTaken,
        _ => Error::Database(error),
    })?;
    Ok(db::one(&result)?)
}

/// Offers of a pair that count against the year's limit. The pair is locked for the transaction, so that offers sent at
/// once are counted one after the other.
pub(crate) async fn count_sent(
    conn: &mut PgConnection,
    employer_id: Uuid,
    student_id: Uuid,
    now: OffsetDateTime,
) -> Result<i64, Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 1)) AS locked",
        format!("offer {employer_id} {student_id}")
    )
    .fetch_one(&mut *conn)
    .await?;
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM contracts.agreements
           WHERE employer_id = $1 AND student_id = $2 AND NOT uncounted AND send_time > $3::timestamptz - interval '1 year'"#,
        employer_id,
        student_id,
        now,
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// The open offer of a pair.
pub(crate) async fn open_offer(
    conn: &mut PgConnection,
    employer_id: Uuid,
    student_id: Uuid,
    now: OffsetDateTime,
) -> Result<Option<(Uuid, bool)>, Error> {
    let row = sqlx::query!(
        r#"SELECT id, expire_time < $3 AS "over!" FROM contracts.agreements
           WHERE employer_id = $1 AND student_id = $2 AND state = 'PENDING_STUDENT'"#,
        employer_id,
        student_id,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| (row.id, row.over)))
}

/// Keeps the sealed document of an agreement that this transaction has locked.
pub(crate) async fn save_document(
    conn: &mut PgConnection,
    id: Uuid,
    file_id: Uuid,
    sha256: &str,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let result = sqlx::query!(
        "UPDATE contracts.agreements
         SET file_id = $2, document_sha256 = $3, version = version + 1, update_time = $4
         WHERE id = $1",
        id,
        file_id,
        sha256,
        now,
    )
    .execute(conn)
    .await?;
    Ok(db::one(&result)?)
}
