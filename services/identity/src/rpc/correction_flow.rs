//! One step of a correction: lock the student's row, load in scope, decide, save, write into the record, note, publish.

use std::{collections::HashMap, sync::Arc};

use qihang_kit::{db, etag, outbox, status::Fault};
use qihang_proto::messages::v1::{OriginCorrected, review_changed};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    App,
    domain::{
        correction::{self, Base, Change, Command, Correction, Decision, State},
        correction_fields::Fields,
        origin::{self, Levels},
    },
    messages::{self, Waiting},
    rpc::{origin_flow, person::Person},
    sealing::{self, Kind, Opened},
    store::{
        self,
        corrections::{Corrected, CorrectionRow, NewCorrection},
        history::{Step, micros},
        students::StudentRow,
    },
};

/// What a correction keeps sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) changes: Vec<Change>,
    pub(crate) reason: String,
}

/// A record that may be corrected.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) row: StudentRow,
    pub(crate) opened: Opened,
    pub(crate) levels: Levels,
}

/// A correction with its record.
pub(crate) struct Loaded {
    pub(crate) row: CorrectionRow,
    pub(crate) content: Content,
    pub(crate) subject: Subject,
}

/// There is none, or it is not for the caller's eyes.
pub(crate) fn not_found() -> Fault {
    Fault::not_found("CORRECTION_NOT_FOUND", "没有找到该纠错申请，或不在您的管理范围内")
}

impl Subject {
    /// Loads a record in the caller's scope.
    ///
    /// # Errors
    /// STUDENT_NOT_FOUND outside the scope; the database's.
    pub(crate) async fn load(
        app: &App,
        conn: &mut PgConnection,
        person: &Person,
        student_id: Uuid,
    ) -> Result<Self, Fault> {
        let row = store::students::get(conn, &person.scope()?, student_id)
            .await?
            .ok_or_else(origin_flow::not_found)?;
        Ok(Self {
            opened: sealing::student(&app.sealer, &row)?,
            levels: origin_flow::levels(conn, &row.school_code).await?,
            row,
        })
    }

    /// Loads the records of a page in the caller's scope.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn load_many(
        app: &App,
        conn: &mut PgConnection,
        person: &Person,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Self>, Fault> {
        let levels = origin_flow::levels(conn, person.school_code()?).await?;
        let rows = store::students::get_many(conn, &person.scope()?, ids).await?;
        let subject = |row: StudentRow| {
            let opened = sealing::student(&app.sealer, &row)?;
            Ok((row.id, Self { row, opened, levels }))
        };
        rows.into_iter().map(subject).collect()
    }

    /// The record as the rules see it.
    pub(crate) fn base(&self) -> Result<Base, Fault> {
        let state = origin::State::parse(&self.row.origin_state);
        Ok(Base {
            state: state.ok_or_else(|| unknown(&self.row.origin_state))?,
            school_code: self.row.school_code.clone(),
            fields: Fields {
                locked: self.opened.locked.clone(),
                own: self.opened.own.clone(),
            },
        })
    }
}

fn unknown(state: &str) -> Fault {
    Fault::database(sqlx::Error::Decode(format!("state {state}").into()))
}

impl Loaded {
    /// A row with its record.
    pub(crate) fn new(app: &App, row: CorrectionRow, subject: Subject) -> Result<Self, Fault> {
        let content = sealing::open(&app.sealer, Kind::Correction, row.id, &row.content_sealed)?;
        Ok(Self {
            row,
            content,
            subject,
        })
    }

    /// The correction as the rules see it.
    pub(crate) fn rules(&self) -> Result<Correction, Fault> {
        Ok(Correction {
            state: State::parse(&self.row.state).ok_or_else(|| unknown(&self.row.state))?,
            changes: self.content.changes.clone(),
            identity_keys: self.row.identity_keys,
            first_approver: self.row.first_approver,
        })
    }
}

/// Loads a correction in scope.
///
/// # Errors
/// CORRECTION_NOT_FOUND outside the scope; the database's.
pub(crate) async fn load(
    app: &App,
    conn: &mut PgConnection,
    person: &Person,
    id: Uuid,
) -> Result<Loaded, Fault> {
    let scope = person.scope()?;
    let row = store::corrections::get(conn, &scope, person.principal.student_id, id)
        .await?
        .ok_or_else(not_found)?;
    let subject = Subject::load(app, conn, person, row.student_id).await?;
    Loaded::new(app, row, subject)
}

/// Loads a correction in scope with its student's row locked.
///
/// # Errors
/// As [`load`].
pub(crate) async fn lock(
    app: &App,
    conn: &mut PgConnection,
    person: &Person,
    id: Uuid,
) -> Result<Loaded, Fault> {
    let before = load(app, conn, person, id).await?;
    store::students::lock(conn, before.row.student_id).await?;
    load(app, conn, person, id).await
}

/// Opens a correction; the student's row is locked by the caller.
///
/// # Errors
/// CORRECTION_OPEN; the database's.
pub(crate) async fn open(
    app: &Arc<App>,
    conn: &mut PgConnection,
    (person, subject): (&Person, &Subject),
    content: &Content,
    now: OffsetDateTime,
) -> Result<Uuid, Fault> {
    let id = app.ctx.ids.new_id();
    let fields: Vec<String> = content
        .changes
        .iter()
        .map(|change| change.field.clone())
        .collect();
    let new = NewCorrection {
        id,
        student_id: subject.row.id,
        fields: &fields,
        identity_keys: correction::touches_identity(&content.changes),
        content_sealed: &sealing::seal(&app.sealer, Kind::Correction, id, content)?,
        now,
    };
    if !store::corrections::insert(conn, &new).await? {
        return Err(Fault::already_exists(
            "CORRECTION_OPEN",
            "您已有一份纠错申请待审核，请等待审核结果，或先撤回再重新申请",
        ));
    }
    let digest = digest(&subject.row);
    let step = step(
        person,
        &subject.row,
        ("requestCorrection", "", State::Submitted),
        now,
    );
    note(
        conn,
        Step {
            after_hash: digest.clone(),
            before_hash: digest,
            ..step
        },
    )
    .await?;
    messages::review_changed(app, conn, waiting((id, 1), subject, State::Submitted, now)).await?;
    Ok(id)
}

/// Takes a step; the student's row is locked by the caller.
///
/// # Errors
/// The rules' refusals; VERSION_CONFLICT; NUMBER_TAKEN; the database's.
pub(crate) async fn take(
    app: &Arc<App>,
    conn: &mut PgConnection,
    (person, loaded): (&Person, &Loaded),
    (command, tag): (Command, &str),
    now: OffsetDateTime,
) -> Result<(), Fault> {
    etag::check(tag, loaded.row.version)?;
    let subject = &loaded.subject;
    let decision = correction::decide(
        &loaded.rules()?,
        command,
        person.actor()?,
        subject.levels,
        &subject.base()?,
    )?;
    let key = (loaded.row.id, loaded.row.version);
    if !store::corrections::save(conn, key, &decision, now).await? {
        return Err(etag::conflict());
    }
    let mut after = digest(&subject.row);
    if let Some(fields) = &decision.corrected {
        write(app, conn, &subject.row, fields, now).await?;
        publish(app, conn, loaded).await?;
        let own = sealing::own_digest(&app.sealer, &fields.own);
        after = [sealing::locked_digest(&app.sealer, &fields.locked), own].concat();
    }
    let step = Step {
        reason_code: decision.reason.code.clone(),
        reason: decision.reason.text.clone(),
        before_hash: digest(&subject.row),
        after_hash: after,
        ..step(
            person,
            &subject.row,
            (decision.event, loaded.row.state.as_str(), decision.to),
            now,
        )
    };
    note(conn, step).await?;
    tell_reviewers(app, conn, loaded, &decision, now).await
}

/// Digest of a record's content, as its history keeps it.
fn digest(row: &StudentRow) -> Vec<u8> {
    [row.locked_digest.as_slice(), &row.own_digest].concat()
}

fn step(
    person: &Person,
    row: &StudentRow,
    (event, from, to): (&str, &str, State),
    now: OffsetDateTime,
) -> Step {
    Step {
        subject: row.id,
        event: event.to_owned(),
        from_state: from.to_owned(),
        to_state: to.as_str().to_owned(),
        submission_version: row.origin_version,
        author: person.author.clone(),
        reason_code: String::new(),
        reason: String::new(),
        before_hash: Vec::new(),
        after_hash: Vec::new(),
        micros: micros(now),
        time: now,
    }
}

async fn note(conn: &mut PgConnection, step: Step) -> Result<(), Fault> {
    Ok(store::history::append_origin(conn, &step).await?)
}

/// Writes the corrected values into the roster.
async fn write(
    app: &App,
    conn: &mut PgConnection,
    row: &StudentRow,
    fields: &Fields,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let (locked, own) = (&fields.locked, &fields.own);
    let corrected = Corrected {
        student_id: row.id,
        school_code: &row.school_code,
        version: row.version,
        student_number: &locked.student_number,
        name: &locked.name,
        department: &locked.department,
        class_name: &locked.class_name,
        identity_blind: &sealing::identity_blind(&app.sealer, &locked.identity_number),
        identity_sealed: &sealing::seal(&app.sealer, Kind::Identity, row.id, &locked.identity_number)?,
        locked: Json(&locked.details),
        locked_digest: &sealing::locked_digest(&app.sealer, locked),
        origin_region: &own.origin_region,
        own_sealed: &sealing::seal(&app.sealer, Kind::Own, row.id, own)?,
        own_digest: &sealing::own_digest(&app.sealer, own),
        now,
    };
    match store::corrections::apply(conn, &corrected).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(etag::conflict()),
        Err(error) if db::constraint(&error) == Some("students_number") => Err(Fault::precondition(
            "NUMBER_TAKEN",
            "更正后的学号已属于本校另一名学生，请核对后驳回，或先更正那名学生的学号",
        )),
        Err(error) => Err(error.into()),
    }
}

async fn publish(app: &Arc<App>, conn: &mut PgConnection, loaded: &Loaded) -> Result<(), Fault> {
    let row = &loaded.subject.row;
    let changes = loaded.content.changes.iter();
    let message = OriginCorrected {
        student_id: row.id.to_string(),
        correction_id: loaded.row.id.to_string(),
        fields: changes.map(|change| change.field.clone()).collect(),
        school_code: row.school_code.clone(),
        version: u32::try_from(row.version + 1).unwrap_or_default(),
    };
    let key = "identity.origin.corrected.v1";
    outbox::publish(
        conn,
        outbox::Outgoing::new(app.ctx.ids.new_id(), key, row.id, &message),
    )
    .await
}

fn waiting(
    (id, version): (Uuid, i32),
    subject: &Subject,
    state: State,
    since: OffsetDateTime,
) -> Waiting<'_> {
    Waiting {
        kind: review_changed::Kind::Correction,
        record_id: id,
        version,
        submission: 0,
        waits_for: correction::waits_for(state, subject.levels),
        student: &subject.row,
        since,
        // A correction always wants its evidence and its values looked at.
        plain: false,
        barred: None,
    }
}

async fn tell_reviewers(
    app: &App,
    conn: &mut PgConnection,
    loaded: &Loaded,
    decision: &Decision,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    // Each level has its own time to decide in.
    let since = if decision.to.is_open() {
        now
    } else {
        loaded.row.create_time
    };
    let key = (loaded.row.id, loaded.row.version + 1);
    let waiting = Waiting {
        barred: decision.first_approver.filter(|_| loaded.row.identity_keys),
        ..waiting(key, &loaded.subject, decision.to, since)
    };
    messages::review_changed(app, conn, waiting).await
}
