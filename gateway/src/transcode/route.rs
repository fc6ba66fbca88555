//! The routes as the descriptors declare them.

use std::sync::Arc;

use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor,
};
use qihang_proto::options::v1::{Access, Role};
use thiserror::Error;

use super::template::{Template, TemplateError};

/// Full name of the message whose bytes are passed through as they are.
pub const HTTP_BODY: &str = "qihang.common.v1.HttpBody";
/// Full name of the message that bears a session's tokens.
pub const TOKEN_PAIR: &str = "qihang.common.v1.TokenPair";

/// One way over HTTP to one call.
#[derive(Debug)]
pub struct Route {
    /// HTTP method, or `*`.
    pub method: String,
    /// The template as it was written.
    pub path: String,
    /// The template, parsed.
    pub template: Template,
    /// For each variable of the template the fields from the request down.
    pub variables: Vec<Vec<FieldDescriptor>>,
    /// What the body is.
    pub body: Body,
    /// The one field of the reply that is the body; the whole reply when absent.
    pub response_body: Option<FieldDescriptor>,
    /// The call.
    pub call: Arc<Call>,
    /// True for an additional binding.
    pub additional: bool,
}

/// What a request's body is bound to.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// There is none.
    None,
    /// Every field that the path does not hold.
    Whole,
    /// One field.
    Field(FieldDescriptor),
}

/// A call of a service.
#[derive(Debug)]
pub struct Call {
    /// Full name, `qihang.documents.v1.FileService.GetFile`.
    pub name: String,
    /// gRPC path, `/qihang.documents.v1.FileService/GetFile`.
    pub path: PathAndQuery,
    /// Service of the suite that answers it, `documents`.
    pub service: String,
    /// Its descriptor.
    pub method: MethodDescriptor,
    /// The request.
    pub input: MessageDescriptor,
    /// The reply.
    pub output: MessageDescriptor,
    /// Who may call it, and how often.
    pub access: Access,
    /// The request's field that takes raw bytes.
    pub upload: Option<FieldDescriptor>,
    /// True when the reply is raw bytes.
    pub raw_reply: bool,
}

/// Why the descriptors cannot be served.
#[derive(Debug, Error)]
pub enum RouteError {
    /// A path template is wrong.
    #[error("path template of {call}: {source}")]
    Template {
        /// The call.
        call: String,
        /// What is wrong.
        source: TemplateError,
    },
    /// A binding names a field that is not there or cannot be bound.
    #[error("{call} binds the field `{field}`, which is not there or cannot be bound")]
    Field {
        /// The call.
        call: String,
        /// The field.
        field: String,
    },
    /// Two calls have one route.
    #[error("{first} and {second} have the same route")]
    Clash {
        /// One call.
        first: String,
        /// The other.
        second: String,
    },
    /// An option is missing in the pool or cannot be read.
    #[error("option `{0}` is missing or cannot be read")]
    Option(&'static str),
    /// A call that the gateway cannot carry.
    #[error("{0} streams requests without a field of qihang.common.v1.HttpBody")]
    Streaming(String),
}

/// Reads every route out of the descriptors.
///
/// # Errors
/// When an annotation does not fit its call.
pub fn routes(pool: &DescriptorPool) -> Result<Vec<Route>, RouteError> {
    let extension = |name: &'static str| pool.get_extension_by_name(name).ok_or(RouteError::Option(name));
    let (http, access) = (
        extension("google.api.http")?,
        extension("qihang.options.v1.access")?,
    );
    let mut routes = Vec::new();
    for service in pool.services() {
        for method in service.methods() {
            let options = method.options();
            if !options.has_extension(&http) {
                continue;
            }
            let call = Arc::new(call(&method, &options, &access)?);
            if let Some(rule) = options.get_extension(&http).as_message() {
                add_rule(rule, &call, false, &mut routes)?;
            }
        }
    }
    Ok(routes)
}

fn call(
    method: &MethodDescriptor,
    options: &DynamicMessage,
    extension: &ExtensionDescriptor,
) -> Result<Call, RouteError> {
    let value = options.get_extension(extension);
    let encoded = value
        .as_message()
        .map(DynamicMessage::encode_to_vec)
        .unwrap_or_default();
    let access =
        Access::decode(encoded.as_slice()).map_err(|_| RouteError::Option("qihang.options.v1.access"))?;
    let name = method.full_name().to_owned();
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let upload = method.input().fields().find(is_http_body);
    if method.is_client_streaming() && upload.is_none() {
        return Err(RouteError::Streaming(name));
    }
    Ok(Call {
        path: PathAndQuery::try_from(path).map_err(|_| RouteError::Option("path"))?,
        service: method
            .parent_service()
            .package_name()
            .split('.')
            .nth(1)
            .unwrap_or_default()
            .to_owned(),
        input: method.input(),
        output: method.output(),
        raw_reply: method.output().full_name() == HTTP_BODY,
        method: method.clone(),
        access,
        upload,
        name,
    })
}

fn is_http_body(field: &FieldDescriptor) -> bool {
    !field.is_list()
        && field
            .kind()
            .as_message()
            .is_some_and(|message| message.full_name() == HTTP_BODY)
}

fn add_rule(
    rule: &DynamicMessage,
    call: &Arc<Call>,
    additional: bool,
    routes: &mut Vec<Route>,
) -> Result<(), RouteError> {
    if let Some((method, path)) = pattern(rule) {
        routes.push(Route::new(method, path, rule, call, additional)?);
    }
    let more = rule.get_field_by_name("additional_bindings");
    for rule in more
        .as_deref()
        .and_then(prost_reflect::Value::as_list)
        .unwrap_or_default()
    {
        if let Some(rule) = rule.as_message() {
            add_rule(rule, call, true, routes)?;
        }
    }
    Ok(())
}

fn pattern(rule: &DynamicMessage) -> Option<(String, String)> {
    for method in ["get", "put", "post", "delete", "patch"] {
        if rule.has_field_by_name(method) {
            return Some((method.to_uppercase(), text(rule, method)));
        }
    }
    let custom = rule
        .get_field_by_name("custom")
        .filter(|_| rule.has_field_by_name("custom"))?;
    let custom = custom.as_message()?;
    Some((text(custom, "kind"), text(custom, "path")))
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

impl Route {
    fn new(
        method: String,
        path: String,
        rule: &DynamicMessage,
        call: &Arc<Call>,
        additional: bool,
    ) -> Result<Self, RouteError> {
        let template = Template::parse(&path).map_err(|source| RouteError::Template {
            call: call.name.clone(),
            source,
        })?;
        let missing = |field: &str| RouteError::Field {
            call: call.name.clone(),
            field: field.to_owned(),
        };
        let variables = template
            .variables
            .iter()
            .map(|variable| {
                field_path(&call.input, &variable.field).ok_or_else(|| missing(&variable.field.join(".")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let body = match text(rule, "body").as_str() {
            "" => Body::None,
            "*" => Body::Whole,
            name => Body::Field(call.input.get_field_by_name(name).ok_or_else(|| missing(name))?),
        };
        let response_body = match text(rule, "response_body").as_str() {
            "" => None,
            name => Some(call.output.get_field_by_name(name).ok_or_else(|| missing(name))?),
        };
        let call = Arc::clone(call);
        Ok(Self {
            method,
            path,
            template,
            variables,
            body,
            response_body,
            call,
            additional,
        })
    }
}

impl Call {
    /// True when somebody without a login may call it.
    pub fn is_anonymous(&self) -> bool {
        self.access.anonymous
    }

    /// The roles that may call it, as tokens name them.
    pub fn roles(&self) -> Vec<&'static str> {
        let name = |role: Role| role.as_str_name().trim_start_matches("ROLE_");
        self.access
            .roles()
            .filter(|role| *role != Role::Unspecified)
            .map(name)
            .collect()
    }
}

/// Follows field names from a message down. The last one must be a scalar, an enum or a well-known type.
fn field_path(message: &MessageDescriptor, names: &[String]) -> Option<Vec<FieldDescriptor>> {
    let mut at = Some(message.clone());
    let mut fields = Vec::new();
    for name in names {
        let field = at?
            .get_field_by_name(name)
            .filter(|field| !field.is_list() && !field.is_map())?;
        at = match field.kind() {
            Kind::Message(message) => Some(message),
            _ => None,
        };
        fields.push(field);
    }
    Some(fields)
}

#[cfg(test)]
pub(crate) mod tests {
    use qihang_proto::POOL;

    use super::*;

    /// A route of any call, for tests of the router.
    pub(crate) fn route(method: &str, path: &str) -> Route {
        let extension = POOL.get_extension_by_name("qihang.options.v1.access").unwrap();
        let service = POOL
            .get_service_by_name("qihang.documents.v1.FileService")
            .unwrap();
        let get = service
            .methods()
            .find(|method| method.name() == "GetFile")
            .unwrap();
        let call = Arc::new(call(&get, &get.options(), &extension).unwrap());
        let template = Template::parse(path).unwrap();
        Route {
            method: method.to_owned(),
            path: path.to_owned(),
            template,
            variables: Vec::new(),
            body: Body::None,
            response_body: None,
            call,
            additional: false,
        }
    }

    #[test]
    fn the_contract_gives_a_table_without_clashes() {
        let routes = routes(&POOL).unwrap();
        let find = |name: &str| {
            routes
                .iter()
                .find(|route| route.call.name.ends_with(name))
                .unwrap()
        };
        let put = find("FileService.PutContent");
        assert_eq!(
            (put.method.as_str(), put.path.as_str()),
            ("PUT", "/v1/uploads/{id}")
        );
        assert!(put.call.upload.is_some() && put.call.access.max_body_bytes == 67_108_864);
        assert!(find("FileService.Download").call.raw_reply);
        assert_eq!(find("FileService.GetFile").call.service, "documents");
        assert!(routes.iter().all(|route| !route.call.name.contains("ClaimFiles")));
        super::super::Table::new(routes).unwrap();
    }
}
