//! Changes the signing keys when it is time.

use std::{sync::Arc, time::Duration};

use qihang_kit::tasks::Task;

use crate::{App, keys};

/// Looks after the signing keys.
pub(crate) struct RotateKeys(pub(crate) Arc<App>);

#[async_trait::async_trait]
impl Task for RotateKeys {
    fn name(&self) -> &'static str {
        "rotate_keys"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        keys::rotate(&self.0).await?;
        Ok(false)
    }
}
