//! Employers.

use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::employer::{Decision, Papers, Profile, Revision};

/// A new employer.
pub(crate) struct NewEmployer<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) credit_code: &'a str,
    pub(crate) contact_name: &'a str,
    pub(crate) contact_phone: &'a str,
    pub(crate) contact_email: &'a str,
    pub(crate) now: OffsetDateTime,
}

/// An employer.
#[derive(Debug, Clone)]
pub(crate) struct EmployerRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) credit_code: String,
    pub(crate) nature_code: String,
    pub(crate) industry_code: String,
    pub(crate) scale_code: String,
    pub(crate) region_code: String,
    pub(crate) address: String,
    pub(crate) postcode: String,
    pub(crate) legal_person: String,
    pub(crate) contact_name: String,
    pub(crate) contact_phone: String,
    pub(crate) contact_email: String,
    pub(crate) website: String,
    pub(crate) introduction: String,
    pub(crate) state: String,
    pub(crate) submission_version: i32,
    pub(crate) licence_file_id: Option<Uuid>,
    pub(crate) authorisation_file_id: Option<Uuid>,
    pub(crate) contact_identity_file_id: Option<Uuid>,
    pub(crate) review_reason_code: String,
    pub(crate) review_reason: String,
    pub(crate) review_fields: Vec<String>,
    pub(crate) restore_asked_by: Option<Uuid>,
    pub(crate) revision: Option<Json<Revision>>,
    pub(crate) submit_time: Option<OffsetDateTime>,
    pub(crate) review_time: Option<OffsetDateTime>,
    pub(crate) approval_expire_time: Option<OffsetDateTime>,
    /// Why it is on the blacklist, when it is.
    pub(crate) blacklist_reason: Option<String>,
    pub(crate) version: i32,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

impl EmployerRow {
    /// What it says of itself.
    pub(crate) fn profile(&self) -> Profile {
        Profile {
            nature_code: self.nature_code.clone(),
            industry_code: self.industry_code.clone(),
            scale_code: self.scale_code.clone(),
            region_code: self.region_code.clone(),
            address: self.address.clone(),
            postcode: self.postcode.clone(),
            legal_person: self.legal_person.clone(),
            contact_name: self.contact_name.clone(),
            contact_phone: self.contact_phone.clone(),
            contact_email: self.contact_email.clone(),
            website: self.website.clone(),
            introduction: self.introduction.clone(),
        }
    }

    /// The papers of the last submission.
    pub(crate) fn papers(&self) -> Option<Papers> {
        Some(Papers {
            licence: self.licence_file_id?,
            authorisation: self.authorisation_file_id?,
            contact_identity: self.contact_identity_file_id?,
        })
    }
}

/// Adds an employer. `employers_credit_code` refuses a second one of the same code.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(conn: &mut PgConnection, new: &NewEmployer<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        INSERT INTO identity.employers (id, name, credit_code, contact_name, contact_phone, contact_email, create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        "#,
        new.id,
        new.name,
        new.credit_code,
        new.contact_name,
        new.contact_phone,
        new.contact_email,
        new.now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gets an employer; with `only_approved` others do not exist.
///
/// # Errors
/// The database's.
pub(crate) async fn get(
    conn: &mut PgConnection,
    id: Uuid,
    only_approved: bool,
) -> sqlx::Result<Option<EmployerRow>> {
    sqlx::query_as!(
        EmployerRow,
        r#"
        SELECT id, name, credit_code, nature_code, industry_code, scale_code, region_code, address, postcode, legal_person,
               contact_name, contact_phone, contact_email, website, introduction, state, submission_version,
               licence_file_id, authorisation_file_id, contact_identity_file_id, review_reason_code, review_reason,
               review_fields, restore_asked_by, revision AS "revision: Json<Revision>", submit_time, review_time, approval_expire_time,
               (SELECT b.reason FROM identity.blacklist b
                WHERE b.credit_code = employers.credit_code AND b.remove_time IS NULL) AS blacklist_reason,
               version, create_time,
               update_time
        FROM identity.employers
        WHERE id = $1 AND (NOT $2 OR state = 'APPROVED')
        "#,
        id,
        only_approved,
    )
    .fetch_optional(conn)
    .await
}

/// What a list is narrowed to.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Filter {
    pub(crate) state: Option<&'static str>,
    pub(crate) text: Option<String>,
    /// Only those whose revision waits.
    pub(crate) revised: bool,
}

/// Lists employers, oldest submission first, unsent ones by registration; after a key.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<EmployerRow>> {
    let (after_time, after_id) = after.unzip();
    sqlx::query_as!(
        EmployerRow,
        r#"
        SELECT id, name, credit_code, nature_code, industry_code, scale_code, region_code, address, postcode, legal_person,
               contact_name, contact_phone, contact_email, website, introduction, state, submission_version,
               licence_file_id, authorisation_file_id, contact_identity_file_id, review_reason_code, review_reason,
               review_fields, restore_asked_by, revision AS "revision: Json<Revision>", submit_time, review_time, approval_expire_time,
               (SELECT b.reason FROM identity.blacklist b
                WHERE b.credit_code = employers.credit_code AND b.remove_time IS NULL) AS blacklist_reason,
               version, create_time,
               update_time
        FROM identity.employers
        WHERE ($1::text IS NULL OR state = $1)
          AND ($2::text IS NULL OR credit_code = upper($2) OR position($2 IN name) > 0)
          AND ($3::timestamptz IS NULL OR (COALESCE(submit_time, create_time), id) > ($3, $4))
          AND (NOT $6 OR revision IS NOT NULL)
        ORDER BY COALESCE(submit_time, create_time), id
        LIMIT $5
        "#,
        filter.state,
        filter.text,
        after_time,
        after_id,
        limit,
        filter.revised,
    )
    .fetch_all(conn)
    .await
}

/// Saves a decision; false when another one was quicker.
///
/// # Errors
/// The database's.
pub(crate) async fn save(
    conn: &mut PgConnection,
    (id, row_version): (Uuid, i32),
    decision: &Decision,
    now: OffsetDateTime,
) -> sqlx::Result<bool> {
    let papers = decision.papers;
    let done = sqlx::query!(
        r#"
        UPDATE identity.employers
        SET state = $3, submission_version = $4, licence_file_id = $5, authorisation_file_id = $6,
            contact_identity_file_id = $7,
            review_reason_code = CASE WHEN $8 IN ('save', 'askRestore', 'withdrawRevision') THEN review_reason_code ELSE $9 END,
            review_reason = CASE WHEN $8 IN ('save', 'askRestore', 'withdrawRevision') THEN review_reason ELSE $10 END,
            review_fields = CASE WHEN $8 IN ('save', 'askRestore', 'withdrawRevision') THEN review_fields ELSE $11 END,
            submit_time = CASE WHEN $8 IN ('submit', 'revise') THEN $13 ELSE submit_time END,
            review_time = CASE WHEN $8 IN ('approve', 'return', 'reject', 'returnRevision') THEN $13 ELSE review_time END,
            approval_expire_time = $12,
            restore_asked_by = $14,
            name = $15,
            revision = $16,
            reminded_days = CASE WHEN $8 = 'approve' THEN NULL ELSE reminded_days END,
            version = version + 1,
            update_time = $13
        WHERE id = $1 AND version = $2
        "#,
        id,
        row_version,
        decision.to.as_str(),
        i32::try_from(decision.submission).unwrap_or(i32::MAX),
        papers.map(|papers| papers.licence),
        papers.map(|papers| papers.authorisation),
        papers.map(|papers| papers.contact_identity),
        decision.event,
        decision.reason.code,
        decision.reason.text,
        &decision.reason.fields,
        decision.approval_expire_time,
        now,
        decision.restore_asked_by,
        decision.name,
        decision.revision.as_deref().map(Json) as _,
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    save_profile(conn, id, &decision.profile).await?;
    Ok(true)
}

async fn save_profile(conn: &mut PgConnection, id: Uuid, profile: &Profile) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        UPDATE identity.employers
        SET nature_code = $2, industry_code = $3, scale_code = $4, region_code = $5, address = $6, postcode = $7,
            legal_person = $8, contact_name = $9, contact_phone = $10, contact_email = $11, website = $12,
            introduction = $13
        WHERE id = $1
        "#,
        id,
        profile.nature_code,
        profile.industry_code,
        profile.scale_code,
        profile.region_code,
        profile.address,
        profile.postcode,
        profile.legal_person,
        profile.contact_name,
        profile.contact_phone,
        profile.contact_email,
        profile.website,
        profile.introduction,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ids and versions of approved employers whose time is over.
///
/// # Errors
/// The database's.
pub(crate) async fn expired(
    conn: &mut PgConnection,
    now: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"
        SELECT id
        FROM identity.employers
        WHERE state = 'APPROVED' AND approval_expire_time <= $1
        ORDER BY approval_expire_time
        LIMIT $2
        "#,
        now,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// An approval that ends soon.
pub(crate) struct Expiring {
    pub(crate) id: Uuid,
    /// Days before the end of this reminder: 30, 7 or 1.
    pub(crate) days: i32,
    pub(crate) approval_expire_time: OffsetDateTime,
}

/// Claims the reminders that are due: 30, 7 and 1 days before an approval ends, each once, and none of those that a later one
/// has overtaken. Not where a revision waits: it is the renewal.
///
/// # Errors
/// The database's.
pub(crate) async fn claim_expiring(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Expiring>> {
    sqlx::query_as!(
        Expiring,
        r#"
        WITH due AS (
            SELECT e.id, min(d.days) AS days
            FROM identity.employers e, (VALUES (30), (7), (1)) AS d (days)
            WHERE e.state = 'APPROVED' AND e.revision IS NULL AND e.approval_expire_time > identity.kit_now()
              AND e.approval_expire_time <= identity.kit_now() + make_interval(days => d.days)
            GROUP BY e.id, e.reminded_days
            HAVING e.reminded_days IS NULL OR min(d.days) < e.reminded_days
            LIMIT $1
        )
        UPDATE identity.employers e SET reminded_days = due.days
        FROM due
        WHERE e.id = due.id AND (e.reminded_days IS NULL OR e.reminded_days > due.days)
        RETURNING e.id, due.days AS "days!", e.approval_expire_time AS "approval_expire_time!"
        "#,
        limit,
    )
    .fetch_all(conn)
    .await
}
