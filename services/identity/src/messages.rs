//! What identity publishes.
//!
//! | key | when |
//! | --- | --- |
//! | `identity.student.registered.v1` | a student's account became active |
//! | `identity.account.locked.v1` | failed sign-ins have locked an account; once a lock |
//! | `identity.review.changed.v1` | something of a student, or a request for help, began or ceased to wait for the school |
//!
//! What the roster, its review and the employers publish is with their handlers.

use qihang_kit::{
    outbox::{self, Outgoing},
    status::Fault,
};
use qihang_proto::messages::v1::{AccountLocked, ReviewChanged, StudentRegistered, review_changed};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    App,
    domain::{help, origin::Part},
    error::Error,
    rpc::person::timestamp,
    store::{help::HelpRow, students::StudentRow},
};

/// A student's account became active.
///
/// # Errors
/// The database's.
pub(crate) async fn student_registered(
    app: &App,
    conn: &mut PgConnection,
    student_id: Uuid,
    school_code: &str,
) -> Result<(), Error> {
    let message = StudentRegistered {
        student_id: student_id.to_string(),
        school_code: school_code.to_owned(),
    };
    let outgoing = Outgoing::new(
        app.ctx.ids.new_id(),
        "identity.student.registered.v1",
        student_id,
        &message,
    );
    Ok(outbox::publish(conn, outgoing).await?)
}

/// Failed sign-ins have locked an account.
///
/// # Errors
/// The database's.
pub(crate) async fn account_locked(
    app: &App,
    conn: &mut PgConnection,
    account_id: Uuid,
    until: OffsetDateTime,
) -> Result<(), Error> {
    let message = AccountLocked {
        account_id: account_id.to_string(),
        end_time: Some(timestamp(until)),
    };
    let outgoing = Outgoing::new(
        app.ctx.ids.new_id(),
        "identity.account.locked.v1",
        account_id,
        &message,
    );
    Ok(outbox::publish(conn, outgoing).await?)
}

/// Something of a student that waits for a decision of the school, or does no more.
pub(crate) struct Waiting<'a> {
    pub(crate) kind: review_changed::Kind,
    pub(crate) record_id: Uuid,
    /// Version of the record's row after the change.
    pub(crate) version: i32,
    /// Number of the submission that a decision must name; 0 where there is none.
    pub(crate) submission: u32,
    /// Who decides next; nobody when it waits no more.
    pub(crate) waits_for: Option<Part>,
    pub(crate) student: &'a StudentRow,
    pub(crate) since: OffsetDateTime,
    /// True when nothing is to be weighed.
    pub(crate) plain: bool,
    /// Accounts that may not decide.
    pub(crate) barred: Option<Uuid>,
}

/// Says that something waits, or does no more.
///
/// # Errors
/// The database's.
pub(crate) async fn review_changed(
    app: &App,
    conn: &mut PgConnection,
    waiting: Waiting<'_>,
) -> Result<(), Fault> {
    let student = waiting.student;
    let message = ReviewChanged {
        kind: waiting.kind.into(),
        record_id: waiting.record_id.to_string(),
        version: u32::try_from(waiting.version).unwrap_or_default(),
        submission: waiting.submission,
        waiting: waiting.waits_for.is_some(),
        school_code: student.school_code.clone(),
        department: student.department.clone(),
        class_name: student.class_name.clone(),
        student_id: student.id.to_string(),
        cohort: u32::try_from(student.cohort).unwrap_or_default(),
        level: match waiting.waits_for {
            Some(Part::Department) => 1,
            Some(Part::School | Part::Student) => 2,
            None => 0,
        },
        since: Some(timestamp(waiting.since)),
        plain: waiting.plain,
        barred: waiting.barred.iter().map(Uuid::to_string).collect(),
    };
    publish_review(app, conn, waiting.record_id, &message).await
}

/// Says that a request for help waits for the school's office, or does no more.
///
/// # Errors
/// The database's.
pub(crate) async fn help_changed(
    app: &App,
    conn: &mut PgConnection,
    row: &HelpRow,
    state: help::State,
) -> Result<(), Fault> {
    let waiting = state == help::State::Open;
    let message = ReviewChanged {
        kind: review_changed::Kind::Help.into(),
        record_id: row.id.to_string(),
        version: u32::try_from(row.version).unwrap_or_default(),
        waiting,
        school_code: row.school_code.clone(),
        level: if waiting { 2 } else { 0 },
        since: Some(timestamp(row.create_time)),
        ..ReviewChanged::default()
    };
    publish_review(app, conn, row.id, &message).await
}

async fn publish_review(
    app: &App,
    conn: &mut PgConnection,
    record_id: Uuid,
    message: &ReviewChanged,
) -> Result<(), Fault> {
    let key = "identity.review.changed.v1";
    outbox::publish(conn, Outgoing::new(app.ctx.ids.new_id(), key, record_id, message)).await
}
