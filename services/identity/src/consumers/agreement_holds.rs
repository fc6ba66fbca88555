//! Notes which students have an agreement in force: their records are not reopened.

use std::sync::Arc;

use async_trait::async_trait;
use qihang_kit::{
    consume::{ConsumeError, Consumer, Delivery},
    db,
};
use qihang_proto::messages::v1::AgreementChanged;
use sqlx::PgConnection;

use crate::{App, store};

/// States in which an agreement counts.
const HELD: [&str; 4] = [
    "PENDING_REVIEW",
    "AMEND_PENDING_STUDENT",
    "EFFECTIVE",
    "TERMINATING",
];

/// The consumer.
pub(crate) struct AgreementHolds;

impl AgreementHolds {
    /// The consumer, for the list of a service.
    pub(crate) fn shared(_: &Arc<App>) -> Arc<dyn Consumer> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Consumer for AgreementHolds {
    fn name(&self) -> &'static str {
        "agreement_holds"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["contracts.agreement.*.v1"]
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        let message: AgreementChanged = delivery.decode()?;
        let id = |text: &str| {
            text.parse()
                .map_err(|error| ConsumeError::Reject(anyhow::Error::new(error)))
        };
        let ids = (id(&message.agreement_id)?, id(&message.student_id)?);
        let held = HELD.contains(&message.to_state.as_str());
        let version = i32::try_from(message.version).unwrap_or(i32::MAX);
        let now = db::now(conn).await?;
        Ok(store::origin::note_agreement(conn, ids, held, version, now).await?)
    }
}
