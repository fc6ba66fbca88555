//! A reply as canonical proto3 JSON.
//!
//! Fields without presence are always written, so that a client finds an empty list as `[]` and a false as `false`;
//! fields with presence only when they are set. Tokens that the gateway keeps in cookies are left out.

use std::io::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use super::route::TOKEN_PAIR;

/// Writes a message.
///
/// # Errors
/// When a well-known type holds a value that JSON cannot express.
pub fn message(message: &DynamicMessage) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(512);
    write_message(message, &mut out)?;
    Ok(out)
}

/// Writes one field of a message as if it were the whole.
///
/// # Errors
/// As [`message`].
pub fn field(message: &DynamicMessage, field: &FieldDescriptor) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(512);
    write_field(&message.get_field(field), field, &mut out)?;
    Ok(out)
}

fn write_message(message: &DynamicMessage, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let descriptor = message.descriptor();
    if descriptor.package_name() == "google.protobuf" {
        return serde_json::to_writer(out, message);
    }
    let hides_empty = descriptor.full_name() == TOKEN_PAIR;
    out.push(b'{');
    let mut first = true;
    for field in descriptor.fields() {
        if (field.supports_presence() || hides_empty) && !message.has_field(&field) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        serde_json::to_writer(&mut *out, field.json_name())?;
        out.push(b':');
        write_field(&message.get_field(&field), &field, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_field(value: &Value, field: &FieldDescriptor, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let kind = field.kind();
    match value {
        Value::List(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(value, &kind, out)?;
            }
            out.push(b']');
            Ok(())
        }
        Value::Map(values) => {
            let value_kind = match &kind {
                Kind::Message(entry) => entry.map_entry_value_field().kind(),
                _ => kind,
            };
            let mut entries: Vec<(String, &Value)> =
                values.iter().map(|(key, value)| (key_text(key), value)).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            out.push(b'{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, &key)?;
                out.push(b':');
                write_value(value, &value_kind, out)?;
            }
            out.push(b'}');
            Ok(())
        }
        value => write_value(value, &kind, out),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

fn write_value(value: &Value, kind: &Kind, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let written = match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::I32(value) => write!(out, "{value}"),
        Value::U32(value) => write!(out, "{value}"),
        Value::I64(value) => write!(out, "\"{value}\""),
        Value::U64(value) => write!(out, "\"{value}\""),
        Value::F32(value) if value.is_finite() => return serde_json::to_writer(out, value),
        Value::F64(value) if value.is_finite() => return serde_json::to_writer(out, value),
        Value::F32(value) => write!(out, "\"{}\"", not_finite(f64::from(*value))),
        Value::F64(value) => write!(out, "\"{}\"", not_finite(*value)),
        Value::String(value) => return serde_json::to_writer(out, value),
        Value::Bytes(value) => write!(out, "\"{}\"", BASE64_STANDARD.encode(value)),
        Value::Message(value) => return write_message(value, out),
        Value::EnumNumber(number) => match enum_name(kind, *number) {
            Some(name) => write!(out, "\"{name}\""),
            None => write!(out, "{number}"),
        },
        Value::List(_) | Value::Map(_) => write!(out, "null"),
    };
    written.map_err(serde_json::Error::io)
}

fn not_finite(value: f64) -> &'static str {
    match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

fn enum_name(kind: &Kind, number: i32) -> Option<String> {
    match kind {
        Kind::Enum(descriptor) => descriptor.get_value(number).map(|value| value.name().to_owned()),
        _ => None,
    }
}
