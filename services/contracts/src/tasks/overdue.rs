//! Reminds reviewers once a day of what waits too long (CT-46).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use qihang_kit::{outbox, tasks::Task};

use crate::{App, messages, store::overdue};

/// The task.
pub(super) struct OverdueReviews(pub(super) Arc<App>);

#[async_trait]
impl Task for OverdueReviews {
    fn name(&self) -> &'static str {
        "overdue_reviews"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(600)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let app = &self.0;
        let mut transaction = app.ctx.pool.begin().await?;
        let due = overdue::claim(&mut transaction).await?;
        let whose = |one: &overdue::Overdue, other: &overdue::Overdue| {
            (&one.school_code, &one.department, one.level)
                == (&other.school_code, &other.department, other.level)
        };
        for group in due.chunk_by(whose) {
            if let Some(message) = messages::overdue(app.ctx.ids.new_id(), group) {
                outbox::publish(&mut transaction, message).await?;
            }
        }
        transaction.commit().await?;
        if !due.is_empty() {
            app.ctx.outbox.wake();
        }
        Ok(false)
    }
}
