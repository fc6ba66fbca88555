//! After the school's approval the sealed PDF is made (`docs/decisions/0005-contracts-asks-for-its-documents.md`).

use std::sync::Arc;

use async_trait::async_trait;
use prost_types::Struct;
use qihang_kit::{
    auth::Caller,
    consume::{ConsumeError, Consumer, Delivery},
    db,
};
use qihang_proto::{documents::v1::IssueDocumentRequest, messages::v1::AgreementChanged};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    App, Error, certificate, paper, peers,
    scope::Scope,
    store::{
        agreements::{self, Record},
        history::{self, Step},
    },
};

/// Asks documents for the sealed agreement and keeps its id.
pub(super) struct IssueDocument(pub(super) Arc<App>);

#[async_trait]
impl Consumer for IssueDocument {
    fn name(&self) -> &'static str {
        "issue_document"
    }

    fn keys(&self) -> &'static [&'static str] {
        &["contracts.agreement.approved.v1"]
    }

    fn at_once(&self) -> usize {
        1
    }

    async fn consume(&self, conn: &mut PgConnection, delivery: &Delivery) -> Result<(), ConsumeError> {
        let app = &self.0;
        let message: AgreementChanged = delivery.decode()?;
        let id: Uuid = message
            .agreement_id
            .parse()
            .map_err(|_| reject("agreement_id is no id"))?;
        let record = agreements::find(&mut *conn, id, &Scope::system()).await?;
        let record = record.ok_or_else(|| reject("no such agreement"))?;
        let data = data(app, &mut *conn, &record).await?;
        let request = IssueDocumentRequest {
            // The same message asks for the same file, however often it comes.
            request_id: delivery.id.to_string(),
            template: record.template.clone(),
            data: Some(data),
            owner: format!("contracts.agreement/{id}"),
            file_name: format!("就业协议书-{}.pdf", record.serial.as_deref().unwrap_or_default()),
            reason: "学校审核通过".to_owned(),
            watermark: String::new(),
        };
        let issued = peers::issue(&app.ctx, request).await?;
        let file_id = issued.file_id.parse().map_err(|_| reject("file_id is no id"))?;
        Ok(keep(conn, id, file_id, &issued.sha256).await?)
    }
}

/// The two pages and the certificate behind them.
async fn data(app: &App, conn: &mut PgConnection, record: &Record) -> Result<Struct, Error> {
    let revision = record.rules.signed_revision;
    let mut data = paper::data(app, &mut *conn, record, revision).await?;
    let certificate = certificate::data(conn, record, revision).await?;
    data.fields.insert("certificate".to_owned(), certificate);
    Ok(data)
}

/// Keeps the file with the agreement, and the seal as a step of its history.
async fn keep(conn: &mut PgConnection, id: Uuid, file_id: Uuid, sha256: &str) -> Result<(), Error> {
    let record = agreements::lock(&mut *conn, id, &Scope::system())
        .await?
        .ok_or(Error::NotFound)?;
    let now = db::now(&mut *conn).await?;
    agreements::save_document(&mut *conn, id, file_id, sha256, now).await?;
    let state = record.rules.state.as_str();
    let caller = Caller::system();
    let step = Step {
        agreement_id: id,
        event: "seal".to_owned(),
        from_state: state.to_owned(),
        to_state: state.to_owned(),
        revision: record.rules.signed_revision,
        actor_role: "SYSTEM".to_owned(),
        actor_id: None,
        actor_name: "系统".to_owned(),
        address: String::new(),
        client: caller.client.as_str().to_owned(),
        reason: format!("SHA-256 {sha256}"),
        create_time: now,
    };
    history::append(conn, &step).await
}

fn reject(text: &'static str) -> ConsumeError {
    ConsumeError::Reject(anyhow::anyhow!(text))
}
