//! Links committed audit events into their chain, so that requests do not wait for one another at its head.

use std::{sync::Arc, time::Duration};

use qihang_kit::tasks::Task;

use crate::{App, store};

/// Events of one go.
const BATCH: i64 = 500;

/// Links audit events.
pub(crate) struct LinkAudit(pub(crate) Arc<App>);

#[async_trait::async_trait]
impl Task for LinkAudit {
    fn name(&self) -> &'static str {
        "link_audit"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let linked = store::audit_chain::link(&mut transaction, BATCH).await?;
        transaction.commit().await?;
        Ok(i64::try_from(linked)? == BATCH)
    }
}
