//! Errors as people and programs get them: RFC 9457 `application/problem+json`.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::transcode::{Malformed, Violation};

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json; charset=utf-8";

/// When to try again what failed because something is away, unless a service says otherwise.
const SOON: Duration = Duration::from_secs(2);

/// An error on its way out.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable upper-snake reason.
    pub code: String,
    /// What went wrong and the way out, in Chinese.
    pub detail: String,
    /// Violations by field.
    pub fields: Vec<FieldProblem>,
    /// Facts for programs, e.g. the current version.
    pub metadata: BTreeMap<String, String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Further headers.
    pub headers: HeaderMap,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Path of the field by its JSON names.
    pub field: String,
    /// What is wrong, in Chinese.
    pub message: String,
    /// Stable upper-snake reason.
    pub code: String,
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [FieldProblem],
    trace_id: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
}

impl Problem {
    /// An error of the gateway's own.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            detail: detail.into(),
            fields: Vec::new(),
            metadata: BTreeMap::new(),
            retry_after: None,
            headers: HeaderMap::new(),
        }
    }

    /// No such path.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ROUTE_NOT_FOUND",
            "没有这个地址，请检查路径；全部接口见 /docs",
        )
    }

    /// More calls than there is room for.
    pub fn overloaded() -> Self {
        let detail = "现在访问的人较多，请稍等几秒后重试";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", detail);
        problem.retry_after = Some(SOON);
        problem
    }

    /// The path takes other methods.
    pub fn method_not_allowed(methods: &[String]) -> Self {
        let allowed = methods.join(", ");
        let detail = format!("此地址不支持该请求方法，可用的方法：{allowed}");
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail);
        problem.with_header(header::ALLOW, &allowed)
    }

    /// The body is of a type that the call does not take.
    pub fn unsupported_media_type() -> Self {
        let detail = "请求体须为 JSON，请把 Content-Type 设为 application/json";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            detail,
        )
    }

    /// The body is longer than allowed.
    pub fn too_large(limit: u64) -> Self {
        let detail = format!("内容过大，至多 {}，请缩小后重试", readable_size(limit));
        let mut problem = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", detail);
        problem.metadata.insert("maxBytes".to_owned(), limit.to_string());
        problem
    }

    /// The body came too slowly.
    pub fn slow_body() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "BODY_TIMEOUT",
            "接收请求内容超时，请检查网络后重试",
        )
    }

    /// The body broke off.
    pub fn broken_body() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "BODY_BROKEN",
            "请求内容在中途断开，请重新发送",
        )
    }

    /// Something of ours failed; the cause is in the log only.
    pub fn internal() -> Self {
        Self::from_code(Code::Internal)
    }

    /// Adds one field's violation.
    #[must_use]
    pub fn with_field(mut self, violation: Violation) -> Self {
        self.fields.push(violation.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The fixed text of a gRPC code.
    pub fn from_code(code: Code) -> Self {
        let (status, reason, detail) = fixed(code);
        Self::new(status, reason, detail)
    }

    /// The problem as JSON.
    pub fn to_json(&self, trace_id: &str) -> Vec<u8> {
        let wire = Wire {
            r#type: format!("urn:qihang:problem:{}", self.code),
            title: title(self.status),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: &self.code,
            fields: &self.fields,
            trace_id,
            metadata: &self.metadata,
        };
        serde_json::to_vec(&wire).unwrap_or_else(|_| b"{}".to_vec())
    }

    /// The problem as an answer.
    pub fn into_response(self, trace_id: &str) -> Response {
        let mut response = Response::new(Body::from(self.to_json(trace_id)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let passes = matches!(
            self.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        );
        if let Some(wait) = self.retry_after.or(passes.then_some(SOON)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"qihang\""),
            );
        }
        response
    }
}

impl From<Violation> for FieldProblem {
    fn from(violation: Violation) -> Self {
        Self {
            field: violation.field,
            message: violation.message,
            code: violation.code.to_owned(),
        }
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Syntax(detail) => Self::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", detail),
            Malformed::Fields(violations) => {
                let detail = format!("请求中有 {} 处有误，请按各项说明改正后重试", violations.len());
                let mut problem = Self::new(StatusCode::BAD_REQUEST, "VALIDATION_FAILED", detail);
                problem.fields = violations.into_iter().map(Into::into).collect();
                problem
            }
        }
    }
}

impl From<&Status> for Problem {
    /// Only what a service said in details goes out: a status without them gets the fixed text of its code.
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let mut problem = Self::from_code(status.code());
        if let Some(info) = details.error_info() {
            problem.code.clone_from(&info.reason);
            problem.metadata.extend(info.metadata.clone());
        }
        if let Some(message) = details.localized_message() {
            problem.detail.clone_from(&message.message);
        }
        if let Some(bad) = details.bad_request() {
            problem.fields = bad
                .field_violations
                .iter()
                .map(|violation| FieldProblem {
                    field: violation.field.clone(),
                    message: violation.description.clone(),
                    code: violation.reason.clone(),
                })
                .collect();
        }
        problem.retry_after = details.retry_info().and_then(|info| info.retry_delay);
        problem
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        Self::from(&status)
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Status code, reason and text of a gRPC code; as grpc-gateway save FAILED_PRECONDITION (409) and ABORTED (412).
fn fixed(code: Code) -> (StatusCode, &'static str, &'static str) {
    match code {
        Code::Ok => (StatusCode::OK, "OK", "成功"),
        Code::Cancelled => (client_closed(), "CANCELLED", "请求已取消"),
        Code::InvalidArgument => (
            StatusCode::BAD_REQUEST,
            "INVALID_ARGUMENT",
            "请求内容有误，请检查后重试",
        ),
        Code::OutOfRange => (
            StatusCode::BAD_REQUEST,
            "OUT_OF_RANGE",
            "请求的范围无效，请检查后重试",
        ),
        Code::DeadlineExceeded => (
            StatusCode::GATEWAY_TIMEOUT,
            "DEADLINE_EXCEEDED",
            "处理超时，请稍后重试；若已提交，请先查看结果",
        ),
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND", "没有找到所请求的内容"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "ALREADY_EXISTS", "相同的内容已经存在"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED", "您没有权限进行此操作"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "请先登录"),
        Code::ResourceExhausted => (
            StatusCode::TOO_MANY_REQUESTS,
            "RESOURCE_EXHAUSTED",
            "请求过于频繁，请稍后重试",
        ),
        Code::FailedPrecondition => (
            StatusCode::CONFLICT,
            "FAILED_PRECONDITION",
            "当前状态不允许此操作，请刷新后重试",
        ),
        Code::Aborted => (
            StatusCode::PRECONDITION_FAILED,
            "ABORTED",
            "内容已被他人修改，请刷新后重试",
        ),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED", "此功能尚未提供"),
        Code::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "服务暂时不可用，请稍后重试",
        ),
        Code::Unknown | Code::Internal | Code::DataLoss => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "系统出现问题，请稍后重试；如仍未解决，请联系客服并提供追踪编号",
        ),
    }
}

fn client_closed() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "请求有误",
        401 => "需要登录",
        403 => "没有权限",
        404 => "没有找到",
        405 => "方法不支持",
        406 => "格式不支持",
        408 => "接收超时",
        409 => "状态冲突",
        412 => "版本冲突",
        413 => "内容过大",
        415 => "类型不支持",
        416 => "范围无效",
        429 => "请求过于频繁",
        499 => "请求已取消",
        501 => "尚未提供",
        503 => "服务暂时不可用",
        504 => "处理超时",
        _ => "系统出现问题",
    }
}

fn readable_size(bytes: u64) -> String {
    const MEBIBYTE: u64 = 1024 * 1024;
    match bytes {
        bytes if bytes >= MEBIBYTE && bytes.is_multiple_of(MEBIBYTE) => format!("{} MiB", bytes / MEBIBYTE),
        bytes if bytes >= 1024 && bytes.is_multiple_of(1024) => format!("{} KiB", bytes / 1024),
        bytes => format!("{bytes} 字节"),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    fn json(problem: &Problem) -> serde_json::Value {
        serde_json::from_slice(&problem.to_json("4bf92f")).unwrap()
    }

    #[test]
    fn a_status_with_details_tells_everything_it_says() {
        let mut details = ErrorDetails::new();
        details.set_error_info(
            "VERSION_CONFLICT",
            "qihang",
            [("version".to_owned(), "3".to_owned())],
        );
        details.set_localized_message("zh-CN", "内容已被他人修改，请刷新");
        details.set_bad_request(vec![FieldViolation {
            field: "members[0].mobile".into(),
            description: "应为 11 位手机号".into(),
            reason: "MOBILE_INVALID".into(),
            ..FieldViolation::default()
        }]);
        details.set_retry_info(Some(Duration::from_millis(1500)));
        let status = Status::with_error_details(Code::Aborted, "secret", details);
        let problem = Problem::from(&status);
        assert_eq!(
            json(&problem),
            serde_json::json!({
                "type": "urn:qihang:problem:VERSION_CONFLICT", "title": "版本冲突", "status": 412,
                "detail": "内容已被他人修改，请刷新", "code": "VERSION_CONFLICT", "trace_id": "4bf92f",
                "fields": [{"field": "members[0].mobile", "message": "应为 11 位手机号", "code": "MOBILE_INVALID"}],
                "metadata": {"version": "3"},
            })
        );
        let response = problem.into_response("4bf92f");
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test wants a status without details"
    )]
    fn a_status_without_details_never_leaks_its_text() {
        for code in (0..=16).map(Code::from) {
            let problem = Problem::from(Status::new(code, "SELECT * FROM identity.students"));
            let text = String::from_utf8(problem.to_json("")).unwrap();
            assert!(!text.contains("SELECT"), "{text}");
        }
        assert_eq!(
            Problem::from(Status::new(Code::FailedPrecondition, "")).status,
            409
        );
        assert_eq!(Problem::from(Status::new(Code::Unknown, "")).status, 500);
    }
}
