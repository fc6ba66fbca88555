//! One step of an employer's onboarding: what the rules see, saving, noting, publishing.

use qihang_kit::{
    auth::{Principal, Role},
    etag, outbox,
    status::Fault,
};
use qihang_proto::messages::v1::EmployerChanged;
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;

use crate::{
    App,
    domain::employer::{self, Actor, Decision, Part, Profile, State},
    store::{
        self,
        employers::EmployerRow,
        history::{Author, Step, micros},
    },
};

/// The employer is not there, or not for the caller's eyes.
pub(crate) fn not_found() -> Fault {
    Fault::not_found("EMPLOYER_NOT_FOUND", "没有找到该用人单位")
}

/// The caller in the onboarding of an employer.
pub(crate) fn actor(principal: &Principal) -> Actor {
    let part = match (principal.role, principal.employer_role.as_deref()) {
        (Role::Province, _) => Part::Province,
        (_, Some("ADMIN")) => Part::Administrator,
        _ => Part::Member,
    };
    Actor {
        account: principal.account_id,
        part,
    }
}

/// A row as the rules see it.
///
/// # Errors
/// INTERNAL when the row's state is none.
pub(crate) fn record(row: &EmployerRow) -> Result<employer::Record, Fault> {
    let unknown = || sqlx::Error::Decode(format!("state {} of employer {}", row.state, row.id).into());
    Ok(employer::Record {
        state: State::parse(&row.state)
            .ok_or_else(unknown)
            .map_err(Fault::database)?,
        name: row.name.clone(),
        submission: u32::try_from(row.submission_version).unwrap_or_default(),
        profile: row.profile(),
        papers: row.papers(),
        revision: row.revision.clone().map(|Json(revision)| Box::new(revision)),
        approval_expire_time: row.approval_expire_time,
        restore_asked_by: row.restore_asked_by,
        blacklisted: row.blacklist_reason.is_some(),
    })
}

/// Saves a decision with its step and its message.
///
/// # Errors
/// VERSION_CONFLICT when another step was quicker; the database's.
pub(crate) async fn save(
    app: &App,
    conn: &mut PgConnection,
    row: &EmployerRow,
    (decision, author): (&Decision, &Author),
    now: OffsetDateTime,
) -> Result<(), Fault> {
    if !store::employers::save(conn, (row.id, row.version), decision, now).await? {
        return Err(etag::conflict());
    }
    let hash = |profile: &Profile| qihang_kit::history::next_hash(None, profile).to_vec();
    let step = Step {
        subject: row.id,
        event: decision.event.to_owned(),
        from_state: decision.from.as_str().to_owned(),
        to_state: decision.to.as_str().to_owned(),
        submission_version: i32::try_from(decision.submission).unwrap_or(i32::MAX),
        author: author.clone(),
        reason_code: decision.reason.code.clone(),
        reason: decision.reason.text.clone(),
        before_hash: hash(&row.profile()),
        after_hash: hash(&decision.profile),
        micros: micros(now),
        time: now,
    };
    store::history::append_employer(conn, &step).await?;
    publish(app, conn, row, decision).await
}

async fn publish(
    app: &App,
    conn: &mut PgConnection,
    row: &EmployerRow,
    decision: &Decision,
) -> Result<(), Fault> {
    let key = match decision.event {
        "submit" => "identity.employer.submitted.v1",
        "approve" | "restore" => "identity.employer.approved.v1",
        "return" => "identity.employer.returned.v1",
        "reject" => "identity.employer.rejected.v1",
        "suspend" => "identity.employer.suspended.v1",
        "expire" => "identity.employer.expired.v1",
        _ => return Ok(()),
    };
    let message = EmployerChanged {
        employer_id: row.id.to_string(),
        state: decision.to.as_str().to_owned(),
        version: u32::try_from(row.version + 1).unwrap_or_default(),
    };
    outbox::publish(
        conn,
        outbox::Outgoing::new(app.ctx.ids.new_id(), key, row.id, &message),
    )
    .await
}
