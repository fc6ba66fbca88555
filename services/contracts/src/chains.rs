//! The hash chains that contracts keeps, for `audit verify`.

use qihang_kit::history::{Chains, Report};
use sqlx::PgPool;

use crate::store::history;

/// The histories of agreements.
pub(crate) struct Agreements;

#[async_trait::async_trait]
impl Chains for Agreements {
    fn name(&self) -> &'static str {
        "contracts.history"
    }

    async fn verify(&self, pool: &PgPool) -> anyhow::Result<Report> {
        // One instant, so that work under way does not look like a break.
        let mut instant = pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .await?;
        Ok(history::verify(&mut instant).await?)
    }
}
