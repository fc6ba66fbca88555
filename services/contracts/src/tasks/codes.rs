//! Keeps the code tables of this process up to date with what the province has published.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use qihang_kit::{codes, tasks::Task};

use crate::{App, peers};

/// The task.
pub(super) struct Codes(pub(super) Arc<App>);

#[async_trait]
impl Task for Codes {
    fn name(&self) -> &'static str {
        "codes"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        // While identity is away the tables stay as they are: a code that was good a minute ago still is.
        if let Ok(changes) = peers::code_changes(&self.0.ctx).await
            && codes::install(&changes)
        {
            tracing::info!(changes = changes.len(), "code tables changed");
        }
        Ok(false)
    }
}
