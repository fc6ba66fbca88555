//! One route as an operation of OpenAPI.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{
    comments::{Comments, first_sentence},
    rules::Rules,
    schema::{Schemas, never_empty, well_known},
};
use crate::transcode::{Body, Call, Route, bind::json_path, route::HTTP_BODY};

/// How deep messages are taken apart into query parameters.
const MAX_QUERY_DEPTH: usize = 3;

/// The tag of a route: service of the suite and service of the contract.
pub fn tag(route: &Route) -> String {
    format!(
        "{}.{}",
        route.call.service,
        route.call.method.parent_service().name()
    )
}

/// Makes the operation. `number` counts the routes of one call from 1.
pub fn operation(route: &Route, number: u32, comments: &Comments, schemas: &mut Schemas<'_>) -> Value {
    let call = &route.call;
    let comment = comments.of_method(&call.method);
    let suffix = if number > 1 {
        format!("_{number}")
    } else {
        String::new()
    };
    let mut operation = Map::new();
    let mut put = |name: &str, value: Value| operation.insert(name.to_owned(), value);
    put(
        "operationId",
        json!(format!(
            "{}_{}{suffix}",
            call.method.parent_service().name(),
            call.method.name()
        )),
    );
    put("tags", json!([tag(route)]));
    put("summary", json!(first_sentence(&comment)));
    put("description", json!(format!("{comment}{}", proofs(call))));
    let parameters = parameters(route, schemas);
    if !parameters.is_empty() {
        put("parameters", Value::Array(parameters));
    }
    if let Some(body) = request_body(route, schemas) {
        put("requestBody", body);
    }
    put("responses", responses(route, schemas));
    put("security", security(call));
    put("x-qihang-roles", json!(call.roles()));
    if call.access.step_up {
        put("x-qihang-step-up", json!(true));
    }
    if call.access.rate_per_minute > 0 {
        put("x-qihang-rate-per-minute", json!(call.access.rate_per_minute));
    }
    if call.access.max_body_bytes > 0 {
        put("x-qihang-max-body-bytes", json!(call.access.max_body_bytes));
    }
    Value::Object(operation)
}

/// What the call wants of the person besides a role.
fn proofs(call: &Call) -> String {
    let mut text = String::new();
    if call.access.step_up {
        text.push_str(
            "\n\nWants a proof of the person within the last ten minutes, at sign-in or by \
             `POST /v1/account:stepUp`; otherwise `STEP_UP_REQUIRED` (403), whose `factors` say what is taken.",
        );
    }
    if call.access.without_second_factor {
        text.push_str("\n\nStaff may call it before they have a second factor.");
    }
    text
}

fn security(call: &Call) -> Value {
    let mut ways = Vec::new();
    if call.is_anonymous() {
        ways.push(json!({}));
    }
    if !call.roles().is_empty() {
        ways.extend([json!({ "bearer": [] }), json!({ "cookie": [] })]);
    }
    Value::Array(ways)
}

fn parameters(route: &Route, schemas: &mut Schemas<'_>) -> Vec<Value> {
    let mut parameters: Vec<Value> = route
        .variables
        .iter()
        .filter_map(|fields| parameter(fields, "path", schemas))
        .collect();
    for fields in query_fields(route) {
        parameters.extend(parameter(&fields, "query", schemas));
    }
    let call = &route.call;
    let mut refer = |is_there: bool, name: &str| {
        if is_there {
            parameters.push(json!({ "$ref": format!("#/components/parameters/{name}") }));
        }
    };
    let changes = !matches!(route.method.as_str(), "GET" | "HEAD");
    refer(
        call.input.get_field_by_name("request_id").is_some(),
        "IdempotencyKey",
    );
    refer(
        changes && call.input.get_field_by_name("etag").is_some(),
        "IfMatch",
    );
    refer(call.access.cacheable && !changes, "IfNoneMatch");
    refer(call.raw_reply && call.method.is_server_streaming(), "Range");
    refer(
        !call.raw_reply && call.method.is_server_streaming(),
        "LastEventId",
    );
    parameters
}

fn parameter(fields: &[FieldDescriptor], place: &str, schemas: &mut Schemas<'_>) -> Option<Value> {
    let field = fields.last()?;
    let mut schema = schemas.field(field);
    if place == "path" {
        schema = never_empty(schema);
    }
    let description = schema
        .as_object_mut()
        .and_then(|schema| schema.remove("description"));
    let demanded = place == "path" || Rules::of(field).is_some_and(|rules| rules.demand_value_of(field));
    Some(json!({
        "name": json_path(fields),
        "in": place,
        "required": demanded,
        "description": description.unwrap_or_default(),
        "schema": schema,
    }))
}

/// The fields that only the query can hold, messages taken apart.
fn query_fields(route: &Route) -> Vec<Vec<FieldDescriptor>> {
    let mut found = Vec::new();
    if route.body != Body::Whole {
        collect(route, &route.call.input, &mut Vec::new(), &mut found);
    }
    found
}

fn collect(
    route: &Route,
    message: &MessageDescriptor,
    above: &mut Vec<FieldDescriptor>,
    found: &mut Vec<Vec<FieldDescriptor>>,
) {
    for field in message.fields() {
        let is_body = above.is_empty() && route.body == Body::Field(field.clone());
        above.push(field.clone());
        let inner = match field.kind() {
            Kind::Message(inner) if well_known(&inner).is_none() => Some(inner),
            _ => None,
        };
        let is_bound = route.variables.iter().any(|variable| variable == above);
        match inner {
            _ if is_body || is_bound || field.is_map() => {}
            Some(inner)
                if !field.is_list() && inner.full_name() != HTTP_BODY && above.len() < MAX_QUERY_DEPTH =>
            {
                collect(route, &inner, above, found);
            }
            Some(_) => {}
            None => found.push(above.clone()),
        }
        above.pop();
    }
}

fn request_body(route: &Route, schemas: &mut Schemas<'_>) -> Option<Value> {
    let call = &route.call;
    let schema = match &route.body {
        Body::None => return None,
        Body::Field(field) if Some(field) == call.upload.as_ref() => {
            let binary = json!({ "schema": { "type": "string", "format": "binary" } });
            return Some(json!({ "required": true, "content": { "*/*": binary } }));
        }
        Body::Field(field) => schemas.field(field),
        Body::Whole => {
            let in_path: Vec<FieldDescriptor> = route
                .variables
                .iter()
                .filter(|fields| fields.len() == 1)
                .flatten()
                .cloned()
                .collect();
            schemas.body_of(&call.input, &in_path, call.method.name())
        }
    };
    Some(json!({ "required": true, "content": { "application/json": { "schema": schema } } }))
}

fn responses(route: &Route, schemas: &mut Schemas<'_>) -> Value {
    let call = &route.call;
    let mut responses = Map::new();
    if call.raw_reply {
        // Without a schema, as OpenAPI 3.1 has it for bytes: a file that is JSON is no string to who validates.
        let binary = json!({ "*/*": {} });
        responses.insert(
            "200".to_owned(),
            json!({ "description": "The content.", "content": binary }),
        );
        if call.method.is_server_streaming() {
            responses.insert(
                "206".to_owned(),
                json!({ "description": "The part asked for.", "content": binary }),
            );
        }
    } else {
        let schema = match &route.response_body {
            Some(field) => schemas.field(field),
            None => schemas.message(&call.output),
        };
        let content = match call.method.is_server_streaming() {
            true => {
                json!({ "text/event-stream": { "schema": schema }, "application/x-ndjson": { "schema": schema } })
            }
            false => json!({ "application/json": { "schema": schema } }),
        };
        responses.insert(
            "200".to_owned(),
            json!({ "description": "Success.", "content": content }),
        );
    }
    if call.access.cacheable {
        responses.insert(
            "304".to_owned(),
            json!({ "description": "The answer that the caller has is the newest." }),
        );
    }
    responses.insert(
        "default".to_owned(),
        json!({ "$ref": "#/components/responses/Problem" }),
    );
    Value::Object(responses)
}
