//! One step of a record: load in scope, decide, save, note, publish.

use std::sync::Arc;

use qihang_kit::{etag, outbox, status::Fault};
use qihang_proto::{
    common::v1::Action,
    identity::v1::Student,
    messages::v1::{OriginChanged, review_changed},
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    App,
    domain::{
        calendar::{self, Effective},
        origin::{
            self, Actor, Checked, Command, Decision, Levels, Reason, Record, Refusal, State, Surroundings,
        },
        own_fields::OwnChanges,
    },
    messages::{self, Waiting},
    rpc::{person::Person, student_view},
    sealing::{self, Content, Kind, Opened},
    store::{
        self,
        calendar::Place,
        history::{Step, micros},
        students::{Scope, StudentRow},
    },
};

/// A record with what its rules look at.
pub(crate) struct Loaded {
    pub(crate) row: StudentRow,
    pub(crate) opened: Opened,
    pub(crate) content: Content,
    pub(crate) around: Surroundings,
}

/// The record is not there, or not for the caller's eyes.
pub(crate) fn not_found() -> Fault {
    Fault::not_found("STUDENT_NOT_FOUND", "没有找到该学生，或不在您的管理范围内")
}

/// Loads a record in scope.
///
/// # Errors
/// STUDENT_NOT_FOUND outside the scope; the database's.
pub(crate) async fn load(
    app: &App,
    conn: &mut PgConnection,
    scope: &Scope,
    id: Uuid,
) -> Result<Loaded, Fault> {
    let row = store::students::get(conn, scope, id)
        .await?
        .ok_or_else(not_found)?;
    let opened = sealing::student(&app.sealer, &row)?;
    let content = match store::origin::content(conn, id, row.origin_version).await? {
        Some(sealed) => sealing::open(&app.sealer, Kind::Submission, id, &sealed)?,
        None => Content::default(),
    };
    let around = Surroundings {
        levels: levels(conn, &row.school_code).await?,
        window: window(conn, &row.school_code, row.cohort).await?,
        agreement_held: store::origin::agreement_held(conn, id).await?,
    };
    Ok(Loaded {
        row,
        opened,
        content,
        around,
    })
}

/// How many levels of review a school wants.
///
/// # Errors
/// The database's.
pub(crate) async fn levels(conn: &mut PgConnection, school_code: &str) -> Result<Levels, Fault> {
    Ok(if store::origin::review_levels(conn, school_code).await? == 2 {
        Levels::Two
    } else {
        Levels::One
    })
}

/// When records of a school's graduation year may be sent.
async fn window(conn: &mut PgConnection, school_code: &str, cohort: i32) -> Result<Effective, Fault> {
    let place = Place {
        cohort,
        kind: calendar::Kind::Origin,
        school_code,
    };
    Ok(store::calendar::effective(conn, place).await?)
}

impl Loaded {
    fn record(&self) -> Result<Record, Fault> {
        record(&self.row, &self.opened, self.content.issues.clone())
    }

    /// Whether what is decided on differs from the roster.
    fn differs(&self, decision: &Decision) -> bool {
        !decision.own.differing(&self.opened.roster_own).is_empty()
    }

    /// The record as the caller sees it, with what the caller may do.
    pub(crate) fn view(&self, person: &Person, now: OffsetDateTime) -> Result<Student, Fault> {
        let role = person.principal.role;
        let actions = actions(&self.record()?, person.actor()?, self.around, now);
        Ok(student_view::student(
            &self.row,
            &self.opened,
            &self.content.issues,
            role,
            actions,
        ))
    }
}

/// A row as the rules see it.
///
/// # Errors
/// INTERNAL when the row's state is none.
pub(crate) fn record(row: &StudentRow, opened: &Opened, issues: Vec<origin::Issue>) -> Result<Record, Fault> {
    let unknown = || sqlx::Error::Decode(format!("origin_state {} of {}", row.origin_state, row.id).into());
    Ok(Record {
        state: State::parse(&row.origin_state)
            .ok_or_else(unknown)
            .map_err(Fault::database)?,
        version: u32::try_from(row.origin_version).unwrap_or_default(),
        own: opened.own.clone(),
        locked: opened.locked.clone(),
        issues,
        edited_by: row.locked_changed_by,
    })
}

/// What an actor may do now: each command tried on the rules. What only the content can still spoil counts as allowed.
pub(crate) fn actions(
    record: &Record,
    actor: Actor,
    around: Surroundings,
    now: OffsetDateTime,
) -> Vec<Action> {
    let version = record.version;
    let commands = [
        Command::SaveDraft(OwnChanges::default()),
        Command::Submit {
            changes: OwnChanges::default(),
            issues: Vec::new(),
            checked: Checked::Yes,
        },
        Command::Approve {
            version,
            resolutions: Vec::new(),
        },
        Command::Return {
            version,
            reason: Reason::default(),
        },
        Command::Reopen {
            reason: Reason::default(),
        },
    ];
    let mut actions = Vec::new();
    for command in commands {
        let name = command.event().to_owned();
        match origin::decide(record, command, actor, around, now) {
            Err(Refusal::NotYours { .. }) => {}
            Ok(_) | Err(Refusal::Fields(_) | Refusal::Unsettled { .. } | Refusal::NotChecked) => {
                actions.push(Action {
                    name,
                    allowed: true,
                    reason_code: String::new(),
                    reason: String::new(),
                });
            }
            Err(refusal) => {
                let fault = Fault::from(refusal);
                let (reason_code, reason) = (fault.reason().to_owned(), fault.message().to_owned());
                actions.push(Action {
                    name,
                    allowed: false,
                    reason_code,
                    reason,
                });
            }
        }
    }
    actions
}

/// A step that somebody wants to take.
pub(crate) struct Wanted<'a> {
    pub(crate) person: &'a Person,
    pub(crate) command: Command,
    pub(crate) etag: &'a str,
    pub(crate) now: OffsetDateTime,
}

/// Takes a step in the caller's transaction.
///
/// # Errors
/// The rules' refusals; VERSION_CONFLICT when another step was quicker; the database's.
pub(crate) async fn take(
    app: &Arc<App>,
    conn: &mut PgConnection,
    loaded: &Loaded,
    wanted: Wanted<'_>,
) -> Result<State, Fault> {
    let Wanted {
        person,
        command,
        etag,
        now,
    } = wanted;
    etag::check(etag, loaded.row.version)?;
    let decision = origin::decide(&loaded.record()?, command, person.actor()?, loaded.around, now)?;
    let own_digest = sealing::own_digest(&app.sealer, &decision.own);
    save(app, conn, loaded, (&decision, &own_digest), now).await?;
    if decision.event != "saveDraft" {
        note(conn, loaded, person, (&decision, &own_digest), now).await?;
        publish(app, conn, loaded, &decision).await?;
        tell_reviewers(app, conn, loaded, &decision, now).await?;
    }
    Ok(decision.to)
}

async fn save(
    app: &Arc<App>,
    conn: &mut PgConnection,
    loaded: &Loaded,
    (decision, own_digest): (&Decision, &[u8]),
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let id = loaded.row.id;
    // What is settled is written into the version that it settles; its own fields are those that were sent.
    let content = Content {
        own: decision.own.clone(),
        issues: decision.issues.clone(),
    };
    let save = store::origin::Save {
        student_id: id,
        school_code: &loaded.row.school_code,
        row_version: loaded.row.version,
        decision,
        own_sealed: &sealing::seal(&app.sealer, Kind::Own, id, &decision.own)?,
        own_digest,
        own_differs: loaded.differs(decision),
        content_sealed: &sealing::seal(&app.sealer, Kind::Submission, id, &content)?,
        now,
    };
    if store::origin::save(conn, &save).await? {
        Ok(())
    } else {
        Err(etag::conflict())
    }
}

async fn note(
    conn: &mut PgConnection,
    loaded: &Loaded,
    person: &Person,
    (decision, own_digest): (&Decision, &[u8]),
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let step = Step {
        subject: loaded.row.id,
        event: decision.event.to_owned(),
        from_state: decision.from.as_str().to_owned(),
        to_state: decision.to.as_str().to_owned(),
        submission_version: i32::try_from(decision.version).unwrap_or(i32::MAX),
        author: person.author.clone(),
        reason_code: decision.reason.code.clone(),
        reason: decision.reason.text.clone(),
        before_hash: [loaded.row.locked_digest.as_slice(), &loaded.row.own_digest].concat(),
        after_hash: [loaded.row.locked_digest.as_slice(), own_digest].concat(),
        micros: micros(now),
        time: now,
    };
    Ok(store::history::append_origin(conn, &step).await?)
}

/// Says whether the record waits for a review now, and whose.
async fn tell_reviewers(
    app: &Arc<App>,
    conn: &mut PgConnection,
    loaded: &Loaded,
    decision: &Decision,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let row = &loaded.row;
    let sent = decision.opens();
    let waiting = Waiting {
        kind: review_changed::Kind::Origin,
        record_id: row.id,
        version: row.version + 1,
        submission: decision.version,
        waits_for: origin::waits_for(decision.to, loaded.around.levels),
        student: row,
        since: if sent { now } else { row.submit_time.unwrap_or(now) },
        plain: decision.issues.is_empty() && !loaded.differs(decision),
        barred: row.locked_changed_by.filter(|_| !sent),
    };
    messages::review_changed(app, conn, waiting).await
}

async fn publish(
    app: &Arc<App>,
    conn: &mut PgConnection,
    loaded: &Loaded,
    decision: &Decision,
) -> Result<(), Fault> {
    let key = match (decision.event, decision.to) {
        ("approve", State::Approved) => "identity.origin.approved.v1",
        ("return", _) => "identity.origin.returned.v1",
        ("reopen", _) => "identity.origin.reopened.v1",
        _ => return Ok(()),
    };
    let message = OriginChanged {
        student_id: loaded.row.id.to_string(),
        school_code: loaded.row.school_code.clone(),
        cohort: u32::try_from(loaded.row.cohort).unwrap_or_default(),
        version: decision.version,
        approved: decision.to == State::Approved,
    };
    outbox::publish(
        conn,
        outbox::Outgoing::new(app.ctx.ids.new_id(), key, loaded.row.id, &message),
    )
    .await
}
