//! The main job, step by step, through the HTTP API alone.

pub mod offices;
mod reading;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    api::{Api, Problem, text},
    factor,
    papers::{PAPER, profile, terms},
    people::{self, Student},
    roster::{self, COHORT},
};

pub use self::reading::Reading;

/// Password of everybody in the demonstration.
pub const PASSWORD: &str = "Songhua.River.88";
/// Longest wait for work in the background.
const PATIENCE: Duration = Duration::from_secs(180);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// What to walk.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Login of the province's administrator.
    pub login: String,
    /// Its password.
    pub password: String,
    /// Secret of its one-time codes, in base32.
    pub totp: String,
    /// Number of the run: another one has other people.
    pub run: u32,
    /// Code of the school.
    pub school_code: String,
    /// Students in the roster.
    pub students: u32,
}

/// A step that is done.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was done, for people.
    pub title: &'static str,
    /// What came of it.
    pub result: String,
    /// How long it took.
    pub took: Duration,
}

/// What the walk leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The student, signed in.
    pub student: Api,
    /// The employer, signed in.
    pub employer: Api,
    /// The school's staff, signed in.
    pub school: Api,
    /// The province's administrator, signed in.
    pub province: Api,
    /// Who the student is.
    pub person: Student,
    /// Logins for people who want to look around, with what they are.
    pub logins: Vec<(&'static str, String)>,
    /// Agreement's id.
    pub agreement: String,
    /// Its serial.
    pub serial: String,
    /// Its code.
    pub verify_code: String,
    /// The sealed document.
    pub pdf: Vec<u8>,
}

/// One walk under way.
struct Walk<'a, R> {
    plan: &'a Plan,
    nobody: Api,
    report: R,
    begun: Instant,
}

/// Walks from the roster to a sealed agreement that verifies; `report` hears of each step.
///
/// # Errors
/// The first refusal, with what was asked and the answer.
pub async fn walk(base: &str, plan: &Plan, report: impl FnMut(Step)) -> anyhow::Result<Outcome> {
    let mut walk = Walk {
        plan,
        nobody: Api::new(base)?.patient(),
        report,
        begun: Instant::now(),
    };
    let province = walk.province().await?;
    let (school, school_totp) = walk.school(&province).await?;
    walk.roster(&school).await?;
    let person = people::student(plan.run, 0);
    let student = walk.register(&person).await?;
    walk.origin(&student, &school).await?;
    let employer = walk.employer(&province).await?;
    let agreement = walk.offer(&employer, &person).await?;
    walk.accept(&student, &agreement).await?;
    let approved = walk.approve(&school, &agreement).await?;
    let pdf = walk.documents(&agreement, [&student, &employer, &school]).await?;
    let (serial, verify_code) = (
        text(&approved, "/serial").to_owned(),
        text(&approved, "/verifyCode").to_owned(),
    );
    walk.verify(&serial, &verify_code, &pdf).await?;
    Ok(Outcome {
        student,
        employer,
        school,
        province,
        logins: logins(plan, &person, &school_totp),
        person,
        agreement,
        serial,
        verify_code,
        pdf,
    })
}

fn logins(plan: &Plan, person: &Student, school_totp: &str) -> Vec<(&'static str, String)> {
    vec![
        ("省就业中心", staff_login(&plan.login, &plan.password, &plan.totp)),
        (
            "学校就业办",
            staff_login(&school_login(plan), PASSWORD, school_totp),
        ),
        ("用人单位", format!("{} / {PASSWORD}", employer_email(plan))),
        (
            "学生",
            format!("{} {} / {PASSWORD}", plan.school_code, person.number),
        ),
    ]
}

fn staff_login(login: &str, password: &str, secret: &str) -> String {
    format!("{login} / {password}\n      {}", factor::shown(login, secret))
}

fn school_login(plan: &Plan) -> String {
    format!("office.{}.{}", plan.school_code, plan.run)
}

fn employer_email(plan: &Plan) -> String {
    format!("hr{}@example.com", plan.run)
}

impl<R: FnMut(Step)> Walk<'_, R> {
    fn done(&mut self, title: &'static str, result: impl Into<String>) {
        let took = std::mem::replace(&mut self.begun, Instant::now()).elapsed();
        (self.report)(Step {
            title,
            result: result.into(),
            took,
        });
    }

    async fn province(&mut self) -> anyhow::Result<Api> {
        let plan = self.plan;
        let (reply, api) = factor::sign_in(&self.nobody, &plan.login, &plan.password, &plan.totp).await?;
        self.done("省就业中心登录", text(&reply, "/account/name"));
        Ok(api)
    }

    async fn school(&mut self, province: &Api) -> anyhow::Result<(Api, String)> {
        let wanted = json!({
            "role": "ROLE_SCHOOL", "login": school_login(self.plan), "name": "就业办", "schoolCode": self.plan.school_code,
        });
        let made = province.post("/v1/staff", wanted).await?;
        let token = text(&made, "/activationToken");
        let reply = self
            .nobody
            .post(
                "/v1/staff:activate",
                json!({ "activationToken": token, "password": PASSWORD }),
            )
            .await?;
        self.done("建立并激活学校账号", text(&reply, "/account/schoolName"));
        let enrolled = factor::enrol(&self.nobody.signed_in(&reply)?).await?;
        self.done("学校账号绑定动态验证码", "");
        Ok(enrolled)
    }

    async fn roster(&mut self, school: &Api) -> anyhow::Result<()> {
        let plan = self.plan;
        let (code, run, count) = (plan.school_code.clone(), plan.run, plan.students);
        let file = tokio::task::spawn_blocking(move || roster::xlsx(&code, run, count)).await??;
        self.done("生成生源名册", format!("{count} 人，{} KiB", file.len() / 1024));
        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        let id = school
            .upload("FILE_PURPOSE_ROSTER", "生源.xlsx", kind, file)
            .await?;
        self.done("上传名册", id.clone());
        for (dry_run, title) in [(true, "试导入"), (false, "导入")] {
            let body = json!({ "fileId": id, "dryRun": dry_run, "cohort": COHORT });
            let operation = school.post("/v1/roster:import", body).await?;
            let found = finished(school, text(&operation, "/id")).await?;
            let inserted = found
                .pointer("/inserted")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            ensure!(
                inserted == u64::from(count),
                "the roster was not taken in whole: {found}"
            );
            self.done(title, format!("新增 {inserted} 人"));
        }
        Ok(())
    }

    async fn register(&mut self, person: &Student) -> anyhow::Result<Api> {
        let who = json!({
            "schoolCode": self.plan.school_code, "studentNumber": person.number, "name": person.name,
            "identityNumber": person.identity,
        });
        let verified = self
            .nobody
            .post("/v1/registration:verify", self.nobody.with_captcha(who).await?)
            .await?;
        let credentials = json!({
            "ticket": text(&verified, "/ticket"), "mobile": person.mobile, "email": person.email, "password": PASSWORD,
        });
        self.nobody
            .post("/v1/registration:setCredentials", credentials)
            .await?;
        self.done("学生注册", text(&verified, "/nameMasked"));
        let login = json!({
            "schoolCode": self.plan.school_code, "studentNumber": person.number, "password": PASSWORD,
        });
        let reply = self
            .nobody
            .post(
                "/v1/sessions:loginStudent",
                self.nobody.with_captcha(login).await?,
            )
            .await?;
        self.done("学生登录", text(&reply, "/account/studentNumber"));
        self.nobody.signed_in(&reply)
    }

    async fn origin(&mut self, student: &Api, school: &Api) -> anyhow::Result<()> {
        let mine = student.get("/v1/roster/mine").await?;
        let own = json!({ "familyContact": "家长", "homeAddress": "黑龙江省哈尔滨市南岗区西大直街92号" });
        let sent = student
            .post(
                "/v1/roster/mine:submit",
                json!({ "own": own, "checked": true, "etag": text(&mine, "/etag") }),
            )
            .await?;
        self.done("学生核对生源信息并送审", text(&sent, "/state"));
        let path = format!("/v1/students/{}/origin:approve", text(&sent, "/id"));
        let approved = school
            .post(&path, json!({ "version": sent.pointer("/version") }))
            .await?;
        ensure!(
            text(&approved, "/state") == "ORIGIN_STATE_APPROVED",
            "not approved: {approved}"
        );
        self.done("学校审核生源信息", text(&approved, "/state"));
        Ok(())
    }

    async fn employer(&mut self, province: &Api) -> anyhow::Result<Api> {
        let run = self.plan.run;
        let wanted = json!({
            "name": format!("松江示例软件有限公司{run}"), "creditCode": people::credit_code(run), "contactName": "周经理",
            "mobile": format!("138{:08}", run % 100_000_000), "email": employer_email(self.plan), "password": PASSWORD,
        });
        let reply = self
            .nobody
            .post("/v1/employers:register", self.nobody.with_captcha(wanted).await?)
            .await?;
        let employer = self.nobody.signed_in(&reply)?;
        self.done("单位注册", text(&reply, "/employer/creditCode"));
        employer
            .patch("/v1/employer", json!({ "profile": profile() }))
            .await?;
        let mut papers = serde_json::Map::new();
        for (field, purpose) in [
            ("licenceFileId", "FILE_PURPOSE_EMPLOYER_LICENCE"),
            ("authorisationFileId", "FILE_PURPOSE_EMPLOYER_AUTHORISATION"),
            ("contactIdentityFileId", "FILE_PURPOSE_CONTACT_IDENTITY"),
        ] {
            let id = employer
                .upload(purpose, "证照.png", "image/png", PAPER.to_vec())
                .await?;
            papers.insert(field.to_owned(), json!(id));
        }
        let sent = employer
            .post("/v1/employer:submit", Value::Object(papers))
            .await?;
        self.done("单位提交证照送审", text(&sent, "/state"));
        let path = format!("/v1/employers/{}:approve", text(&sent, "/id"));
        let approved = province
            .post(
                &path,
                json!({ "submissionVersion": sent.pointer("/submissionVersion") }),
            )
            .await?;
        ensure!(
            text(&approved, "/state") == "STATE_APPROVED",
            "not approved: {approved}"
        );
        self.done("省就业中心审核单位", text(&approved, "/state"));
        Ok(employer)
    }

    async fn offer(&mut self, employer: &Api, person: &Student) -> anyhow::Result<String> {
        let offer = json!({
            "schoolCode": self.plan.school_code, "studentNumber": person.number, "studentName": person.name, "terms": terms(),
        });
        let drafted = patiently(async || employer.post("/v1/agreements", offer.clone()).await).await?;
        let id = text(&drafted, "/id").to_owned();
        let sent = employer
            .post(
                &format!("/v1/agreements/{id}:send"),
                json!({ "validDays": 7, "etag": text(&drafted, "/etag") }),
            )
            .await?;
        self.done("单位发出签约邀请", text(&sent, "/state"));
        Ok(id)
    }

    async fn accept(&mut self, student: &Api, id: &str) -> anyhow::Result<()> {
        let reading = Reading::begin(student, id).await?;
        let preview = student.download(&format!("/v1/agreements/{id}/pages/1")).await?;
        self.done(
            "学生打开协议并阅读",
            format!("预览图 {} KiB", preview.len() / 1024),
        );
        let accepted = patiently(async || reading.accept().await).await?;
        ensure!(
            text(&accepted, "/state") == "AGREEMENT_STATE_PENDING_REVIEW",
            "not accepted: {accepted}"
        );
        self.done("学生现在签约", text(&accepted, "/serial"));
        Ok(())
    }

    async fn approve(&mut self, school: &Api, id: &str) -> anyhow::Result<Value> {
        let claimed = school
            .post(&format!("/v1/agreements/{id}:claimReview"), json!({}))
            .await?;
        let approved = school
            .post(
                &format!("/v1/agreements/{id}:approve"),
                json!({ "revision": claimed.pointer("/revision"), "etag": text(&claimed, "/etag") }),
            )
            .await?;
        ensure!(
            text(&approved, "/state") == "AGREEMENT_STATE_EFFECTIVE",
            "not effective: {approved}"
        );
        self.done("学校审核协议", text(&approved, "/state"));
        Ok(approved)
    }

    async fn documents(&mut self, id: &str, parties: [&Api; 3]) -> anyhow::Result<Vec<u8>> {
        let path = format!("/v1/agreements/{id}/document");
        let mut documents = Vec::new();
        for party in parties {
            documents.push(patiently(async || party.download(&path).await).await?);
        }
        let first = documents.pop().context("nobody holds the document")?;
        ensure!(first.starts_with(b"%PDF-"), "the document is no PDF");
        ensure!(
            documents.iter().all(|document| *document == first),
            "the parties hold different documents"
        );
        self.done(
            "三方下载签章协议",
            format!("{} KiB，SHA-256 {:.16}…", first.len() / 1024, sha256(&first)),
        );
        Ok(first)
    }

    async fn verify(&mut self, serial: &str, code: &str, pdf: &[u8]) -> anyhow::Result<()> {
        let known = self
            .nobody
            .get(&format!("/v1/verifications/{serial}?code={code}"))
            .await?;
        ensure!(
            known.pointer("/genuine") == Some(&json!(true)),
            "not genuine by serial: {known}"
        );
        ensure!(
            text(&known, "/sha256") == sha256(pdf),
            "another document has the serial: {known}"
        );
        self.done("凭编号验证", text(&known, "/message"));
        let known = self.verify_file(pdf.to_vec()).await?;
        ensure!(
            known.pointer("/genuine") == Some(&json!(true)),
            "not genuine by file: {known}"
        );
        let mut changed = pdf.to_vec();
        if let Some(byte) = changed.get_mut(pdf.len() / 2) {
            *byte ^= 1;
        }
        let altered = self.verify_file(changed).await?;
        ensure!(
            altered.pointer("/genuine") != Some(&json!(true)),
            "an altered document passes for genuine"
        );
        self.done("凭文件验证，改动一个字节即被识破", text(&altered, "/message"));
        Ok(())
    }

    async fn verify_file(&self, bytes: Vec<u8>) -> anyhow::Result<Value> {
        let answer = self
            .nobody
            .send_bytes(
                Method::POST,
                "/v1/verifications:file",
                Some(("application/pdf", bytes)),
            )
            .await?;
        ensure!(
            answer.status.is_success(),
            "POST /v1/verifications:file answered {}",
            answer.json()
        );
        Ok(answer.json())
    }
}

/// Waits for the end of an import and gives its counts.
async fn finished(school: &Api, id: &str) -> anyhow::Result<Value> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let operation = school.get(&format!("/v1/roster/operations/{id}")).await?;
        if operation.pointer("/done") == Some(&json!(true)) {
            let error = text(&operation, "/error");
            if !error.is_empty() {
                let found = school
                    .get(&format!("/v1/roster/imports/{id}/errors?pageSize=5"))
                    .await?;
                bail!("the import failed: {error}: {found}");
            }
            return school.get(&format!("/v1/roster/imports/{id}")).await;
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("the import was not done in {} s", PATIENCE.as_secs())
}

/// Calls again while the refusal is one that passes by itself: messages between services take a moment, and a
/// student has to read for fifteen seconds.
async fn patiently<T>(call: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    const PASSING: [&str; 4] = [
        "READ_TOKEN_EARLY",
        "DOCUMENT_NOT_READY",
        "ORIGIN_NOT_APPROVED",
        "EMPLOYER_NOT_APPROVED",
    ];
    let begun = Instant::now();
    loop {
        match call().await {
            Err(error)
                if begun.elapsed() < PATIENCE
                    && error
                        .downcast_ref::<Problem>()
                        .is_some_and(|problem| PASSING.contains(&problem.code())) =>
            {
                tokio::time::sleep(LOOK).await;
            }
            outcome => return outcome,
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
