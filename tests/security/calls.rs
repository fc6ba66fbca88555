//! Calls over HTTP, as the contract has them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost_reflect::MethodDescriptor;
use qihang_standalone::demo::{Answer, Api};
use qihang_tests::contract;
use reqwest::Method;
use serde_json::{Map, Value};

use crate::request::{NOBODY, smallest};

/// A call with a route.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) verb: Method,
    path: String,
    body: String,
    pub(crate) anonymous: bool,
    pub(crate) roles: Vec<i32>,
    method: MethodDescriptor,
}

/// Every call that people can make.
pub(crate) fn calls() -> Vec<Call> {
    let calls = contract::methods().filter_map(|method| {
        let (verb, path) = contract::route(&method)?;
        let access = contract::access(&method)?;
        let http = contract::option(&method, "google.api.http")?;
        Some(Call {
            name: method.full_name().to_owned(),
            verb: Method::from_bytes(verb.to_uppercase().as_bytes()).ok()?,
            path,
            body: http.get_field_by_name("body")?.as_str()?.to_owned(),
            anonymous: contract::flag(&access, "anonymous"),
            roles: contract::roles(&access),
            method,
        })
    });
    calls.collect()
}

impl Call {
    /// Its name in the description of the API.
    pub(crate) fn operation_id(&self) -> String {
        let service = self.method.parent_service();
        format!("{}_{}", service.name(), self.method.name())
    }

    /// The collection of the record that the path names, e.g. `roster/imports`; `None` when it names none.
    pub(crate) fn collection(&self) -> Option<&str> {
        let (before, _) = self.path.split_once("/{")?;
        before.strip_prefix("/v1/")
    }

    /// True for calls that change nothing.
    pub(crate) fn reads(&self) -> bool {
        self.verb == Method::GET
    }

    /// True when the body is a stream of bytes.
    pub(crate) fn streams_in(&self) -> bool {
        self.method.is_client_streaming()
    }

    /// Names of the request's fields in JSON; those of the path last.
    pub(crate) fn fields(&self) -> Vec<String> {
        let input = self.method.input();
        input.fields().map(|field| field.json_name().to_owned()).collect()
    }

    /// Makes the call on a record, with the least that the contract wants.
    pub(crate) async fn make(&self, api: &Api, record: &str) -> Answer {
        self.send(api, record, smallest(&self.method.input())).await
    }

    /// Makes the call on nobody's record with one field set to something.
    pub(crate) async fn make_with(&self, api: &Api, field: &str, value: Value) -> Answer {
        let mut fields = smallest(&self.method.input());
        fields.insert(field.to_owned(), value);
        self.send(api, NOBODY, fields).await
    }

    /// Makes the call on nobody's record with any body.
    pub(crate) async fn make_raw(&self, api: &Api, content_type: &str, bytes: Vec<u8>) -> Answer {
        let path = self.fill(NOBODY, &mut smallest(&self.method.input()));
        let content = Some((content_type, bytes));
        patiently(async || api.send_bytes(self.verb.clone(), &path, content.clone()).await).await
    }

    async fn send(&self, api: &Api, record: &str, mut fields: Map<String, Value>) -> Answer {
        let path = self.fill(record, &mut fields);
        if self.method.is_client_streaming() {
            let content = Some(("application/octet-stream", b"bytes".to_vec()));
            return patiently(async || api.send_bytes(self.verb.clone(), &path, content.clone()).await).await;
        }
        let (path, body) = match self.body.as_str() {
            "" => (with_query(&path, &fields), None),
            "*" => (path, Some(Value::Object(fields))),
            field => {
                let body = fields.remove(field).unwrap_or_default();
                (with_query(&path, &fields), Some(body))
            }
        };
        patiently(async || api.send(self.verb.clone(), &path, body.as_ref()).await).await
    }

    /// Puts the record into the path's first variable and the least into the others; they leave the fields.
    fn fill(&self, record: &str, fields: &mut Map<String, Value>) -> String {
        let mut path = String::new();
        let mut rest = self.path.as_str();
        let mut value = Some(record.to_owned());
        while let Some((before, after)) = rest.split_once('{') {
            let (variable, after) = after.split_once('}').expect("a closed variable");
            let name = variable.split('=').next().expect("a name");
            let json_name = self
                .method
                .input()
                .get_field_by_name(name)
                .expect("a field")
                .json_name()
                .to_owned();
            let least = fields.remove(&json_name);
            path.push_str(before);
            path.push_str(&value.take().unwrap_or_else(|| match least {
                Some(value) => in_address(&value),
                None => "1".to_owned(),
            }));
            rest = after;
        }
        path.push_str(rest);
        path
    }
}

/// Asks again when the connection was closed: a server that refuses a large body does so, and the next request may have
/// been put on that connection already. Three times in a row is no chance.
async fn patiently(ask: impl AsyncFn() -> anyhow::Result<Answer>) -> Answer {
    let mut tries = 1;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(tries < 3, "{error:#}"),
        }
        tries += 1;
    }
}

fn with_query(path: &str, fields: &Map<String, Value>) -> String {
    let mut separator = '?';
    let mut whole = path.to_owned();
    for (name, value) in fields {
        whole.push_str(&format!("{separator}{name}={}", in_address(value)));
        separator = '&';
    }
    whole
}

/// A value as it stands in an address; clients refuse very long ones.
fn in_address(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text: String = text.chars().take(4_000).collect();
    utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string()
}
