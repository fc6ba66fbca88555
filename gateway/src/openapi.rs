//! The OpenAPI 3.1 document, made from the descriptors: the same for the same contract, byte for byte.

pub mod comments;
pub mod operation;
pub mod rules;
pub mod schema;

use std::collections::BTreeMap;

use prost_reflect::DescriptorPool;
use serde_json::{Map, Value, json};

use crate::transcode::{Table, template::Segment};
use comments::Comments;
use schema::Schemas;

/// Makes the document of every route.
pub fn document(pool: &DescriptorPool, table: &Table) -> Value {
    let comments = Comments::of(pool);
    let mut schemas = Schemas::new(&comments, table);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    for route in table.routes() {
        let service = route.call.method.parent_service();
        tags.entry(operation::tag(route))
            .or_insert_with(|| comments.of_service(service));
        let number = numbers.entry(route.call.name.as_str()).or_default();
        *number += 1;
        let operation = operation::operation(route, *number, &comments, &mut schemas);
        paths
            .entry(path(route))
            .or_default()
            .insert(route.method.to_lowercase(), operation);
    }
    let tags: Vec<Value> = tags
        .into_iter()
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "启航 Qihang API",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "高校毕业生就业服务平台接口",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "responses": { "Problem": problem_response() },
            "parameters": parameters(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "__Host-qh_at" },
            },
        },
    })
}

const DESCRIPTION: &str = "JSON over HTTP by the canonical proto3 mapping: names in lowerCamelCase, 64-bit integers as \
    text, times as RFC 3339 in UTC, bytes as Base64. Fields without presence are always written. Errors are \
    `application/problem+json` (RFC 9457) with a stable `code`, a sentence in Chinese and the fields concerned. \
    `Idempotency-Key` stands for `requestId`, `If-Match` for `etag`. Web pages send `X-Qihang-Client: web` (or `h5`), keep \
    their session in cookies and repeat the cookie `qh_csrf` in `X-CSRF-Token`; programs send a bearer token.";

/// The path as OpenAPI writes it: each variable in braces by its JSON name.
fn path(route: &crate::transcode::Route) -> String {
    let mut text = String::new();
    let mut index = 0;
    while let Some(segment) = route.template.segments.get(index) {
        text.push('/');
        let at = route
            .template
            .variables
            .iter()
            .position(|variable| variable.start == index);
        let variable = at.and_then(|at| route.template.variables.get(at).zip(route.variables.get(at)));
        if let Some((variable, fields)) = variable {
            text.push_str(&format!("{{{}}}", crate::transcode::bind::json_path(fields)));
            index += variable.length;
            continue;
        }
        match segment {
            Segment::Literal(literal) => text.push_str(literal),
            Segment::Single => text.push('*'),
            Segment::Rest => text.push_str("**"),
        }
        index += 1;
    }
    if let Some(verb) = &route.template.verb {
        text.push_str(&format!(":{verb}"));
    }
    text
}

fn problem_response() -> Value {
    json!({
        "description": "An error, RFC 9457.",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "schema": { "type": "string", "format": "uuid" },
            "description": "Makes the call safe to repeat; stands for `requestId` when that is empty.",
        },
        "IfMatch": {
            "name": "If-Match", "in": "header", "schema": { "type": "string" },
            "description": "The version that the caller saw; stands for `etag` when that is empty.",
        },
        "IfNoneMatch": {
            "name": "If-None-Match", "in": "header", "schema": { "type": "string" },
            "description": "The entity tag of the answer that the caller has; the same answer is 304 without a body.",
        },
        "Range": {
            "name": "Range", "in": "header", "schema": { "type": "string" },
            "description": "Part of the content, e.g. `bytes=0-1023`.",
        },
        "LastEventId": {
            "name": "Last-Event-ID", "in": "header", "schema": { "type": "string" },
            "description": "Id of the last event seen; the stream goes on after it where the call supports that.",
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use qihang_proto::POOL;

    use super::*;
    use crate::transcode::route;

    fn built() -> (Table, Value) {
        let table = Table::new(route::routes(&POOL).unwrap()).unwrap();
        let document = document(&POOL, &table);
        (table, document)
    }

    fn refs(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| refs(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| refs(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_there_and_every_reference_resolves() {
        let (table, document) = built();
        let mut ids = BTreeSet::new();
        for route in table.routes() {
            let operation = &document["paths"][path(route)][route.method.to_lowercase()];
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{}",
                route.path
            );
            assert!(
                ids.insert(operation["operationId"].to_string()),
                "{} twice",
                operation["operationId"]
            );
        }
        let mut found = BTreeSet::new();
        refs(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(
                document.pointer(pointer).is_some(),
                "{reference} does not resolve"
            );
        }
    }

    #[test]
    fn it_is_the_same_every_time_and_hides_what_is_for_services() {
        let one = serde_json::to_string(&built().1).unwrap();
        assert_eq!(one, serde_json::to_string(&built().1).unwrap());
        assert!(!one.contains("ClaimFiles") && !one.contains("BatchGetStudents"));
    }

    #[test]
    fn limits_roles_and_comments_are_told() {
        let (_, document) = built();
        let create = &document["paths"]["/v1/uploads"]["post"];
        assert_eq!(create["x-qihang-roles"][0], "STUDENT");
        let schema = &document["components"]["schemas"]["documents.v1.CreateUploadRequest"];
        assert_eq!(schema["properties"]["fileName"]["maxLength"], 128);
        // It may be left out, and what is left out is empty.
        let optional = &schema["properties"]["requestId"];
        assert_eq!(
            optional["anyOf"],
            json!([{ "maxLength": 0 }, { "format": "uuid" }])
        );
        assert_eq!(schema["required"], json!(["purpose", "fileName", "sizeBytes"]));
        assert_eq!(
            schema["properties"]["purpose"]["not"]["enum"][0],
            "FILE_PURPOSE_UNSPECIFIED"
        );
        let update = &document["components"]["schemas"]["identity.v1.UpdateSchoolBody"];
        assert!(update["properties"]["level"].is_object(), "{update}");
        assert_eq!(update.get("required"), None, "each field may be left out");
        let file = &document["components"]["schemas"]["documents.v1.File"];
        assert!(file["required"].as_array().unwrap().contains(&json!("sizeBytes")));
        assert!(
            !file["required"]
                .as_array()
                .unwrap()
                .contains(&json!("createTime"))
        );
        let put = &document["paths"]["/v1/uploads/{id}"]["put"];
        assert_eq!(put["requestBody"]["content"]["*/*"]["schema"]["format"], "binary");
        assert_eq!(put["parameters"][0]["schema"]["format"], "uuid");
    }
}
