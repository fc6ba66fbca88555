//! Gives up the portrait of an erased account; the sweep deletes it within a day.

use async_trait::async_trait;
use qihang_kit::{
    consume::{ConsumeError, Consumer, Delivery},
    status::Fault,
};
use qihang_proto::messages::v1::AccountErased as Message;
use sqlx::PgConnection;

use crate::store::files;

/// The consumer.
pub(crate) struct AccountErased;

#[async_trait]
impl Consumer for AccountErased {
    fn name(&self) -> &'static str {
        "documents_account_erased"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["identity.account.erased.v1"]
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        let message: Message = delivery.decode()?;
        let account: uuid::Uuid = message
            .account_id
            .parse()
            .map_err(|_| ConsumeError::Reject(anyhow::anyhow!("account_id is no id")))?;
        files::give_up(conn, &format!("identity.avatar/{account}"))
            .await
            .map_err(Fault::from)?;
        Ok(())
    }
}
