//! Messages and enums as JSON Schema.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{comments::Comments, rules::Rules};
use crate::transcode::{Table, route::TOKEN_PAIR};

/// The schemas that were asked for, by name.
pub struct Schemas<'a> {
    comments: &'a Comments,
    done: BTreeMap<String, Value>,
    /// Messages that may be part of a request: there fields without presence may be left out.
    sent: BTreeSet<String>,
}

impl<'a> Schemas<'a> {
    /// No schemas yet.
    pub fn new(comments: &'a Comments, table: &Table) -> Self {
        let mut sent = BTreeSet::new();
        for route in table.routes() {
            reach(&route.call.input, &mut sent);
        }
        Self {
            comments,
            done: BTreeMap::new(),
            sent,
        }
    }

    /// Everything that was asked for, and what goes with it.
    pub fn finish(mut self) -> Value {
        self.done.insert("Problem".to_owned(), problem());
        json!(self.done)
    }

    /// A reference to a message, or the schema itself where JSON has one for Google's type.
    pub fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message) {
            return schema;
        }
        let name = name(message.full_name());
        if !self.done.contains_key(&name) {
            // Taken before its fields are looked at, so that a message may hold itself.
            self.done.insert(name.clone(), Value::Null);
            let schema = self.object(message, &[]);
            self.done.insert(name.clone(), schema);
        }
        reference(&name)
    }

    /// A message without the fields that the path holds, under a name of its own.
    pub fn body_of(
        &mut self,
        message: &MessageDescriptor,
        without: &[FieldDescriptor],
        method: &str,
    ) -> Value {
        if without.is_empty() {
            return self.message(message);
        }
        let schema = self.object(message, without);
        let name = format!("{}.{method}Body", name(message.package_name()));
        self.done.insert(name.clone(), schema);
        reference(&name)
    }

    fn object(&mut self, message: &MessageDescriptor, without: &[FieldDescriptor]) -> Value {
        let is_sent = self.sent.contains(message.full_name());
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields().filter(|field| !without.contains(field)) {
            let demanded = Rules::of(&field).is_some_and(|rules| rules.demand_value_of(&field));
            let always_written = !field.supports_presence() && message.full_name() != TOKEN_PAIR;
            if if is_sent { demanded } else { always_written } {
                required.push(field.json_name().to_owned());
            }
            properties.insert(field.json_name().to_owned(), self.field(&field));
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        describe(&mut schema, self.comments.of_message(message));
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if is_sent {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
        Value::Object(schema)
    }

    /// The schema of a field with its limits and its comment.
    pub fn field(&mut self, field: &FieldDescriptor) -> Value {
        let rules = Rules::of(field);
        let kind = field.kind();
        let mut schema = match (&kind, field.is_map(), field.is_list()) {
            (Kind::Message(entry), true, _) => {
                let values = self.kind(&entry.map_entry_value_field().kind());
                Map::from_iter([
                    ("type".to_owned(), json!("object")),
                    ("additionalProperties".to_owned(), values),
                ])
            }
            (_, _, true) => {
                let mut items = object(self.kind(&kind));
                if let Some(rules) = rules.as_ref().and_then(Rules::items) {
                    rules.apply(&kind, &mut items);
                }
                Map::from_iter([
                    ("type".to_owned(), json!("array")),
                    ("items".to_owned(), Value::Object(items)),
                ])
            }
            _ => object(self.kind(&kind)),
        };
        if let Some(rules) = rules {
            rules.apply(&kind, &mut schema);
            if rules.spare_empty() && matches!(kind, Kind::String) && !field.is_list() {
                schema = or_empty(schema);
            }
        }
        if field
            .field_descriptor_proto()
            .options
            .as_ref()
            .and_then(|options| options.deprecated)
            == Some(true)
        {
            schema.insert("deprecated".to_owned(), json!(true));
        }
        describe(&mut schema, self.comments.of_field(field));
        Value::Object(schema)
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Double => json!({ "type": "number", "format": "double" }),
            Kind::Float => json!({ "type": "number", "format": "float" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
            Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "uint32", "minimum": 0 }),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$" })
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$" })
            }
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(descriptor) => self.enumeration(descriptor),
            Kind::Message(message) => self.message(message),
        }
    }

    fn enumeration(&mut self, descriptor: &EnumDescriptor) -> Value {
        let name = name(descriptor.full_name());
        if !self.done.contains_key(&name) {
            let names: Vec<String> = descriptor.values().map(|value| value.name().to_owned()).collect();
            let texts: Map<String, Value> = descriptor
                .values()
                .map(|value| (value.name().to_owned(), json!(self.comments.of_value(&value))))
                .collect();
            let mut schema = Map::from_iter([
                ("type".to_owned(), json!("string")),
                ("enum".to_owned(), json!(names)),
            ]);
            describe(&mut schema, self.comments.of_enum(descriptor));
            schema.insert("x-qihang-values".to_owned(), Value::Object(texts));
            self.done.insert(name.clone(), Value::Object(schema));
        }
        reference(&name)
    }
}

fn reach(message: &MessageDescriptor, found: &mut BTreeSet<String>) {
    if !found.insert(message.full_name().to_owned()) {
        return;
    }
    for field in message.fields() {
        if let Kind::Message(inner) = field.kind() {
            reach(&inner, found);
        }
    }
}

fn describe(schema: &mut Map<String, Value>, comment: String) {
    if !comment.is_empty() {
        schema.insert("description".to_owned(), json!(comment));
    }
}

/// The schema of a text where it cannot be empty: in a path.
pub fn never_empty(schema: Value) -> Value {
    let mut schema = object(schema);
    if let Some(Value::Array(ways)) = schema.shift_remove("anyOf") {
        schema.extend(ways.into_iter().skip(1).flat_map(object));
    }
    Value::Object(schema)
}

/// The schema of a text that may be empty in spite of its rules.
fn or_empty(mut schema: Map<String, Value>) -> Map<String, Value> {
    let strict = ["pattern", "format", "minLength", "enum"];
    let rules: Map<String, Value> = strict
        .into_iter()
        .filter_map(|rule| Some((rule.to_owned(), schema.shift_remove(rule)?)))
        .collect();
    if !rules.is_empty() {
        schema.insert("anyOf".to_owned(), json!([{ "maxLength": 0 }, rules]));
    }
    schema
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn name(full_name: &str) -> String {
    full_name.trim_start_matches("qihang.").to_owned()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Google's types whose JSON is not that of their fields.
pub fn well_known(message: &MessageDescriptor) -> Option<Value> {
    let name = message.full_name().strip_prefix("google.protobuf.")?;
    Some(match name {
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "Duration" => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$" }),
        "FieldMask" => json!({ "type": "string", "description": "Names of fields, separated by commas." }),
        "Struct" | "Any" => json!({ "type": "object", "additionalProperties": true }),
        "Empty" => json!({ "type": "object" }),
        "ListValue" => json!({ "type": "array" }),
        "BoolValue" => json!({ "type": ["boolean", "null"] }),
        "StringValue" => json!({ "type": ["string", "null"] }),
        "BytesValue" => json!({ "type": ["string", "null"], "contentEncoding": "base64" }),
        "Int32Value" | "UInt32Value" => json!({ "type": ["integer", "null"] }),
        "Int64Value" | "UInt64Value" => json!({ "type": ["string", "null"], "format": "int64" }),
        "FloatValue" | "DoubleValue" => json!({ "type": ["number", "null"] }),
        _ => json!({}),
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "An error, RFC 9457.",
        "required": ["type", "title", "status", "detail", "code", "trace_id"],
        "properties": {
            "type": { "type": "string", "description": "URN of the kind of error." },
            "title": { "type": "string", "description": "Kind of error in Chinese." },
            "status": { "type": "integer", "description": "The HTTP status." },
            "detail": { "type": "string", "description": "What went wrong and the way out, in Chinese." },
            "code": { "type": "string", "description": "Stable upper-snake reason." },
            "fields": {
                "type": "array",
                "description": "What is wrong, by field.",
                "items": {
                    "type": "object",
                    "required": ["field", "message", "code"],
                    "properties": {
                        "field": { "type": "string", "description": "Path of the field by its JSON names." },
                        "message": { "type": "string", "description": "What is wrong, in Chinese." },
                        "code": { "type": "string", "description": "Stable upper-snake reason." },
                    },
                },
            },
            "trace_id": { "type": "string", "description": "Id to give to support." },
            "metadata": { "type": "object", "additionalProperties": { "type": "string" }, "description": "Facts for programs." },
        },
    })
}
