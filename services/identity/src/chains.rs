//! The hash chains that identity keeps, for `audit verify`.

use qihang_kit::history::{Chains, Report};
use sqlx::PgPool;

use crate::store;

/// The audit.
pub(crate) struct Audit;

/// The histories of students' records.
pub(crate) struct Records;

/// The histories of employers' onboarding.
pub(crate) struct Employers;

/// Everything is read at one instant, so that work under way does not look like a break.
async fn instant(pool: &PgPool) -> sqlx::Result<sqlx::Transaction<'static, sqlx::Postgres>> {
    pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await
}

#[async_trait::async_trait]
impl Chains for Audit {
    fn name(&self) -> &'static str {
        "identity.audit_events"
    }

    async fn verify(&self, pool: &PgPool) -> anyhow::Result<Report> {
        Ok(store::audit_chain::verify(&mut *instant(pool).await?).await?)
    }
}

#[async_trait::async_trait]
impl Chains for Records {
    fn name(&self) -> &'static str {
        "identity.origin_history"
    }

    async fn verify(&self, pool: &PgPool) -> anyhow::Result<Report> {
        Ok(store::history_check::origin(&mut *instant(pool).await?).await?)
    }
}

#[async_trait::async_trait]
impl Chains for Employers {
    fn name(&self) -> &'static str {
        "identity.employer_history"
    }

    async fn verify(&self, pool: &PgPool) -> anyhow::Result<Report> {
        Ok(store::history_check::employers(&mut *instant(pool).await?).await?)
    }
}
