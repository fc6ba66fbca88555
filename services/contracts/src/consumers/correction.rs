//! Notes on signed agreements that the student's record was corrected since.

use async_trait::async_trait;
use qihang_kit::consume::{ConsumeError, Consumer, Delivery};
use qihang_proto::messages::v1::OriginCorrected;
use sqlx::PgConnection;

use crate::store::corrections;

/// Follows the corrections that identity writes into records.
pub(super) struct Corrections;

#[async_trait]
impl Consumer for Corrections {
    fn name(&self) -> &'static str {
        "corrections"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["identity.origin.corrected.v1"]
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        let message: OriginCorrected = delivery.decode()?;
        let id = |text: &str| {
            text.parse()
                .map_err(|_| ConsumeError::Reject(anyhow::anyhow!("{text} is no id")))
        };
        let (student, correction) = (id(&message.student_id)?, id(&message.correction_id)?);
        Ok(corrections::note(conn, student, correction, &message.fields, delivery.time).await?)
    }
}
