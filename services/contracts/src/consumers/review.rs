//! The school's queue follows what other services say of the records they keep.

use std::sync::Arc;

use async_trait::async_trait;
use qihang_kit::consume::{ConsumeError, Consumer, Delivery};
use qihang_proto::messages::v1::{ReviewChanged, review_changed::Kind};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{
    App, queue,
    store::queue::{Row, follow},
};

/// Follows identity's reviews.
pub(super) struct Reviews(pub(super) Arc<App>);

#[async_trait]
impl Consumer for Reviews {
    fn name(&self) -> &'static str {
        "reviews"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["identity.review.changed.v1"]
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        let message: ReviewChanged = delivery.decode()?;
        let row = row(&self.0, message)?;
        Ok(follow(conn, &row).await?)
    }
}

fn row(app: &App, message: ReviewChanged) -> Result<Row, ConsumeError> {
    let kind = message.kind();
    if kind == Kind::Unspecified || (message.waiting && !matches!(message.level, 1 | 2)) {
        return Err(reject("kind or level is none"));
    }
    let kind = kind.as_str_name().trim_start_matches("KIND_").to_owned();
    let since = moment(message.since.unwrap_or_default())?;
    let barred = message.barred.iter().map(|text| id(text));
    Ok(Row {
        id: app.ctx.ids.new_id(),
        record_id: id(&message.record_id)?,
        version: number(message.version)?,
        submission: number(message.submission)?,
        waiting: message.waiting,
        school_code: message.school_code,
        department: message.department,
        class_name: message.class_name,
        student_id: match message.student_id.as_str() {
            "" => None,
            text => Some(id(text)?),
        },
        cohort: number(message.cohort)?,
        level: i16::try_from(message.level).map_err(|_| reject("level is none"))?,
        since,
        due_time: queue::due(app, &kind, since),
        plain: message.plain,
        barred: barred.collect::<Result<_, _>>()?,
        claim_account: None,
        claim_name: String::new(),
        claim_until: None,
        kind,
    })
}

fn moment(time: prost_types::Timestamp) -> Result<OffsetDateTime, ConsumeError> {
    OffsetDateTime::from_unix_timestamp(time.seconds)
        .map(|whole| whole + Duration::nanoseconds(i64::from(time.nanos)))
        .map_err(|_| reject("since is no time"))
}

fn number(value: u32) -> Result<i32, ConsumeError> {
    i32::try_from(value).map_err(|_| reject("a number is too large"))
}

fn id(text: &str) -> Result<Uuid, ConsumeError> {
    text.parse().map_err(|_| reject("an id is none"))
}

fn reject(text: &'static str) -> ConsumeError {
    ConsumeError::Reject(anyhow::anyhow!(text))
}
