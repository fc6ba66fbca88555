//! Writes down that scheduled announcements are published, and tells others. Who looks sees them from their time on anyway.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use qihang_kit::{auth::Caller, db, tasks::Task};

use crate::{
    App,
    domain::announcement::State,
    messages,
    store::{
        announcements,
        history::{self, By, Step},
    },
};

/// Announcements of one portion.
const PORTION: i64 = 50;

/// The task.
pub(crate) struct Publish(pub(crate) Arc<App>);

#[async_trait]
impl Task for Publish {
    fn name(&self) -> &'static str {
        "publish"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(20)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let Self(app) = self;
        let caller = Caller::system();
        let by = By {
            principal: None,
            caller: &caller,
        };
        let mut transaction = app.ctx.pool.begin().await?;
        let now = db::now(&mut transaction).await?;
        let due = announcements::due(&mut transaction, PORTION).await?;
        let more = due.len() == usize::try_from(PORTION).unwrap_or_default();
        for mut row in due {
            row.state = State::Published;
            announcements::save(&mut transaction, &row).await?;
            let step = Step::new(&row, "published", Some(State::Scheduled), (by, now));
            history::append(&mut transaction, &step).await?;
            messages::published(app, &mut transaction, &row).await?;
        }
        transaction.commit().await?;
        app.ctx.outbox.wake();
        Ok(more)
    }
}
