//! Reading an offer, and accepting it when it was read for long enough.

use serde_json::{Value, json};

use super::super::{
    api::{Api, text},
    papers::acceptance,
};

/// A student who reads an offer.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The agreement.
    pub agreement: String,
    student: Api,
    acceptance: Value,
}

impl Reading {
    /// Opens the offer and begins to read it.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn begin(student: &Api, id: &str) -> anyhow::Result<Self> {
        let opened = student
            .post(&format!("/v1/agreements/{id}:open"), json!({}))
            .await?;
        let revision = opened.pointer("/revision").cloned().unwrap_or_default();
        let read = student
            .post(
                &format!("/v1/agreements/{id}/readTokens"),
                json!({ "revision": revision }),
            )
            .await?;
        Ok(Self {
            agreement: id.to_owned(),
            student: student.clone(),
            acceptance: acceptance(&revision, text(&read, "/token")),
        })
    }

    /// Accepts it.
    ///
    /// # Errors
    /// The refusal, `READ_TOKEN_EARLY` among them.
    pub async fn accept(&self) -> anyhow::Result<Value> {
        let path = format!("/v1/agreements/{}:accept", self.agreement);
        self.student.post(&path, self.acceptance.clone()).await
    }
}
