//! Tells when an open offer is about to expire: 72, 24 and 2 hours before (SM-10).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use qihang_kit::{outbox, tasks::Task};

use crate::{App, messages, store::reminders};

/// Hours before the end.
const HOURS: [i32; 3] = [72, 24, 2];
/// Hours after the sending in which nobody has to be reminded: an offer that is valid for three days has just come.
const SETTLE: i32 = 24;
/// Offers of one portion.
const PORTION: i64 = 200;

/// The task.
pub(super) struct Reminders(pub(super) Arc<App>);

#[async_trait]
impl Task for Reminders {
    fn name(&self) -> &'static str {
        "reminders"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let mut transaction = self.0.ctx.pool.begin().await?;
        let due = reminders::claim(&mut transaction, &HOURS, SETTLE, PORTION).await?;
        for one in &due {
            outbox::publish(&mut transaction, messages::expiring(self.0.ctx.ids.new_id(), one)).await?;
        }
        transaction.commit().await?;
        if !due.is_empty() {
            self.0.ctx.outbox.wake();
        }
        Ok(due.len() == usize::try_from(PORTION).unwrap_or_default())
    }
}
