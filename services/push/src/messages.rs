//! What push publishes.
//!
//! | key | when |
//! | --- | --- |
//! | `push.announcement.published.v1` | an announcement is published |

use qihang_kit::outbox::{self, Outgoing};
use qihang_proto::messages::v1::AnnouncementPublished;
use sqlx::PgConnection;

use crate::{App, error::Error, store::announcements::Row, view::timestamp};

/// An announcement is published.
///
/// # Errors
/// The database's.
pub(crate) async fn published(app: &App, conn: &mut PgConnection, row: &Row) -> Result<(), Error> {
    let message = AnnouncementPublished {
        announcement_id: row.id.to_string(),
        school_code: row.school_code.clone(),
        public: row.content.public,
        publish_time: row.publish_time.map(timestamp),
    };
    let outgoing = Outgoing::new(
        app.ctx.ids.new_id(),
        "push.announcement.published.v1",
        row.id,
        &message,
    );
    Ok(outbox::publish(conn, outgoing).await?)
}
