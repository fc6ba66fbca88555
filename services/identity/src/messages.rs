//! What identity publishes.
//!
//! | key | when |
//! | --- | --- |
//! | `identity.student.registered.v1` | a student's account became active |
//!
//! What the roster, its review and the employers publish is with their handlers.

use qihang_kit::outbox::{self, Outgoing};
use qihang_proto::messages::v1::StudentRegistered;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{App, error::Error};

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
