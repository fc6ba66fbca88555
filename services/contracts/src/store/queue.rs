//! The rows of the school's one queue.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{domain::queue::Waiting, error::Error, scope::Scope};

/// A review as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) record_id: Uuid,
    pub(crate) version: i32,
    pub(crate) submission: i32,
    pub(crate) waiting: bool,
    pub(crate) school_code: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) student_id: Option<Uuid>,
    pub(crate) cohort: i32,
    pub(crate) level: i16,
    pub(crate) since: OffsetDateTime,
    pub(crate) due_time: OffsetDateTime,
    pub(crate) plain: bool,
    pub(crate) barred: Vec<Uuid>,
    pub(crate) claim_account: Option<Uuid>,
    pub(crate) claim_name: String,
    pub(crate) claim_until: Option<OffsetDateTime>,
}

impl Row {
    /// As the rules see it.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting {
            kind: self.kind.clone(),
            waiting: self.waiting,
            level: self.level,
            plain: self.plain,
            barred: self.barred.clone(),
            claim: self.claim_account.zip(self.claim_until),
        }
    }
}

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Filter<'a> {
    pub(crate) level: i16,
    pub(crate) kinds: Option<&'a [String]>,
    pub(crate) department: Option<&'a str>,
    pub(crate) class_name: Option<&'a str>,
    pub(crate) cohort: Option<i32>,
    pub(crate) only_plain: bool,
    pub(crate) only_overdue: bool,
    /// Only claimed by this account.
    pub(crate) claimed_by: Option<Uuid>,
    /// Only what this account could claim.
    pub(crate) free_for: Option<Uuid>,
    pub(crate) after: Option<(OffsetDateTime, Uuid)>,
    pub(crate) limit: i64,
}

/// Counts of one kind.
pub(crate) struct Count {
    pub(crate) kind: String,
    pub(crate) waiting: i64,
    pub(crate) overdue: i64,
    pub(crate) plain: i64,
}

/// Follows a record unless a newer word was there before. A claim survives while the same level has to decide.
pub(crate) async fn follow(conn: &mut PgConnection, row: &Row) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO contracts.reviews AS r
             (id, kind, record_id, version, submission, waiting, school_code, department, class_name, student_id, cohort,
              level, since, due_time, plain, barred)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (kind, record_id) DO UPDATE
         SET version = excluded.version, submission = excluded.submission, waiting = excluded.waiting,
             school_code = excluded.school_code, department = excluded.department, class_name = excluded.class_name,
             student_id = excluded.student_id, cohort = excluded.cohort, level = excluded.level, since = excluded.since,
             due_time = excluded.due_time, plain = excluded.plain, barred = excluded.barred, update_time = now(),
             claim_account = CASE WHEN excluded.waiting AND r.level = excluded.level THEN r.claim_account END,
             claim_until = CASE WHEN excluded.waiting AND r.level = excluded.level THEN r.claim_until END
         WHERE r.version < excluded.version",
        row.id,
        row.kind,
        row.record_id,
        row.version,
        row.submission,
        row.waiting,
        row.school_code,
        row.department,
        row.class_name,
        row.student_id,
        row.cohort,
        row.level,
        row.since,
        row.due_time,
        row.plain,
        &row.barred,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of what waits, longest waiting first.
pub(crate) async fn list(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &Filter<'_>,
) -> Result<Vec<Row>, Error> {
    Ok(sqlx::query_as!(
        Row,
        "SELECT id, kind, record_id, version, submission, waiting, school_code, department, class_name, student_id, cohort,
                level, since, due_time, plain, barred, claim_account, claim_name, claim_until
         FROM contracts.reviews
         WHERE waiting AND school_code = $1 AND ($2::text IS NULL OR department = $2) AND level = $3
           AND ($4::text[] IS NULL OR kind = ANY ($4))
           AND ($5::text IS NULL OR department = $5)
           AND ($6::text IS NULL OR class_name = $6)
           AND ($7::int IS NULL OR cohort = $7)
           AND (NOT $8 OR plain)
           AND (NOT $9 OR due_time < contracts.kit_now())
           AND ($10::uuid IS NULL OR (claim_account = $10 AND claim_until > contracts.kit_now()))
           AND ($11::uuid IS NULL OR (NOT $11 = ANY (barred)
               AND (claim_account IS NULL OR claim_until <= contracts.kit_now())))
           AND ($12::timestamptz IS NULL OR (since, id) > ($12, $13))
           AND (cardinality($15::text[]) = 0 OR class_name = ANY ($15))
         ORDER BY since, id LIMIT $14",
        scope.school_code.as_deref(),
        scope.department.as_deref(),
        filter.level,
        filter.kinds,
        filter.department,
        filter.class_name,
        filter.cohort,
        filter.only_plain,
        filter.only_overdue,
        filter.claimed_by,
        filter.free_for,
        filter.after.map(|(time, _)| time),
        filter.after.map(|(_, id)| id),
        filter.limit,
        &scope.classes,
    )
    .fetch_all(conn)
    .await?)
}

/// What waits for a level by kind.
pub(crate) async fn count(conn: &mut PgConnection, scope: &Scope, level: i16) -> Result<Vec<Count>, Error> {
    Ok(sqlx::query_as!(
        Count,
        r#"SELECT kind, count(*) AS "waiting!", count(*) FILTER (WHERE due_time < contracts.kit_now()) AS "overdue!",
                  count(*) FILTER (WHERE plain) AS "plain!"
           FROM contracts.reviews
           WHERE waiting AND school_code = $1 AND ($2::text IS NULL OR department = $2) AND level = $3
             AND (cardinality($4::text[]) = 0 OR class_name = ANY ($4))
           GROUP BY kind ORDER BY kind"#,
        scope.school_code.as_deref(),
        scope.department.as_deref(),
        level,
        &scope.classes,
    )
    .fetch_all(conn)
    .await?)
}

/// A review in the caller's scope, waiting or not.
pub(crate) async fn find(conn: &mut PgConnection, id: Uuid, scope: &Scope) -> Result<Option<Row>, Error> {
    Ok(sqlx::query_as!(
        Row,
        "SELECT id, kind, record_id, version, submission, waiting, school_code, department, class_name, student_id, cohort,
                level, since, due_time, plain, barred, claim_account, claim_name, claim_until
         FROM contracts.reviews
         WHERE id = $1 AND school_code = $2 AND ($3::text IS NULL OR department = $3)
           AND (cardinality($4::text[]) = 0 OR class_name = ANY ($4))",
        id,
        scope.school_code.as_deref(),
        scope.department.as_deref(),
        &scope.classes,
    )
    .fetch_optional(conn)
    .await?)
}

/// Locks a review for the transaction. False when it is gone.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<bool, Error> {
    let row = sqlx::query_scalar!("SELECT id FROM contracts.reviews WHERE id = $1 FOR UPDATE", id);
    Ok(row.fetch_optional(conn).await?.is_some())
}

/// Locks a review, and the agreement it is of, unless somebody is at one of them.
pub(crate) async fn try_lock(conn: &mut PgConnection, row: &Row) -> Result<bool, Error> {
    if row.kind == crate::domain::queue::AGREEMENT {
        let agreement = sqlx::query_scalar!(
            "SELECT id FROM contracts.agreements WHERE id = $1 FOR UPDATE SKIP LOCKED",
            row.record_id
        );
        if agreement.fetch_optional(&mut *conn).await?.is_none() {
            return Ok(false);
        }
    }
    let review = sqlx::query_scalar!(
        "SELECT id FROM contracts.reviews WHERE id = $1 FOR UPDATE SKIP LOCKED",
        row.id
    );
    Ok(review.fetch_optional(conn).await?.is_some())
}

/// Sets or clears the claim of a review; whoever calls has the record's lock or the row's.
pub(crate) async fn claim(
    conn: &mut PgConnection,
    kind: &str,
    record_id: Uuid,
    claim: Option<(Uuid, &str, OffsetDateTime)>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE contracts.reviews SET claim_account = $3, claim_name = $4, claim_until = $5, update_time = now()
         WHERE kind = $1 AND record_id = $2",
        kind,
        record_id,
        claim.map(|(account, _, _)| account),
        claim.map_or("", |(_, name, _)| name),
        claim.map(|(_, _, until)| until),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Who passed an agreement's revision on the level before.
pub(crate) async fn passed_by(conn: &mut PgConnection, agreement_id: Uuid) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT actor_id AS "actor_id!" FROM contracts.history
           WHERE agreement_id = $1 AND event = 'passLevel' AND actor_id IS NOT NULL"#,
        agreement_id
    )
    .fetch_all(conn)
    .await?)
}
