//! MyDataService: what the suite holds about the caller, and erasing the account.

use std::{sync::Arc, time::Duration};

use prost_types::{ListValue, Struct, Value, value::Kind};
use qihang_kit::{
    auth::{self, Caller, Principal},
    client::ServiceChannel,
    clock, db,
    download::{Pieces, pieces},
    status::Fault,
};
use qihang_proto::{
    documents::v1::{RenderFormat, RenderRequest, render_service_client::RenderServiceClient},
    identity::v1::{
        Erasure, ExportMyDataRequest, GetErasureRequest, ListMyDataRequest, ListMyDataResponse, MyDataKind,
        RequestErasureRequest, WithdrawErasureRequest, erasure, export_my_data_request::Format,
        my_data_service_server,
    },
    subject::v1::{
        GetSubjectDataRequest, Record, Section, subject_data_service_client::SubjectDataServiceClient,
    },
};
use time::Duration as Days;
use tonic::{Code, Request, Response, Status};

use crate::{
    App,
    domain::erasure::State,
    erase,
    error::Error,
    limits::Limit,
    purpose,
    rpc::person::timestamp,
    store::{
        audit::{self, Event},
        erasures,
    },
};

/// Longest that a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest drawing taken from documents.
const MAX_REPLY: usize = 16 * 1024 * 1024;
/// The template of the file for people.
const TEMPLATE: &str = "my-data-2026";

/// Shows the caller's own data.
pub(crate) struct MyDataService(pub(crate) Arc<App>);

impl MyDataService {
    /// What every service holds, asked at the same time; all or nothing.
    async fn sections(&self, principal: &Principal) -> Result<Vec<Section>, Error> {
        let channels = &self.0.ctx.channels;
        let request = GetSubjectDataRequest {
            account_id: principal.account_id.to_string(),
            student_id: principal.student_id.map(|id| id.to_string()).unwrap_or_default(),
        };
        let ask = |name: String| {
            let request = request.clone();
            async move { ask(channels.get(&name), request).await }
        };
        let answers = futures::future::try_join_all(channels.names().into_iter().map(ask)).await?;
        Ok(answers.into_iter().flatten().collect())
    }

    async fn export(
        &self,
        request: &ExportMyDataRequest,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<Pieces, Error> {
        let Self(app) = self;
        let account = principal.account_id;
        let limit = Limit {
            bucket: "data_export",
            reason: "EXPORT_LIMITED",
            max: app.config.erasure.exports_per_day,
            window: Days::days(1),
        };
        let subject = app.sealer.blind_index(purpose::EXPORT, &account.to_string());
        let sections = self.sections(principal).await?;
        let mut transaction = app.ctx.pool.begin().await?;
        limit.check(&mut transaction, &subject).await?;
        limit.count(&mut transaction, &subject).await?;
        let event = Event::of("account.export", account);
        audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
        let now = clock::local(db::now(&mut transaction).await?);
        transaction.commit().await?;
        let (bytes, content_type, name) = match request.format() {
            Format::Pdf => (
                self.pdf(&sections, &now).await?,
                "application/pdf",
                "我的数据.pdf",
            ),
            Format::Json | Format::Unspecified => {
                (json(&sections, &now)?, "application/json", "我的数据.json")
            }
        };
        Ok(pieces(content_type, name, bytes))
    }

    async fn pdf(&self, sections: &[Section], now: &str) -> Result<Vec<u8>, Error> {
        let data = Struct {
            fields: [
                ("time".to_owned(), text(now)),
                (
                    "sections".to_owned(),
                    list(sections.iter().map(section_value).collect()),
                ),
            ]
            .into(),
        };
        let request = RenderRequest {
            template: TEMPLATE.to_owned(),
            data: Some(data),
            format: RenderFormat::Pdf.into(),
            watermark: String::new(),
        };
        let mut client = RenderServiceClient::new(self.0.ctx.channels.get("documents"))
            .max_decoding_message_size(MAX_REPLY)
            .max_encoding_message_size(MAX_REPLY);
        match client.render(request).await {
            Ok(reply) => Ok(reply.into_inner().pages.concat()),
            Err(status) if status.code() == Code::InvalidArgument => Err(Fault::precondition(
                "EXPORT_TOO_LARGE",
                "数据较多，无法生成 PDF，请选择 JSON 格式",
            )
            .into()),
            Err(status) => Err(incomplete(&status).into()),
        }
    }

    async fn erasure(&self, principal: &Principal) -> Result<Erasure, Error> {
        let mut transaction = self.0.ctx.pool.begin().await?;
        let blocked = erase::blocked(&mut transaction, principal.account_id).await?;
        let row = erasures::newest(&mut transaction, principal.account_id).await?;
        let state = row.as_ref().and_then(|row| State::parse(&row.state));
        let (state, due) = match state {
            Some(State::Waiting) => (erasure::State::Waiting, row.as_ref().map(|row| row.due_time)),
            Some(State::Withdrawn) => (erasure::State::Withdrawn, None),
            Some(State::Done) | None => (erasure::State::Unspecified, None),
        };
        Ok(Erasure {
            state: state.into(),
            create_time: row.map(|row| timestamp(row.create_time)),
            due_time: due.map(timestamp),
            blocked: blocked.to_owned(),
        })
    }
}

async fn ask(channel: ServiceChannel, request: GetSubjectDataRequest) -> Result<Vec<Section>, Fault> {
    let mut client = SubjectDataServiceClient::new(channel).max_decoding_message_size(MAX_REPLY);
    match tokio::time::timeout(PATIENCE, client.get_subject_data(request)).await {
        Ok(Ok(reply)) => Ok(reply.into_inner().sections),
        Ok(Err(status)) => Err(incomplete(&status)),
        Err(_) => Err(incomplete(&Status::deadline_exceeded(""))),
    }
}

/// A part of the data would be missing.
fn incomplete(status: &Status) -> Fault {
    tracing::warn!(code = ?status.code(), "a service did not say what it holds about a person");
    Fault::unavailable(
        "DATA_INCOMPLETE",
        "部分服务暂时没有响应，为保证数据完整，请稍后再试",
    )
}

fn json(sections: &[Section], now: &str) -> Result<Vec<u8>, Fault> {
    let record = |record: &Record| -> serde_json::Map<String, serde_json::Value> {
        let fields = record.fields.iter();
        fields
            .map(|field| (field.title.clone(), field.value.clone().into()))
            .collect()
    };
    let section = |section: &Section| {
        serde_json::json!({
            "name": section.name,
            "title": section.title,
            "purpose": section.purpose,
            "basis": section.basis,
            "retention": section.retention,
            "erasable": section.erasable,
            "records": section.records.iter().map(record).collect::<Vec<_>>(),
        })
    };
    let sections: Vec<serde_json::Value> = sections.iter().map(section).collect();
    serde_json::to_vec_pretty(&serde_json::json!({ "exportTime": now, "sections": sections }))
        .map_err(|error| Fault::internal(&error))
}

fn text(text: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    }
}

fn list(values: Vec<Value>) -> Value {
    Value {
        kind: Some(Kind::ListValue(ListValue { values })),
    }
}

/// A section as the template wants it: each record a list of pairs.
fn section_value(section: &Section) -> Value {
    let pair = |title: &str, value: &str| list(vec![text(title), text(value)]);
    let record = |record: &Record| {
        list(
            record
                .fields
                .iter()
                .map(|field| pair(&field.title, &field.value))
                .collect(),
        )
    };
    let fields = [
        ("title", text(&section.title)),
        ("purpose", text(&section.purpose)),
        ("basis", text(&section.basis)),
        ("retention", text(&section.retention)),
        ("records", list(section.records.iter().map(record).collect())),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
    Value {
        kind: Some(Kind::StructValue(Struct { fields })),
    }
}

fn kind(section: Section) -> MyDataKind {
    MyDataKind {
        count: u32::try_from(section.records.len()).unwrap_or(u32::MAX),
        name: section.name,
        title: section.title,
        purpose: section.purpose,
        basis: section.basis,
        retention: section.retention,
        erasable: section.erasable,
    }
}

#[tonic::async_trait]
impl my_data_service_server::MyDataService for MyDataService {
    type ExportMyDataStream = Pieces;

    async fn list_my_data(
        &self,
        request: Request<ListMyDataRequest>,
    ) -> Result<Response<ListMyDataResponse>, Status> {
        let sections = self.sections(auth::principal(&request)?).await?;
        Ok(Response::new(ListMyDataResponse {
            kinds: sections.into_iter().map(kind).collect(),
        }))
    }

    async fn export_my_data(
        &self,
        request: Request<ExportMyDataRequest>,
    ) -> Result<Response<Pieces>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.export(request.get_ref(), principal, &caller).await?,
        ))
    }

    async fn get_erasure(&self, request: Request<GetErasureRequest>) -> Result<Response<Erasure>, Status> {
        Ok(Response::new(self.erasure(auth::principal(&request)?).await?))
    }

    async fn request_erasure(
        &self,
        request: Request<RequestErasureRequest>,
    ) -> Result<Response<Erasure>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        erase::request(&self.0, principal.account_id, &caller).await?;
        Ok(Response::new(self.erasure(principal).await?))
    }

    async fn withdraw_erasure(
        &self,
        request: Request<WithdrawErasureRequest>,
    ) -> Result<Response<Erasure>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        erase::withdraw(&self.0, principal.account_id, &caller).await?;
        Ok(Response::new(self.erasure(principal).await?))
    }
}
