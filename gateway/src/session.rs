//! Sessions of browsers: tokens in cookies, and what keeps other sites from using them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{problem::Problem, transcode::route::TOKEN_PAIR};

/// Header that repeats the readable cookie on calls that change something.
pub const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// Names and attributes of the cookies, and the key of the CSRF tokens.
#[derive(Clone)]
pub struct Cookies {
    secure: bool,
    key: Vec<u8>,
    origins: Vec<String>,
}

/// What the gateway reads of an access token without verifying it: the services do that.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Peek {
    /// The account.
    #[serde(default)]
    pub sub: String,
    /// The session.
    #[serde(default)]
    pub sid: String,
    /// When it ends, seconds since 1970.
    #[serde(default)]
    pub exp: i64,
}

impl Peek {
    /// Reads the claims of a JWT; `None` when it is none.
    pub fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
            return None;
        };
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&payload).ok()
    }
}

impl Cookies {
    /// Cookies with (`secure`) or without the `__Host-` prefix and `Secure`, signed CSRF tokens with `key`, and further
    /// origins from which the pages may come.
    pub fn new(secure: bool, key: &[u8], origins: Vec<String>) -> Self {
        Self {
            secure,
            key: key.to_vec(),
            origins,
        }
    }

    fn name(&self, kind: &str) -> String {
        if self.secure {
            format!("__Host-qh_{kind}")
        } else {
            format!("qh_{kind}")
        }
    }

    /// The access token.
    pub fn access<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie(headers, &self.name("at"))
    }

    /// The refresh token.
    pub fn refresh<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie(headers, &self.name("rt"))
    }

    /// The CSRF token of a session.
    pub fn csrf_token(&self, session_id: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return String::new();
        };
        mac.update(b"csrf:");
        mac.update(session_id.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Refuses a changing call that came with cookies unless our own page sent it.
    ///
    /// # Errors
    /// 403 when the origin is foreign or the CSRF token is missing or of another session.
    pub fn check(&self, method: &Method, headers: &HeaderMap, scheme: Option<&str>) -> Result<(), Problem> {
        if method.is_safe() {
            return Ok(());
        }
        self.check_origin(headers, scheme)?;
        let Some(session) = self.access(headers).and_then(Peek::of) else {
            return Ok(());
        };
        let wanted = self.csrf_token(&session.sid);
        let given = headers
            .get(CSRF_HEADER)
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        if bool::from(wanted.as_bytes().ct_eq(given)) {
            return Ok(());
        }
        let detail = "页面的安全令牌缺失或已失效，请刷新页面后重试";
        Err(Problem::new(StatusCode::FORBIDDEN, "CSRF_TOKEN_INVALID", detail))
    }

    /// Refuses a request that a page of another site sent.
    ///
    /// # Errors
    /// 403 when the origin is foreign.
    pub fn check_origin(&self, headers: &HeaderMap, scheme: Option<&str>) -> Result<(), Problem> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let own = match text(header::ORIGIN) {
            Some(origin) => self.is_own(origin, text(header::HOST), scheme),
            None => !matches!(
                text(HeaderName::from_static("sec-fetch-site")),
                Some("cross-site" | "same-site")
            ),
        };
        if own {
            return Ok(());
        }
        let detail = "请求来自其他网站，已拒绝；请从本系统的页面操作";
        Err(Problem::new(StatusCode::FORBIDDEN, "ORIGIN_NOT_ALLOWED", detail))
    }

    fn is_own(&self, origin: &str, host: Option<&str>, scheme: Option<&str>) -> bool {
        if self.origins.iter().any(|allowed| allowed == origin) {
            return true;
        }
        let Some((origin_scheme, origin_host)) = origin.split_once("://") else {
            return false;
        };
        let same_scheme =
            scheme.is_none_or(|scheme| scheme == origin_scheme) && (!self.secure || origin_scheme == "https");
        same_scheme && host.is_some_and(|host| host.eq_ignore_ascii_case(origin_host))
    }

    /// Moves the tokens of a reply into cookies and blanks them in the reply. Does nothing when the reply has none.
    pub fn take_tokens(&self, reply: &mut DynamicMessage, now: i64) -> Vec<HeaderValue> {
        let Some(pair) = token_pair(reply) else {
            return Vec::new();
        };
        let access = take_text(pair, "access_token");
        let refresh = take_text(pair, "refresh_token");
        let ends =
            expire_seconds(pair, "refresh_expire_time").max(expire_seconds(pair, "access_expire_time"));
        // The access cookie outlives its token, since its session id is what the CSRF token of a refresh is checked by.
        let age = (ends - now).max(0);
        let csrf = Peek::of(&access)
            .map(|peek| self.csrf_token(&peek.sid))
            .unwrap_or_default();
        let cookies = [
            (!access.is_empty()).then(|| self.cookie("at", &access, age, true)),
            (!refresh.is_empty()).then(|| self.cookie("rt", &refresh, age, true)),
            (!csrf.is_empty()).then(|| self.csrf_cookie(&csrf, age)),
        ];
        cookies
            .into_iter()
            .flatten()
            .filter_map(|cookie| sensitive(&cookie))
            .collect()
    }

    /// Cookies that delete the session's.
    pub fn clear(&self) -> Vec<HeaderValue> {
        let cookies = [
            self.cookie("at", "", 0, true),
            self.cookie("rt", "", 0, true),
            self.csrf_cookie("", 0),
        ];
        cookies.iter().filter_map(|cookie| sensitive(cookie)).collect()
    }

    fn cookie(&self, kind: &str, value: &str, age: i64, hidden: bool) -> String {
        self.render(&self.name(kind), value, age, hidden)
    }

    fn csrf_cookie(&self, value: &str, age: i64) -> String {
        self.render("qh_csrf", value, age, false)
    }

    fn render(&self, name: &str, value: &str, age: i64, hidden: bool) -> String {
        let hidden = if hidden { "; HttpOnly" } else { "" };
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={age}; SameSite=Lax{hidden}{secure}")
    }
}

fn sensitive(cookie: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(cookie).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE);
    let mut pairs = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .filter(|value| !value.is_empty())
}

/// The field of a message that is a `TokenPair`.
fn token_field(descriptor: &MessageDescriptor) -> Option<FieldDescriptor> {
    let is_pair = |kind: Kind| {
        kind.as_message()
            .is_some_and(|message| message.full_name() == TOKEN_PAIR)
    };
    descriptor
        .fields()
        .find(|field| !field.is_list() && is_pair(field.kind()))
}

fn token_pair(reply: &mut DynamicMessage) -> Option<&mut DynamicMessage> {
    use prost_reflect::ReflectMessage;
    let descriptor = reply.descriptor();
    if descriptor.full_name() == TOKEN_PAIR {
        return Some(reply);
    }
    let field = token_field(&descriptor).filter(|field| reply.has_field(field))?;
    reply.get_field_mut(&field).as_message_mut()
}

fn take_text(pair: &mut DynamicMessage, name: &str) -> String {
    match pair.take_field_by_name(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn expire_seconds(pair: &DynamicMessage, name: &str) -> i64 {
    let time = pair.get_field_by_name(name);
    let seconds = time
        .as_deref()
        .and_then(Value::as_message)
        .and_then(|time| time.get_field_by_name("seconds"));
    seconds.and_then(|seconds| seconds.as_i64()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use qihang_proto::POOL;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn jwt(claims: &str) -> String {
        format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_changing_call_with_cookies_needs_origin_and_token_of_its_own_session() {
        let cookies = Cookies::new(false, b"key", vec!["https://portal.example".into()]);
        let session = format!("a=b; qh_at={}", jwt(r#"{"sid":"s1"}"#));
        let good = cookies.csrf_token("s1");
        let code = |pairs: &[(&'static str, &str)]| {
            cookies
                .check(&Method::POST, &headers(pairs), None)
                .err()
                .map(|problem| problem.code)
        };
        let (host, cookie) = (("host", "qihang.example"), ("cookie", session.as_str()));
        let own = ("origin", "https://qihang.example");
        assert_eq!(code(&[host, cookie, own, ("x-csrf-token", &good)]), None);
        assert_eq!(
            code(&[
                host,
                cookie,
                ("origin", "https://portal.example"),
                ("x-csrf-token", &good)
            ]),
            None
        );
        assert_eq!(code(&[host, cookie, own]).as_deref(), Some("CSRF_TOKEN_INVALID"));
        assert_eq!(
            code(&[host, cookie, own, ("x-csrf-token", &cookies.csrf_token("s2"))]).as_deref(),
            Some("CSRF_TOKEN_INVALID")
        );
        assert_eq!(
            code(&[
                host,
                cookie,
                ("origin", "https://evil.example"),
                ("x-csrf-token", &good)
            ])
            .as_deref(),
            Some("ORIGIN_NOT_ALLOWED")
        );
        assert_eq!(
            code(&[host, cookie, ("origin", "null"), ("x-csrf-token", &good)]).as_deref(),
            Some("ORIGIN_NOT_ALLOWED")
        );
        assert_eq!(
            code(&[
                host,
                cookie,
                ("sec-fetch-site", "cross-site"),
                ("x-csrf-token", &good)
            ])
            .as_deref(),
            Some("ORIGIN_NOT_ALLOWED")
        );
        assert!(
            cookies
                .check(&Method::GET, &headers(&[host, cookie]), None)
                .is_ok()
        );
    }

    #[test]
    fn tokens_move_into_cookies_and_leave_the_reply() {
        let descriptor = POOL.get_message_by_name(TOKEN_PAIR).unwrap();
        let mut reply = DynamicMessage::new(descriptor);
        reply.set_field_by_name("access_token", Value::String(jwt(r#"{"sid":"s1"}"#)));
        reply.set_field_by_name("refresh_token", Value::String("opaque".into()));
        let Some(Value::Message(time)) = reply.get_field_by_name_mut("refresh_expire_time") else {
            panic!("no field")
        };
        time.set_field_by_name("seconds", Value::I64(1_000_100));
        let set = Cookies::new(true, b"key", Vec::new()).take_tokens(&mut reply, 1_000_000);
        let set: Vec<&str> = set.iter().map(|value| value.to_str().unwrap()).collect();
        assert!(
            set[0].starts_with("__Host-qh_at=e30.")
                && set[0].ends_with("; Path=/; Max-Age=100; SameSite=Lax; HttpOnly; Secure")
        );
        assert!(set[1].starts_with("__Host-qh_rt=opaque; "));
        assert!(set[2].starts_with("qh_csrf=") && !set[2].contains("HttpOnly"));
        let json = String::from_utf8(crate::transcode::write::message(&reply).unwrap()).unwrap();
        assert!(!json.contains("Token"), "{json}");
    }
}
