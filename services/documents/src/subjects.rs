//! What this service holds about a person.

use std::sync::Arc;

use async_trait::async_trait;
use qihang_kit::{
    clock,
    status::Fault,
    subject::{Kind, Subject, Subjects},
};
use qihang_proto::subject::v1::Section;

use crate::{
    App, Error,
    domain::purpose::Purpose,
    store::files::{self, OwnFile},
};

const FILES: Kind = Kind {
    name: "documents.files",
    title: "上传的文件",
    purpose: "证明材料、就业协议等业务办理",
    basis: "履行就业服务法定职责；就业佐证材料须存档",
    retention: "头像随账号删除；证明材料和协议自毕业起保存不少于 3 年",
    erasable: false,
};

/// Files of and about somebody.
pub(crate) struct Files(pub(crate) Arc<App>);

#[async_trait]
impl Subjects for Files {
    async fn sections(&self, subject: Subject) -> Result<Vec<Section>, Fault> {
        let mut conn = self.0.ctx.pool.acquire().await.map_err(Error::from)?;
        let rows = files::of_subject(&mut conn, subject.account_id, subject.student_id).await?;
        Ok(vec![FILES.section(rows.into_iter().map(record))])
    }
}

fn record(file: OwnFile) -> Vec<(&'static str, String)> {
    let purpose = Purpose::parse(&file.purpose).map_or("", Purpose::title);
    let size = file.size_bytes.map(|size| format!("{size} 字节"));
    vec![
        ("文件名", file.file_name),
        ("用途", purpose.to_owned()),
        ("大小", size.unwrap_or_default()),
        ("上传时间", clock::local(file.create_time)),
    ]
}
