//! Puts a request message together from path, query and body.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::Value as Json;

use super::{
    Malformed, Violation, json,
    route::{Body, Route},
    text,
};

/// Builds the request of a route.
///
/// # Errors
/// Every field that is unknown, doubled or of another type.
pub fn request(
    route: &Route,
    segments: &[&str],
    query: Option<&str>,
    body: Option<Json>,
) -> Result<DynamicMessage, Malformed> {
    let mut message = DynamicMessage::new(route.call.input.clone());
    let mut faults = Vec::new();
    if let Some(body) = body {
        match &route.body {
            Body::None => {}
            Body::Whole => message = json::message(&route.call.input, body, "", &mut faults),
            Body::Field(field) => json::set(&mut message, field, body, field.json_name(), &mut faults),
        }
    }
    bind_path(route, segments, &mut message, &mut faults);
    bind_query(route, query.unwrap_or_default(), &mut message, &mut faults);
    if faults.is_empty() {
        Ok(message)
    } else {
        Err(Malformed::Fields(faults))
    }
}

fn bind_path(route: &Route, segments: &[&str], message: &mut DynamicMessage, faults: &mut Vec<Violation>) {
    let values = match route.template.captures(segments) {
        Ok(values) => values,
        Err(field) => {
            faults.push(Violation::new(
                field,
                "WRONG_ENCODING",
                "路径中的此项不是有效的 UTF-8 编码",
            ));
            return;
        }
    };
    for (fields, text) in route.variables.iter().zip(values) {
        let path = json_path(fields);
        let Some(last) = fields.last() else { continue };
        match text::parse(last, &text, &path) {
            Ok(value) => {
                if let Some(Err(violation)) = with_leaf(message, fields, |at, field| {
                    let differs = at.has_field(field) && *at.get_field(field) != value;
                    at.set_field(field, value);
                    if differs {
                        Err(Violation::new(
                            path,
                            "PATH_CONFLICT",
                            "请求体中的此项与路径中的不一致",
                        ))
                    } else {
                        Ok(())
                    }
                }) {
                    faults.push(violation);
                }
            }
            Err(violation) => faults.push(violation),
        }
    }
}

fn bind_query(route: &Route, query: &str, message: &mut DynamicMessage, faults: &mut Vec<Violation>) {
    let mut seen = HashSet::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(name), Some(value)) = (decode(name), decode(value)) else {
            faults.push(Violation::new(
                name,
                "WRONG_ENCODING",
                "此查询参数不是有效的 UTF-8 编码",
            ));
            continue;
        };
        if faults.len() >= super::MAX_VIOLATIONS {
            return;
        }
        let bound = query_field(route, &name)
            .ok_or_else(|| json::unknown(&name))
            .and_then(|fields| bind_one(&fields, &value, &mut seen, message));
        faults.extend(bound.err());
    }
}

fn bind_one(
    fields: &[FieldDescriptor],
    value: &str,
    seen: &mut HashSet<String>,
    message: &mut DynamicMessage,
) -> Result<(), Violation> {
    let path = json_path(fields);
    let Some(last) = fields.last() else {
        return Err(json::unknown(&path));
    };
    let value = text::parse(last, value, &path)?;
    let is_new = seen.insert(path.clone());
    if last.is_list() {
        with_leaf(message, fields, |at, field| {
            if let Some(list) = at.get_field_mut(field).as_list_mut() {
                list.push(value);
            }
        });
        return Ok(());
    }
    if !is_new {
        return Err(Violation::new(
            path,
            "DUPLICATE_FIELD",
            "此查询参数出现了两次，请只保留一个",
        ));
    }
    with_leaf(message, fields, |at, field| at.set_field(field, value));
    Ok(())
}

/// The fields that a query parameter names, unless path or body hold them.
fn query_field(route: &Route, name: &str) -> Option<Vec<FieldDescriptor>> {
    if route.body == Body::Whole {
        return None;
    }
    let fields = lookup(&route.call.input, name)?;
    let is_bound = route.variables.contains(&fields)
        || matches!(&route.body, Body::Field(body) if fields.first() == Some(body));
    if is_bound { None } else { Some(fields) }
}

fn lookup(message: &MessageDescriptor, path: &str) -> Option<Vec<FieldDescriptor>> {
    let mut at = Some(message.clone());
    let mut fields = Vec::new();
    for name in path.split('.') {
        let message = at.take()?;
        let field = message
            .get_field_by_json_name(name)
            .or_else(|| message.get_field_by_name(name))?;
        if field.is_map() {
            return None;
        }
        if let (Kind::Message(inner), false) = (field.kind(), field.is_list()) {
            at = Some(inner);
        }
        fields.push(field);
    }
    Some(fields)
}

/// Calls `change` with the message that holds the last of the fields.
fn with_leaf<T>(
    message: &mut DynamicMessage,
    fields: &[FieldDescriptor],
    change: impl FnOnce(&mut DynamicMessage, &FieldDescriptor) -> T,
) -> Option<T> {
    let (last, parents) = fields.split_last()?;
    let mut at = message;
    for field in parents {
        at = match at.get_field_mut(field) {
            Value::Message(message) => message,
            _ => return None,
        };
    }
    Some(change(at, last))
}

/// A field path by JSON names.
pub fn json_path(fields: &[FieldDescriptor]) -> String {
    fields
        .iter()
        .map(FieldDescriptor::json_name)
        .collect::<Vec<_>>()
        .join(".")
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}
