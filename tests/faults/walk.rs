//! The main job for many students at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use qihang_standalone::demo::{
    api::text,
    papers::{acceptance, terms},
    people::{Student, student},
    walk::{PASSWORD, offices::Offices},
};
use qihang_tests::SCHOOL;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    client::{Client, Refusal},
    ledger::{History, Ledger},
};

/// Number of the run, which says who the people are.
pub(crate) const RUN: u32 = 51;
/// Age of a proof that is renewed; offers want one of ten minutes at most.
const PROOF: Duration = Duration::from_secs(300);
/// Tries of a decision when somebody was faster.
const TRIES: u32 = 8;

/// Those who wait for students, and the way to them.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) nobody: Client,
    pub(crate) school: Client,
    employers: Arc<Vec<Mutex<Employer>>>,
    pub(crate) ledger: Arc<Ledger>,
}

/// An employer, who has to prove who they are now and then.
struct Employer {
    client: Client,
    proven: Instant,
}

impl Employer {
    async fn proven(&mut self) -> anyhow::Result<Client> {
        if self.proven.elapsed() > PROOF {
            let reply = self
                .client
                .post("/v1/account:stepUp", json!({ "password": PASSWORD }))
                .await?;
            self.client = self.client.with_token(Some(text(&reply, "/tokens/accessToken")));
            self.proven = Instant::now();
        }
        Ok(self.client.clone())
    }
}

impl World {
    pub(crate) fn new(nobody: Client, offices: &Offices, ledger: Arc<Ledger>) -> Self {
        Self {
            school: nobody.with_token(offices.school.token()),
            employers: Arc::new(
                offices
                    .employers
                    .iter()
                    .map(|employer| {
                        Mutex::new(Employer {
                            client: nobody.with_token(employer.token()),
                            proven: Instant::now(),
                        })
                    })
                    .collect(),
            ),
            nobody,
            ledger,
        }
    }

    /// Registers a student of the roster and signs them in.
    pub(crate) async fn enter(&self, index: u32) -> anyhow::Result<Walker> {
        let person = student(RUN, index);
        let nobody = self.nobody.at_address(256 + index);
        let who = json!({
            "schoolCode": SCHOOL, "studentNumber": person.number, "name": person.name, "identityNumber": person.identity,
        });
        let verified = nobody.post_with_captcha("/v1/registration:verify", who).await?;
        let credentials = json!({
            "ticket": text(&verified, "/ticket"), "mobile": person.mobile, "email": person.email, "password": PASSWORD,
        });
        // A ticket is good for once: when the answer was lost, signing in shows whether it was done.
        match nobody.post("/v1/registration:setCredentials", credentials).await {
            Err(error) if !error.is::<Refusal>() => return Err(error),
            _ => {}
        }
        let login = json!({
            "schoolCode": SCHOOL, "studentNumber": person.number, "password": PASSWORD,
        });
        let reply = nobody
            .post_with_captcha("/v1/sessions:loginStudent", login)
            .await?;
        let employer = self
            .employers
            .get(index as usize % self.employers.len().max(1))
            .context("there is no employer")?;
        let employer = employer.lock().await.proven().await?;
        Ok(Walker {
            student: nobody.with_token(Some(text(&reply, "/tokens/accessToken"))),
            employer,
            world: self.clone(),
            person,
        })
    }
}

/// An offer that is being read; who has read it long enough may accept it.
pub(crate) struct Read {
    pub(crate) id: String,
    revision: Value,
    token: String,
}

/// One student on the way.
#[derive(Clone)]
pub(crate) struct Walker {
    world: World,
    person: Student,
    student: Client,
    employer: Client,
}

impl Walker {
    /// Walks from the record to the sealed agreement.
    pub(crate) async fn walk(&self) -> anyhow::Result<()> {
        self.origin().await?;
        let id = self.offer().await?;
        let read = self.read(&id).await?;
        self.accept(&read).await?;
        self.approve(&id).await?;
        self.sealed(&id).await
    }

    fn note(&self, history: History, id: &str, event: &'static str) -> anyhow::Result<()> {
        self.world.ledger.note(history, id.parse::<Uuid>()?, event);
        Ok(())
    }

    pub(crate) async fn origin(&self) -> anyhow::Result<()> {
        let mine = self.student.get("/v1/roster/mine").await?;
        let own = json!({ "familyContact": "家长", "homeAddress": "黑龙江省哈尔滨市南岗区西大直街92号" });
        let submit = json!({ "own": own, "checked": true, "etag": text(&mine, "/etag") });
        let sent = self.student.post("/v1/roster/mine:submit", submit).await?;
        let id = text(&sent, "/id");
        self.note(History::Origin, id, "submit")?;
        let path = format!("/v1/students/{id}/origin:approve");
        let version = json!({ "version": sent.pointer("/version") });
        self.world.school.post(&path, version).await?;
        self.note(History::Origin, id, "approve")
    }

    pub(crate) async fn offer(&self) -> anyhow::Result<String> {
        let offer = json!({
            "schoolCode": SCHOOL, "studentNumber": self.person.number, "studentName": self.person.name, "terms": terms(),
        });
        let drafted = self.employer.post("/v1/agreements", offer).await?;
        let id = text(&drafted, "/id").to_owned();
        self.note(History::Agreement, &id, "draft")?;
        let send = json!({ "validDays": 7, "etag": text(&drafted, "/etag") });
        self.employer
            .post(&format!("/v1/agreements/{id}:send"), send)
            .await?;
        self.note(History::Agreement, &id, "send")?;
        Ok(id)
    }

    /// Opens the offer and begins to read it.
    pub(crate) async fn read(&self, id: &str) -> anyhow::Result<Read> {
        let opened = self
            .student
            .post(&format!("/v1/agreements/{id}:open"), json!({}))
            .await?;
        let revision = opened.pointer("/revision").cloned().unwrap_or_default();
        let read = self
            .student
            .post(
                &format!("/v1/agreements/{id}/readTokens"),
                json!({ "revision": revision }),
            )
            .await?;
        Ok(Read {
            id: id.to_owned(),
            token: text(&read, "/token").to_owned(),
            revision,
        })
    }

    pub(crate) async fn accept(&self, read: &Read) -> anyhow::Result<()> {
        let id = &read.id;
        self.student
            .post(
                &format!("/v1/agreements/{id}:accept"),
                acceptance(&read.revision, &read.token),
            )
            .await?;
        self.note(History::Agreement, id, "accept")
    }

    /// The school's staff claims and approves; when somebody was faster, it looks again.
    pub(crate) async fn approve(&self, id: &str) -> anyhow::Result<()> {
        let school = &self.world.school;
        for _ in 0..TRIES {
            let claimed = school
                .post(&format!("/v1/agreements/{id}:claimReview"), json!({}))
                .await?;
            let decision =
                json!({ "revision": claimed.pointer("/revision"), "etag": text(&claimed, "/etag") });
            match school
                .post(&format!("/v1/agreements/{id}:approve"), decision)
                .await
            {
                Err(error)
                    if error
                        .downcast_ref::<Refusal>()
                        .is_some_and(|refusal| refusal.status == 412) => {}
                outcome => {
                    outcome?;
                    return self.note(History::Agreement, id, "approve");
                }
            }
        }
        anyhow::bail!("{id}: somebody was always faster")
    }

    /// Looks at the own record.
    pub(crate) async fn look(&self) -> anyhow::Result<()> {
        self.student.get("/v1/roster/mine").await.map(drop)
    }

    /// One look: the status and how long it took.
    pub(crate) async fn try_look(&self) -> (u16, Duration) {
        self.student.status("/v1/roster/mine", None).await
    }

    /// One look at a page: the status and how long it took.
    pub(crate) async fn try_get(&self, path: &str) -> (u16, Duration) {
        self.student.status(path, None).await
    }

    /// One try of a download: the status and how long it took.
    pub(crate) async fn try_download(&self, id: &str) -> (u16, Duration) {
        let path = format!("/v1/agreements/{id}/document");
        self.student.status(&path, None).await
    }

    pub(crate) async fn sealed(&self, id: &str) -> anyhow::Result<()> {
        let document = self.student.get(&format!("/v1/agreements/{id}/document")).await?;
        anyhow::ensure!(
            document.pointer("/pdf") == Some(&Value::Bool(true)),
            "no PDF: {document}"
        );
        self.note(History::Agreement, id, "seal")
    }
}
