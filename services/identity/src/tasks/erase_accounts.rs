//! Erases the accounts whose owners asked for it, on the day that they were told.

use std::{sync::Arc, time::Duration};

use qihang_kit::tasks::Task;

use crate::{App, erase};

/// The task.
pub(crate) struct EraseAccounts(pub(crate) Arc<App>);

#[async_trait::async_trait]
impl Task for EraseAccounts {
    fn name(&self) -> &'static str {
        "erase_accounts"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(300)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        Ok(erase::next(&self.0).await?)
    }
}
