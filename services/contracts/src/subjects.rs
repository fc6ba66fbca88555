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
    App, certificate,
    domain::agreement::State,
    error::Error,
    party,
    store::subjects::{self, OwnAgreement, OwnStep},
};

const AGREEMENTS: Kind = Kind {
    name: "contracts.agreements",
    title: "就业协议",
    purpose: "签订、审核、核验就业协议和办理解约",
    basis: "订立和履行合同所必需；高校毕业生就业管理的法定职责",
    retention: "自毕业起保存不少于 3 年，不随账号注销删除",
    erasable: false,
};

const STEPS: Kind = Kind {
    name: "contracts.steps",
    title: "签约操作记录",
    purpose: "证明协议的签署过程",
    basis: "电子签名法、网络安全法对操作记录留存的要求",
    retention: "与协议同存",
    erasable: false,
};

/// Agreements and what somebody did with them.
pub(crate) struct Agreements(pub(crate) Arc<App>);

#[async_trait]
impl Subjects for Agreements {
    async fn sections(&self, subject: Subject) -> Result<Vec<Section>, Fault> {
        let mut conn = self.0.ctx.pool.acquire().await.map_err(Error::from)?;
        let mut records = Vec::new();
        if let Some(student) = subject.student_id {
            for agreement in subjects::agreements(&mut conn, student).await? {
                records.push(self.agreement(agreement)?);
            }
        }
        let steps = subjects::steps(&mut conn, subject.account_id).await?;
        Ok(vec![
            AGREEMENTS.section(records),
            STEPS.section(steps.into_iter().map(step)),
        ])
    }
}

impl Agreements {
    fn agreement(&self, row: OwnAgreement) -> Result<Vec<(&'static str, String)>, Error> {
        let student = party::open(&self.0.sealer, row.id, &row.student_sealed)?;
        let state = State::parse(&row.state).map_or("", State::text);
        let terms = row.terms.0;
        Ok(vec![
            ("协议编号", row.serial.unwrap_or_default()),
            ("状态", state.to_owned()),
            ("用人单位", row.employer_name),
            ("工作岗位", terms.position),
            ("工作地点", terms.work_address),
            ("转正后月薪（元）", terms.salary.to_string()),
            ("报到期限", terms.report_by),
            ("协议中的姓名", student.name),
            ("协议中的证件号码", student.identity_number),
            ("协议中的手机", student.mobile),
            ("协议中的邮箱", student.email),
            ("协议中的家庭地址", student.home_address),
            ("收到时间", clock::local(row.create_time)),
            (
                "生效时间",
                row.effective_time.map(clock::local).unwrap_or_default(),
            ),
        ])
    }
}

fn step(row: OwnStep) -> Vec<(&'static str, String)> {
    vec![
        ("协议", row.agreement_id.to_string()),
        (
            "操作",
            certificate::words(&row.event).map_or(row.event, str::to_owned),
        ),
        ("时间", clock::local(row.create_time)),
        ("网络地址", row.address),
        ("说明", row.reason),
    ]
}
