//! Forgets what an erased account has read.

use async_trait::async_trait;
use qihang_kit::consume::{ConsumeError, Consumer, Delivery};
use qihang_proto::messages::v1::AccountErased as Message;
use sqlx::PgConnection;

use crate::store::reads;

/// The consumer.
pub(crate) struct AccountErased;

#[async_trait]
impl Consumer for AccountErased {
    fn name(&self) -> &'static str {
        "push_account_erased"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["identity.account.erased.v1"]
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        let message: Message = delivery.decode()?;
        let account = message.account_id.parse();
        let account = account.map_err(|_| ConsumeError::Reject(anyhow::anyhow!("account_id is no id")))?;
        Ok(reads::forget(conn, account).await?)
    }
}
