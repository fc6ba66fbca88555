//! Calls over HTTP, as the contract has them.

use prost_reflect::MethodDescriptor;
use qihang_standalone::demo::{Answer, Api};
use qihang_tests::contract;
use reqwest::Method;
use serde_json::{Map, Value};

use crate::request::smallest;

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
    /// The collection of the record that the path names, e.g. `roster/imports`; `None` when it names none.
    pub(crate) fn collection(&self) -> Option<&str> {
        let (before, _) = self.path.split_once("/{")?;
        before.strip_prefix("/v1/")
    }

    /// True for calls that change nothing.
    pub(crate) fn reads(&self) -> bool {
        self.verb == Method::GET
    }

    /// Makes the call on a record, with the least that the contract wants.
    pub(crate) async fn make(&self, api: &Api, record: &str) -> Answer {
        let mut fields = smallest(&self.method.input());
        let path = self.fill(record, &mut fields);
        if self.method.is_client_streaming() {
            let content = Some(("application/octet-stream", b"bytes".to_vec()));
            return api.send_bytes(self.verb.clone(), &path, content).await.unwrap();
        }
        let (path, body) = match self.body.as_str() {
            "" => (with_query(&path, &fields), None),
            "*" => (path, Some(Value::Object(fields))),
            field => {
                let body = fields.remove(field).unwrap_or_default();
                (with_query(&path, &fields), Some(body))
            }
        };
        api.send(self.verb.clone(), &path, body.as_ref()).await.unwrap()
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
                Some(Value::String(text)) => text,
                Some(other) => other.to_string(),
                None => "1".to_owned(),
            }));
            rest = after;
        }
        path.push_str(rest);
        path
    }
}

fn with_query(path: &str, fields: &Map<String, Value>) -> String {
    let mut separator = '?';
    let mut whole = path.to_owned();
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        whole.push_str(&format!("{separator}{name}={value}"));
        separator = '&';
    }
    whole
}
