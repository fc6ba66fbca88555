//! What this service holds about a person.

use std::sync::Arc;

use async_trait::async_trait;
use qihang_kit::{
    clock,
    status::Fault,
    subject::{Kind, Subject, Subjects},
};
use qihang_proto::subject::v1::Section;

use crate::{App, store::reads};

const READ: Kind = Kind {
    name: "push.announcements",
    title: "已读公告",
    purpose: "显示未读公告，统计公告送达情况",
    basis: "提供公告服务所必需",
    retention: "与账号同存，账号注销时删除",
    erasable: true,
};

/// The announcements that somebody has read.
pub(crate) struct Reads(pub(crate) Arc<App>);

#[async_trait]
impl Subjects for Reads {
    async fn sections(&self, subject: Subject) -> Result<Vec<Section>, Fault> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = reads::titles(&mut conn, subject.account_id).await?;
        let record = |(title, time)| vec![("公告", title), ("阅读时间", clock::local(time))];
        Ok(vec![READ.section(rows.into_iter().map(record))])
    }
}
