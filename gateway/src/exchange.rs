//! One call over HTTP: from a matched route to the request message, the same for every kind of call.

use axum::{
    body::Body as HttpBody,
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use qihang_proto::options::v1::SessionEffect;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::{
    body,
    gateway::Gateway,
    problem::Problem,
    transcode::{Body, Call, Route, Violation, bind, json},
    visit::Visit,
};

/// A call that was let in.
pub struct Exchange<'a> {
    /// The gateway.
    pub gateway: &'a Gateway,
    /// The route that the path led to.
    pub route: &'a Route,
    /// The raw segments of the path.
    pub segments: Vec<&'a str>,
    /// The request's head.
    pub parts: &'a Parts,
    /// Who asks.
    pub visit: Visit,
    /// Id of the trace, for errors.
    pub trace_id: &'a str,
}

impl Exchange<'_> {
    /// The call.
    pub fn call(&self) -> &Call {
        &self.route.call
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Reads the body and puts the request message together.
    ///
    /// # Errors
    /// When the body is too large, slow, of another type, or does not fit.
    pub async fn message(&self, content: HttpBody) -> Result<DynamicMessage, Problem> {
        let settings = &self.gateway.settings;
        let limit = match self.call().access.max_body_bytes {
            0 => settings.max_body_bytes,
            limit => limit,
        };
        let bytes = body::read(self.headers(), content, limit, settings.body_pause()).await?;
        if let (Some(field), Body::Field(bound)) = (&self.call().upload, &self.route.body)
            && field == bound
        {
            let mut message = self.bind(None)?;
            self.set_raw(&mut message, field, bytes)?;
            return Ok(message);
        }
        self.bind(self.json(&bytes)?)
    }

    /// Puts the request message together from path, query, headers and a body that was read already.
    ///
    /// # Errors
    /// Every field that does not fit.
    pub fn bind(&self, content: Option<Json>) -> Result<DynamicMessage, Problem> {
        let mut message = bind::request(self.route, &self.segments, self.parts.uri.query(), content)?;
        self.fill_from_headers(&mut message)?;
        Ok(message)
    }

    fn json(&self, bytes: &Bytes) -> Result<Option<Json>, Problem> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        if !is_json(self.headers()) {
            return Err(Problem::unsupported_media_type());
        }
        let json = json::parse(bytes)?;
        if self.route.body == Body::None && json.as_object().is_none_or(|object| !object.is_empty()) {
            let detail = "此接口不接受请求体，请把参数放在路径或查询串中";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "BODY_NOT_ALLOWED", detail));
        }
        Ok(Some(json))
    }

    /// The raw bytes as the upload field of a call that streams nothing.
    fn set_raw(
        &self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
        bytes: Bytes,
    ) -> Result<(), Problem> {
        let raw = self.raw_head(bytes);
        let Kind::Message(descriptor) = field.kind() else {
            return Err(Problem::internal());
        };
        let raw = DynamicMessage::decode(descriptor, raw.encode_to_vec().as_slice())
            .map_err(|_| Problem::internal())?;
        message.set_field(field, Value::Message(raw));
        Ok(())
    }

    /// What the headers say of raw content, with its first bytes.
    pub fn raw_head(&self, data: Bytes) -> qihang_proto::common::v1::HttpBody {
        let text = |name| {
            self.headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        qihang_proto::common::v1::HttpBody {
            content_type: text(header::CONTENT_TYPE).to_owned(),
            file_name: String::new(),
            total_bytes: body::declared_length(self.headers()).unwrap_or_default(),
            data,
        }
    }

    /// `Idempotency-Key`, `If-Match` and the refresh cookie fill the fields that they stand for, when those are empty.
    fn fill_from_headers(&self, message: &mut DynamicMessage) -> Result<(), Problem> {
        let header = |name: &str| {
            self.headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::trim)
        };
        if let Some((field, key)) = empty_text_field(message, "request_id").zip(header("idempotency-key")) {
            let id: Uuid =
                key.trim_matches('"').parse().map_err(|_| {
                    let text = "请求头 Idempotency-Key 应为 UUID，请改正后重试";
                    Problem::new(StatusCode::BAD_REQUEST, "VALIDATION_FAILED", text)
                        .with_field(Violation::new("requestId", "WRONG_TYPE", text))
                })?;
            message.set_field(&field, Value::String(id.to_string()));
        }
        let if_match = header("if-match").filter(|etag| *etag != "*" && self.parts.method != Method::GET);
        if let Some((field, etag)) = empty_text_field(message, "etag").zip(if_match) {
            message.set_field(&field, Value::String(etag.to_owned()));
        }
        if self.call().access.session() == SessionEffect::Unspecified || !self.visit.kind.keeps_cookies() {
            return Ok(());
        }
        let refresh = self.gateway.cookies.refresh(self.headers());
        if let Some((field, token)) = empty_text_field(message, "refresh_token").zip(refresh) {
            self.gateway
                .cookies
                .check(&self.parts.method, self.headers(), self.visit.scheme.as_deref())?;
            message.set_field(&field, Value::String(token.to_owned()));
        }
        Ok(())
    }
}

fn empty_text_field(message: &DynamicMessage, name: &str) -> Option<FieldDescriptor> {
    use prost_reflect::ReflectMessage;
    let field = message.descriptor().get_field_by_name(name)?;
    (field.kind() == Kind::String && !field.is_list() && !message.has_field(&field)).then_some(field)
}

/// True for `application/json` and `application/*+json` that is not compressed.
fn is_json(headers: &HeaderMap) -> bool {
    let encoded = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity");
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let media = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_json =
        media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"));
    is_json && !encoded
}
