//! Writes down what the clock has decided: offers that expired, amendments that timed out, wishes to cancel that lapsed.
//!
//! The guards of the commands judge by the same clock, so a late run never allows a late action.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use qihang_kit::{auth::Caller, tasks::Task};
use uuid::Uuid;

use crate::{
    App,
    act::{self, By, With},
    domain::agreement::Command,
    error::Error,
    store::{lists, reads},
};

/// Agreements of one portion.
const PORTION: i64 = 200;

/// The sweep.
pub(super) struct Deadlines(pub(super) Arc<App>);

#[async_trait]
impl Task for Deadlines {
    fn name(&self) -> &'static str {
        "deadlines"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(15)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let expired = lists::to_expire(&mut conn, PORTION).await?;
        let timed_out = lists::to_time_out(&mut conn, PORTION).await?;
        let lapsed = lists::to_lapse(&mut conn, PORTION).await?;
        reads::sweep(&mut conn).await?;
        drop(conn);
        let full = usize::try_from(PORTION).unwrap_or_default();
        let more = [&expired, &timed_out, &lapsed]
            .into_iter()
            .any(|ids| ids.len() == full);
        let mut done = 0usize;
        for (ids, command) in [
            (expired, Command::Expire),
            (timed_out, Command::AmendmentTimeout),
            (lapsed, Command::CancelLapse),
        ] {
            for id in ids {
                done += usize::from(self.write_down(id, command).await?);
            }
        }
        if done > 0 {
            self.0.ctx.outbox.wake();
        }
        // Without progress another round at once would spin.
        Ok(more && done > 0)
    }
}

impl Deadlines {
    /// One agreement in a transaction of its own; one that moved in the meantime is passed over.
    async fn write_down(&self, id: Uuid, command: Command) -> anyhow::Result<bool> {
        let caller = Caller::system();
        let by = By {
            principal: None,
            caller: &caller,
        };
        let mut transaction = self.0.ctx.pool.begin().await?;
        let mut record = match act::load(&mut transaction, id, &by).await {
            Ok(record) => record,
            Err(Error::NotFound) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        match act::apply(
            &self.0,
            &mut transaction,
            &mut record,
            command,
            &by,
            With::default(),
        )
        .await
        {
            Ok(()) => {
                transaction.commit().await?;
                Ok(true)
            }
            Err(Error::Refused(_) | Error::Stale(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
