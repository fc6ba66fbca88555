//! A suspended employer's open offers are withdrawn (SM-15); what is signed stays.

use std::sync::Arc;

use async_trait::async_trait;
use qihang_kit::{
    auth::Caller,
    consume::{ConsumeError, Consumer, Delivery},
};
use qihang_proto::messages::v1::EmployerChanged;
use sqlx::PgConnection;

use crate::{
    App,
    act::{self, By, With},
    domain::agreement::Command,
    store::lists,
};

/// Withdraws the open offers of a suspended employer.
pub(super) struct Suspensions(pub(super) Arc<App>);

#[async_trait]
impl Consumer for Suspensions {
    fn name(&self) -> &'static str {
        "suspensions"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["identity.employer.suspended.v1"]
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        let message: EmployerChanged = delivery.decode()?;
        let employer = message.employer_id.parse();
        let employer = employer.map_err(|_| ConsumeError::Reject(anyhow::anyhow!("employer_id is no id")))?;
        let caller = Caller::system();
        let by = By {
            principal: None,
            caller: &caller,
        };
        let open = lists::open_of_employer(&mut *conn, employer).await?;
        for id in open {
            let mut record = act::load(&mut *conn, id, &by).await?;
            let with = With {
                reason: "用人单位已停用".to_owned(),
                ..With::default()
            };
            match act::apply(&self.0, &mut *conn, &mut record, Command::Suspend, &by, with).await {
                // Answered in the meantime: nothing is open any more.
                Ok(()) | Err(crate::Error::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
