//! What identity holds about a person, in the person's words.

use std::sync::Arc;

use async_trait::async_trait;
use qihang_kit::{
    auth::ClientKind,
    clock, codes,
    status::Fault,
    subject::{Kind, Subject, Subjects},
};
use qihang_proto::subject::v1::Section;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    App,
    domain::{
        audit_titles, correction,
        correction_fields::{self, Fields},
        locked_fields::{Details, Locked},
        privacy::Level,
    },
    rpc::profile_view::Contacts,
    sealing::{self, Kind as SealedKind},
    store::{accounts, audit_list, directory, profiles, subjects},
};

/// Events of the audit in one export.
const MOST_EVENTS: i64 = 1000;

const ACCOUNT: Kind = Kind {
    name: "identity.account",
    title: "账号",
    purpose: "登录、通知和联系",
    basis: "提供就业服务所必需",
    retention: "与账号同存，账号注销时删除",
    erasable: true,
};

const RECORD: Kind = Kind {
    name: "identity.record",
    title: "生源信息",
    purpose: "核对生源、签订协议、登记毕业去向",
    basis: "高校毕业生就业管理的法定职责；由学校提供",
    retention: "由学校随学籍和就业档案保存，不随账号注销删除；有误可申请纠错",
    erasable: false,
};

const CORRECTIONS: Kind = Kind {
    name: "identity.corrections",
    title: "信息纠错申请",
    purpose: "更正生源信息",
    basis: "个人信息保护法第四十六条",
    retention: "与生源信息同存",
    erasable: false,
};

const PRIVACY: Kind = Kind {
    name: "identity.privacy",
    title: "隐私设置和屏蔽的单位",
    purpose: "按您的意愿限制谁能看到您的信息",
    basis: "您的同意",
    retention: "与账号同存，账号注销时删除",
    erasable: true,
};

const SESSIONS: Kind = Kind {
    name: "identity.sessions",
    title: "登录设备",
    purpose: "保持登录，保护账号安全",
    basis: "保障账号安全所必需",
    retention: "登录结束后保存一段时间；账号注销时删除",
    erasable: true,
};

const AUDIT: Kind = Kind {
    name: "identity.audit",
    title: "操作和访问记录（最近 1000 条）",
    purpose: "查明谁在何时查看、更改过您的信息",
    basis: "网络安全法第二十一条",
    retention: "不少于 6 个月，到期自动删除",
    erasable: false,
};

/// The code tables of fields that hold codes.
const CODED: [(&str, &str); 8] = [
    ("genderCode", "gender"),
    ("ethnicCode", "ethnic"),
    ("politicalCode", "political"),
    ("educationCode", "education_moe"),
    ("trainingModeCode", "training_mode"),
    ("normalStudentCode", "normal_student"),
    ("hardshipCode", "hardship"),
    ("originRegionCode", "region_gbt2260"),
];

/// Persons.
pub(crate) struct Persons(pub(crate) Arc<App>);

#[async_trait]
impl Subjects for Persons {
    async fn sections(&self, subject: Subject) -> Result<Vec<Section>, Fault> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        let mut sections = vec![self.account(&mut conn, subject.account_id).await?];
        if let Some(student) = subject.student_id {
            sections.push(self.record(&mut conn, student).await?);
            sections.push(corrections(&mut conn, student).await?);
            sections.push(privacy(&mut conn, student).await?);
        }
        sections.push(sessions(&mut conn, subject.account_id).await?);
        sections.push(audit(&mut conn, subject).await?);
        Ok(sections)
    }
}

impl Persons {
    async fn account(&self, conn: &mut PgConnection, id: Uuid) -> Result<Section, Fault> {
        let Some(row) = accounts::get(conn, id).await? else {
            return Ok(ACCOUNT.section([]));
        };
        let contacts = Contacts::open(&row, &self.0.sealer)?;
        let profile = profiles::get(conn, id).await?;
        let portrait = profile.avatar_file_id.map(|_| "已设置".to_owned());
        Ok(ACCOUNT.section([vec![
            ("登录名", row.login.unwrap_or_default()),
            ("姓名", row.name),
            ("学号", row.student_number.unwrap_or_default()),
            ("学校", row.school_name.unwrap_or_default()),
            ("单位", row.employer_name.unwrap_or_default()),
            ("手机", contacts.mobile),
            ("邮箱", contacts.email),
            ("职务", profile.title),
            ("办公电话", profile.office_phone),
            ("头像", portrait.unwrap_or_default()),
            ("注册时间", clock::local(row.create_time)),
            (
                "最近登录",
                row.last_login_time.map(clock::local).unwrap_or_default(),
            ),
        ]]))
    }

    async fn record(&self, conn: &mut PgConnection, student: Uuid) -> Result<Section, Fault> {
        let rows = directory::students(conn, &[student]).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(RECORD.section([]));
        };
        let sealer = &self.0.sealer;
        let fields = Fields {
            own: sealing::open(sealer, SealedKind::Own, row.id, &row.own_sealed)?,
            locked: Locked {
                identity_number: sealing::open(sealer, SealedKind::Identity, row.id, &row.identity_sealed)?,
                student_number: row.student_number,
                cohort: row.cohort,
                name: row.name,
                department: row.department,
                class_name: row.class_name,
                details: Details::clone(&row.locked),
            },
        };
        let field = |name: &'static str| (correction_fields::title(name), words(name, fields.value(name)));
        let year = ("毕业年份", row.cohort.to_string());
        let record = correction_fields::names().map(field).chain([year]).collect();
        Ok(RECORD.section([record]))
    }
}

/// A value with its meaning, when it is a code.
fn words(name: &str, value: String) -> String {
    let table = CODED.iter().find(|(field, _)| *field == name);
    match table.and_then(|(_, table)| codes::name(table, &value)) {
        Some(meaning) => format!("{meaning}（{value}）"),
        None => value,
    }
}

async fn corrections(conn: &mut PgConnection, student: Uuid) -> Result<Section, Fault> {
    let rows = subjects::corrections(conn, student).await?;
    let record = |row: subjects::OwnCorrection| {
        let titles: Vec<&str> = row
            .fields
            .iter()
            .map(|field| correction_fields::title(field))
            .collect();
        vec![
            ("项目", titles.join("、")),
            (
                "状态",
                correction::State::parse(&row.state)
                    .map_or("", correction::State::title)
                    .to_owned(),
            ),
            ("不通过的原因", row.reject_reason),
            ("申请时间", clock::local(row.create_time)),
        ]
    };
    Ok(CORRECTIONS.section(rows.into_iter().map(record)))
}

async fn privacy(conn: &mut PgConnection, student: Uuid) -> Result<Section, Fault> {
    let yes = |shown: bool| if shown { "是" } else { "否" }.to_owned();
    let settings = profiles::privacy(conn, student).await?;
    let settings = settings.map(|row| {
        vec![
            ("简历公开范围", level(&row.level).to_owned()),
            ("显示手机", yes(row.mobile_shown)),
            ("显示已读", yes(row.read_marks)),
            ("显示已签约", yes(row.signed_shown)),
        ]
    });
    let blocked = profiles::blocked(conn, student).await?;
    let blocked = blocked.into_iter().map(|row| {
        vec![
            ("屏蔽的单位", row.name),
            ("屏蔽时间", clock::local(row.create_time)),
        ]
    });
    Ok(PRIVACY.section(settings.into_iter().chain(blocked)))
}

async fn sessions(conn: &mut PgConnection, account: Uuid) -> Result<Section, Fault> {
    let rows = subjects::sessions(conn, account).await?;
    let record = |row: subjects::OwnSession| {
        vec![
            ("设备", ClientKind::parse(&row.client).title().to_owned()),
            ("网络地址", row.address),
            ("登录时间", clock::local(row.create_time)),
            ("最近使用", clock::local(row.refresh_time)),
            ("结束时间", row.end_time.map(clock::local).unwrap_or_default()),
        ]
    };
    Ok(SESSIONS.section(rows.into_iter().map(record)))
}

async fn audit(conn: &mut PgConnection, subject: Subject) -> Result<Section, Fault> {
    let rows = audit_list::list_own(conn, subject.account_id, subject.student_id, None, MOST_EVENTS).await?;
    let record = |row: audit_list::EventRow| {
        let own = row.actor_id.is_none_or(|actor| actor == subject.account_id);
        let who = if own {
            "本人".to_owned()
        } else {
            row.actor_name.unwrap_or_default()
        };
        vec![
            ("操作", audit_titles::title(&row.event).to_owned()),
            (
                "结果",
                if row.outcome == "DONE" {
                    "成功"
                } else {
                    "被拒绝"
                }
                .to_owned(),
            ),
            ("操作人", who),
            ("原因", row.reason),
            ("网络地址", if own { row.address } else { String::new() }),
            ("时间", clock::local(row.create_time)),
        ]
    };
    Ok(AUDIT.section(rows.into_iter().map(record)))
}

/// A level of privacy in words.
fn level(text: &str) -> &'static str {
    match Level::parse(text) {
        Some(Level::AdmittedEmployers) => "公开给认证单位",
        Some(Level::OwnEmployers) => "仅投递和受邀单位",
        Some(Level::Nobody) => "不公开",
        None => "",
    }
}
