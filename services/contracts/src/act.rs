//! One command on one agreement, from any handler or task: lock, decide, save everything the decision says.

use qihang_kit::{
    Context,
    auth::{Caller, Principal},
    db, outbox,
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    App,
    domain::{
        agreement::{self, Command, Decision, Party, State},
        serial,
        slot::{self, Kind, Reference},
        terms::{Archive, Household, Terms},
    },
    error::Error,
    party, queue,
    scope::{self, Scope},
    store::{
        agreements::{self, Record},
        history::{self, Step},
        revisions::{self, Signature},
        slots,
    },
};

/// Who acts and from where; nobody for tasks.
pub(crate) struct By<'a> {
    pub(crate) principal: Option<&'a Principal>,
    pub(crate) caller: &'a Caller,
}

/// What comes along with a command.
#[derive(Default)]
pub(crate) struct With {
    /// Terms of the next revision.
    pub(crate) terms: Option<Terms>,
    /// The student's places.
    pub(crate) archive: Option<Archive>,
    /// The student's place of the registration.
    pub(crate) household: Option<Household>,
    /// The student as identity knows them now; refreshes the copy at a signature.
    pub(crate) student: Option<party::Student>,
    /// Reason.
    pub(crate) reason: String,
    /// Its code in the dictionary, where a review gives one.
    pub(crate) reason_code: String,
    /// Fields that it is about.
    pub(crate) reason_fields: Vec<String>,
}

/// The word of a party.
pub(crate) fn party_word(party: Party) -> &'static str {
    match party {
        Party::Student => "STUDENT",
        Party::Employer => "EMPLOYER",
    }
}

impl By<'_> {
    fn actor(&self) -> Result<agreement::Actor, Error> {
        Ok(self
            .principal
            .map_or(Ok(agreement::Actor::System), scope::actor)?)
    }

    fn role(&self) -> &'static str {
        self.principal
            .map_or("SYSTEM", |principal| principal.role.as_str())
    }

    fn name(&self) -> &str {
        self.principal.map_or("系统", |principal| principal.name.as_str())
    }

    fn scope(&self) -> Result<Scope, Error> {
        Ok(self.principal.map_or_else(|| Ok(Scope::system()), Scope::of)?)
    }
}

/// Locks an agreement in the actor's scope.
pub(crate) async fn load(conn: &mut PgConnection, id: Uuid, by: &By<'_>) -> Result<Record, Error> {
    agreements::lock(conn, id, &by.scope()?)
        .await?
        .ok_or(Error::NotFound)
}

/// Decides a command on a locked agreement and saves all that follows, in the caller's transaction.
pub(crate) async fn apply(
    app: &App,
    conn: &mut PgConnection,
    record: &mut Record,
    command: Command,
    by: &By<'_>,
    with: With,
) -> Result<(), Error> {
    let now = db::now(&mut *conn).await?;
    if let Some(principal) = by.principal {
        scope::may(principal, command)?;
    }
    let decision = agreement::decide(&record.rules, command, by.actor()?, now)?;
    let from = record.rules.state;
    let signature = decision.signs;
    move_slot(conn, record, &decision, command, now).await?;
    take_over(app, record, &decision, &with, from, now)?;
    if decision.writes_terms
        && let Some(terms) = &with.terms
    {
        revisions::write(conn, record.rules.id, record.rules.revision, terms).await?;
    }
    if let Some((party, revision)) = signature {
        sign(conn, record, party, revision, by, now).await?;
    }
    agreements::save(conn, record, now).await?;
    history::append(conn, &step(record, &decision, from, by, &with.reason, now)).await?;
    queue::follow(app, conn, record, from, by).await?;
    publish(&app.ctx, conn, record, decision.event, from).await?;
    record.version += 1;
    record.update_time = now;
    Ok(())
}

/// The slot follows the decision; its row lock keeps two acceptances apart.
async fn move_slot(
    conn: &mut PgConnection,
    record: &Record,
    decision: &Decision,
    command: Command,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let Some(step) = decision.slot else {
        return Ok(());
    };
    let slot = match command {
        // Locked already: the decision depended on it.
        Command::Accept { slot, .. } => slot,
        _ => slots::lock(&mut *conn, record.student_id, record.cohort).await?,
    };
    let reference = Reference {
        kind: Kind::Online,
        id: record.rules.id,
    };
    let next = slot::decide(slot, step, reference)?;
    slots::save(conn, record.student_id, record.cohort, next, now).await
}

/// Takes the decision and what came along into the record.
fn take_over(
    app: &App,
    record: &mut Record,
    decision: &Decision,
    with: &With,
    from: State,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let waited = record.rules.waiting_for();
    record.rules = decision.next.clone();
    if record.rules.state != from || record.rules.waiting_for() != waited {
        record.waiting_since = now;
    }
    if let Some(terms) = with.terms.as_ref().filter(|_| decision.writes_terms) {
        record.rules.accepts_archive = terms.accepts_archive;
        record.rules.accepts_household = terms.accepts_household;
    }
    match decision.event {
        "accept" | "confirmAmendment" => places(app, record, with)?,
        "approve" => record.effective_time = Some(now),
        "requestCancel" => record.cancel_reason.clone_from(&with.reason),
        "decline" | "withdraw" | "reject" | "refuseAmendment" | "amend" => {
            record.reason.clone_from(&with.reason);
            record.reason_code.clone_from(&with.reason_code);
            record.reason_fields.clone_from(&with.reason_fields);
        }
        _ => {}
    }
    if decision.event == "accept" {
        record.serial = Some(serial::serial(
            record.cohort,
            &record.school_code,
            app.ctx.ids.bytes(),
        ));
        record.verify_code = Some(serial::code(app.ctx.ids.bytes()));
    }
    Ok(())
}

/// What the student signed: the places, and the student as identity knows them at that moment.
fn places(app: &App, record: &mut Record, with: &With) -> Result<(), Error> {
    record.archive = with
        .archive
        .as_ref()
        .map(serde_json::to_value)
        .transpose()
        .map_err(Error::Json)?;
    record.household = with
        .household
        .as_ref()
        .map(serde_json::to_value)
        .transpose()
        .map_err(Error::Json)?;
    if let Some(student) = &with.student {
        record.student_sealed = party::seal(&app.sealer, record.rules.id, student)?;
        // Who reviews it is who teaches the student now, not when the offer was drafted.
        record.department.clone_from(&student.department);
        record.class_name.clone_from(&student.class_name);
    }
    Ok(())
}

async fn sign(
    conn: &mut PgConnection,
    record: &Record,
    party: Party,
    revision: i32,
    by: &By<'_>,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let Some(principal) = by.principal else {
        return Ok(());
    };
    let signature = Signature {
        agreement_id: record.rules.id,
        revision,
        party: party_word(party),
        account_id: principal.account_id,
        signer: &principal.name,
        address: &address(by),
        client: by.caller.client.as_str(),
        time: now,
    };
    revisions::sign(conn, &signature).await
}

fn step(
    record: &Record,
    decision: &Decision,
    from: State,
    by: &By<'_>,
    reason: &str,
    now: OffsetDateTime,
) -> Step {
    Step {
        agreement_id: record.rules.id,
        event: decision.event.to_owned(),
        from_state: from.as_str().to_owned(),
        to_state: record.rules.state.as_str().to_owned(),
        revision: record.rules.revision,
        actor_role: by.role().to_owned(),
        actor_id: by.principal.map(|principal| principal.account_id),
        actor_name: by.name().to_owned(),
        address: address(by),
        client: by.caller.client.as_str().to_owned(),
        reason: reason.to_owned(),
        create_time: now,
    }
}

/// Tells others of a step.
pub(crate) async fn publish(
    ctx: &Context,
    conn: &mut PgConnection,
    record: &Record,
    event: &str,
    from: State,
) -> Result<(), Error> {
    if let Some(message) = crate::messages::changed(ctx.ids.new_id(), event, from.as_str(), record) {
        outbox::publish(conn, message).await?;
    }
    Ok(())
}

fn address(by: &By<'_>) -> String {
    by.caller
        .address
        .map(|address| address.to_string())
        .unwrap_or_default()
}
