//! Who calls: people by EdDSA access tokens that identity issues, services by short tokens under a shared secret.
//!
//! The server's access layer puts a [`Principal`] and a [`Caller`] into each request's extensions; handlers read them with
//! [`principal`] and [`caller`].

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::status::Fault;

mod peer;
mod verifier;

pub use peer::PeerTokens;
pub use verifier::{DirectoryKeys, FixedKeys, KeySource, Verifier};

/// Metadata that carries the token of a calling service.
pub const PEER_HEADER: &str = "x-qihang-peer";
/// Metadata with the address of the client at the gateway.
pub const ADDRESS_HEADER: &str = "x-qihang-client-address";
/// Metadata with the kind of the client at the gateway.
pub const CLIENT_HEADER: &str = "x-qihang-client-kind";
/// Metadata with the id of the request, for support.
pub const REQUEST_HEADER: &str = "x-request-id";
/// Name by which the gateway calls; it acts for people, so it is not a service to methods for services.
pub const GATEWAY: &str = "gateway";

/// Roles, as in `qihang.options.v1.Role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Role {
    /// A student.
    Student,
    /// A member of an employer.
    Employer,
    /// Staff of a department of a school.
    Department,
    /// Staff of a school's employment office.
    School,
    /// Staff of the province's employment centre.
    Province,
    /// Another service.
    Service,
}

impl Role {
    /// The role as in tokens and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Student => "STUDENT",
            Self::Employer => "EMPLOYER",
            Self::Department => "DEPARTMENT",
            Self::School => "SCHOOL",
            Self::Province => "PROVINCE",
            Self::Service => "SERVICE",
        }
    }

    /// True for staff of a department, a school or the province.
    #[must_use]
    pub fn is_staff(self) -> bool {
        matches!(self, Self::Department | Self::School | Self::Province)
    }
}

/// By password, in `amr` (RFC 8176).
pub const BY_PASSWORD: &str = "pwd";
/// By a one-time code, in `amr` (RFC 8176): the second factor.
pub const BY_CODE: &str = "otp";

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Role.
    pub role: Role,
    /// Account; nil for a service.
    pub account_id: Uuid,
    /// Session; nil for a service.
    pub session_id: Uuid,
    /// The student, for students.
    pub student_id: Option<Uuid>,
    /// The school, for students and staff of schools.
    pub school_code: Option<String>,
    /// The department, for students and staff of departments.
    pub department: Option<String>,
    /// The classes of the department: a student's own; those that staff of the department is limited to, none for all.
    pub classes: Vec<String>,
    /// The employer, for members of employers.
    pub employer_id: Option<Uuid>,
    /// `ADMIN`, `HR` or `SIGNER`, for members of employers.
    pub employer_role: Option<String>,
    /// Display name, masked; of a service, its name.
    pub name: String,
    /// When the person proved who they are.
    pub auth_time: OffsetDateTime,
    /// How: `pwd`, `otp`, … (RFC 8176).
    pub amr: Vec<String>,
}

impl Principal {
    /// True when the session was opened, or since then proved, with a one-time code.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        self.amr.iter().any(|way| way == BY_CODE)
    }

    /// Another service of the suite.
    #[must_use]
    pub fn service(name: &str, now: OffsetDateTime) -> Self {
        Self {
            role: Role::Service,
            account_id: Uuid::nil(),
            session_id: Uuid::nil(),
            student_id: None,
            school_code: None,
            department: None,
            classes: Vec::new(),
            employer_id: None,
            employer_role: None,
            name: name.to_owned(),
            auth_time: now,
            amr: Vec::new(),
        }
    }
}

/// Claims of an access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// Account id.
    pub sub: Uuid,
    /// Session id.
    pub sid: Uuid,
    /// Role.
    pub role: Role,
    /// Student id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stu: Option<Uuid>,
    /// School code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sch: Option<String>,
    /// Department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dep: Option<String>,
    /// Classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cls: Vec<String>,
    /// Employer id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emp: Option<Uuid>,
    /// Role within the employer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erole: Option<String>,
    /// Masked display name.
    pub name: String,
    /// Issued at, Unix seconds.
    pub iat: i64,
    /// Not before, Unix seconds.
    pub nbf: i64,
    /// Expires, Unix seconds.
    pub exp: i64,
    /// When the person proved who they are, Unix seconds.
    pub auth_time: i64,
    /// How.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

impl Claims {
    /// Claims of a token for `principal`, good from `now` for `lifetime`.
    #[must_use]
    pub fn new(
        principal: &Principal,
        issuer: &str,
        audience: &str,
        now: OffsetDateTime,
        lifetime: Duration,
    ) -> Self {
        let principal = principal.clone();
        Self {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            sub: principal.account_id,
            sid: principal.session_id,
            role: principal.role,
            stu: principal.student_id,
            sch: principal.school_code,
            dep: principal.department,
            cls: principal.classes,
            emp: principal.employer_id,
            erole: principal.employer_role,
            name: principal.name,
            iat: now.unix_timestamp(),
            nbf: now.unix_timestamp(),
            exp: (now + lifetime).unix_timestamp(),
            auth_time: principal.auth_time.unix_timestamp(),
            amr: principal.amr,
        }
    }
}

impl From<Claims> for Principal {
    fn from(claims: Claims) -> Self {
        Self {
            role: claims.role,
            account_id: claims.sub,
            session_id: claims.sid,
            student_id: claims.stu,
            school_code: claims.sch,
            department: claims.dep,
            classes: claims.cls,
            employer_id: claims.emp,
            employer_role: claims.erole,
            name: claims.name,
            auth_time: OffsetDateTime::from_unix_timestamp(claims.auth_time)
                .unwrap_or(OffsetDateTime::UNIX_EPOCH),
            amr: claims.amr,
        }
    }
}

/// Where a call comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Address of the client at the gateway.
    pub address: Option<IpAddr>,
    /// Kind of the client.
    pub client: ClientKind,
    /// Id of the request.
    pub request_id: String,
    /// The calling service, by its verified token; `gateway` for what comes over HTTP.
    pub peer: Option<String>,
}

impl Caller {
    /// The suite itself: tasks and consumers.
    #[must_use]
    pub fn system() -> Self {
        Self {
            address: None,
            client: ClientKind::System,
            request_id: String::new(),
            peer: None,
        }
    }

    /// Reads where a call comes from. What the headers say of the client counts only from a known peer.
    #[must_use]
    pub fn read(headers: &http::HeaderMap, peer: Option<String>) -> Self {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &http::HeaderValue| value.to_str().ok())
        };
        let told = peer.is_some();
        Self {
            address: text(ADDRESS_HEADER)
                .filter(|_| told)
                .and_then(|text| text.parse().ok()),
            client: text(CLIENT_HEADER)
                .filter(|_| told)
                .map(ClientKind::parse)
                .unwrap_or_default(),
            request_id: text(REQUEST_HEADER).unwrap_or_default().to_owned(),
            peer,
        }
    }
}

/// Kind of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientKind {
    /// The web portal.
    Web,
    /// The WeChat pages.
    H5,
    /// A program with a bearer token.
    Api,
    /// Another service.
    #[default]
    System,
}

impl ClientKind {
    /// As on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::H5 => "h5",
            Self::Api => "api",
            Self::System => "system",
        }
    }

    /// What it is called on pages and in documents.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Web => "网页",
            Self::H5 => "微信网页",
            Self::Api => "接口",
            Self::System => "系统",
        }
    }

    /// Reads the gateway's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "web" => Self::Web,
            "h5" => Self::H5,
            "api" => Self::Api,
            _ => Self::System,
        }
    }
}

/// Who is signed in.
///
/// # Errors
/// UNAUTHENTICATED in a method that anonymous callers may call.
pub fn principal<T>(request: &tonic::Request<T>) -> Result<&Principal, Fault> {
    request.extensions().get::<Principal>().ok_or_else(missing)
}

/// Where the call comes from.
#[must_use]
pub fn caller<T>(request: &tonic::Request<T>) -> Caller {
    request.extensions().get::<Caller>().cloned().unwrap_or_default()
}

/// No token.
#[must_use]
pub fn missing() -> Fault {
    Fault::unauthenticated("TOKEN_MISSING", "请先登录。")
}

/// A token that is not ours, or not whole.
#[must_use]
pub fn invalid() -> Fault {
    Fault::unauthenticated("TOKEN_INVALID", "登录信息无效，请重新登录。")
}

/// A token past its time.
#[must_use]
pub fn expired() -> Fault {
    Fault::unauthenticated("TOKEN_EXPIRED", "登录已过期，请刷新登录状态或重新登录。")
}
