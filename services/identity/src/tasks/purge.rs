//! Deletes what is past its time: ended sessions, counters, audit events, refused registrations, tokens for forgotten passwords,
//! answered requests for help; lets go of old requests to join.

use std::{sync::Arc, time::Duration};

use qihang_kit::tasks::Task;

use crate::{App, store};

/// Rows of each kind in one go, so that no transaction is long.
const BATCH: i64 = 1000;

/// Deletes what is past its time.
pub(crate) struct Purge(pub(crate) Arc<App>);

#[async_trait::async_trait]
impl Task for Purge {
    fn name(&self) -> &'static str {
        "purge_accounts"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let sessions = store::sessions::purge(&mut transaction, BATCH).await?;
        let limits = store::limits::purge(&mut transaction, BATCH).await?;
        let days = app.config.limits_of_attempts.audit_days;
        let audit = store::audit_chain::purge(&mut transaction, days, BATCH).await?;
        let cases = store::audit::purge_cases(&mut transaction, BATCH).await?;
        let requests = store::members::lapse_requests(&mut transaction, BATCH).await?;
        let resets = store::resets::purge(&mut transaction, BATCH).await?;
        let help = store::help::purge(&mut transaction, BATCH).await?;
        let head = store::audit_chain::head(&mut transaction).await?;
        transaction.commit().await?;
        // Whoever cuts the chain's end off and mends its head cannot do so in yesterday's logs.
        tracing::info!(sequence = head.sequence, hash = %hex::encode(&head.hash), "head of the audit");
        Ok([sessions, limits, audit, cases, requests, resets, help].contains(&BATCH.unsigned_abs()))
    }
}
