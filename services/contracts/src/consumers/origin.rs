//! Keeps whether a student's record is approved, for the pages' buttons.

use async_trait::async_trait;
use qihang_kit::consume::{ConsumeError, Consumer, Delivery};
use qihang_proto::messages::v1::OriginChanged;
use sqlx::PgConnection;

use crate::store::origins;

/// Follows identity's decisions on students' records.
pub(super) struct Origins;

#[async_trait]
impl Consumer for Origins {
    fn name(&self) -> &'static str {
        "origins"
    }

    fn keys(&self) -> &'static [&'static str] {
        &[
            "identity.origin.approved.v1",
            "identity.origin.returned.v1",
            "identity.origin.reopened.v1",
        ]
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        let message: OriginChanged = delivery.decode()?;
        let student = message.student_id.parse();
        let student = student.map_err(|_| ConsumeError::Reject(anyhow::anyhow!("student_id is no id")))?;
        let version = i32::try_from(message.version).unwrap_or(i32::MAX);
        Ok(origins::save(conn, student, version, message.approved).await?)
    }
}
