//! Keeps the code tables of this process up to date: other replicas publish changes, and days begin.

use std::{sync::Arc, time::Duration};

use qihang_kit::tasks::Task;

use crate::{App, dictionaries};

/// The task.
pub(crate) struct RefreshCodes(pub(crate) Arc<App>);

#[async_trait::async_trait]
impl Task for RefreshCodes {
    fn name(&self) -> &'static str {
        "refresh_codes"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        dictionaries::refresh(&self.0).await?;
        Ok(false)
    }
}
