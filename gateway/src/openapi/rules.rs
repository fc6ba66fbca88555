//! The limits of `buf.validate` as keywords of JSON Schema.

use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, Value};
use serde_json::{Map, Value as Json, json};

const IGNORE_IF_ZERO_VALUE: i32 = 1;
const IGNORE_ALWAYS: i32 = 3;

/// The rules of one field.
#[derive(Clone, Debug)]
pub struct Rules(DynamicMessage);

impl Rules {
    /// The rules that a field carries.
    pub fn of(field: &FieldDescriptor) -> Option<Self> {
        let extension = field
            .parent_message()
            .parent_pool()
            .get_extension_by_name("buf.validate.field")?;
        let options = field.options();
        if !options.has_extension(&extension) {
            return None;
        }
        let rules = options
            .get_extension(&extension)
            .as_message()
            .cloned()
            .map(Self)?;
        (rules.ignore() != IGNORE_ALWAYS).then_some(rules)
    }

    /// True when the rules do not count for an empty text, a zero or the unspecified value.
    pub fn spare_empty(&self) -> bool {
        self.ignore() == IGNORE_IF_ZERO_VALUE
    }

    fn ignore(&self) -> i32 {
        self.0
            .get_field_by_name("ignore")
            .and_then(|value| value.as_enum_number())
            .unwrap_or_default()
    }

    /// The rules of the field's type, `string` or `repeated`, with that name.
    fn typed(&self) -> Option<(String, DynamicMessage)> {
        let typed = self
            .0
            .fields()
            .find_map(|(field, value)| Some((field.name().to_owned(), value.as_message()?.clone())));
        typed.filter(|(name, _)| name != "cel")
    }

    /// True when a request without the field is refused. What a field's value must be counts only for one that is there, so
    /// an `optional` one may be left out.
    pub fn demand_value_of(&self, field: &FieldDescriptor) -> bool {
        let required = self
            .0
            .get_field_by_name("required")
            .and_then(|value| value.as_bool())
            .unwrap_or_default();
        if required {
            return true;
        }
        if self.ignore() != 0 || field.supports_presence() {
            return false;
        }
        self.typed().is_some_and(|(kind, rules)| match kind.as_str() {
            "string" => is_format(&rules) || is_above_zero(&rules, &["min_len", "len", "min_bytes"]),
            "bytes" => is_above_zero(&rules, &["min_len", "len"]),
            "repeated" => is_above_zero(&rules, &["min_items"]),
            "map" => is_above_zero(&rules, &["min_pairs"]),
            "enum" => list(&rules, "not_in")
                .iter()
                .any(|value| value.as_enum_number().or(value.as_i32()) == Some(0)),
            _ => is_above_zero(&rules, &["gte"]) || rules.has_field_by_name("gt"),
        })
    }

    /// The rules of each element of a repeated field.
    pub fn items(&self) -> Option<Self> {
        let (_, rules) = self.typed().filter(|(kind, _)| kind == "repeated")?;
        rules
            .get_field_by_name("items")
            .filter(|_| rules.has_field_by_name("items"))?
            .as_message()
            .cloned()
            .map(Self)
    }

    /// Adds the keywords to a schema. `kind` is the field's (or element's) type.
    pub fn apply(&self, kind: &Kind, schema: &mut Map<String, Json>) {
        let Some((name, rules)) = self.typed() else { return };
        let is_text_number = matches!(
            schema.get("format").and_then(Json::as_str),
            Some("int64" | "uint64")
        );
        for (field, value) in rules.fields() {
            let keyword = match (name.as_str(), field.name()) {
                ("string", rule) => string_rule(rule, value),
                ("repeated" | "map", rule) => collection_rule(rule, value),
                ("enum", rule) => enum_rule(rule, value, kind),
                ("bytes", rule) => {
                    number(value).map(|number| (format!("x-qihang-bytes-{}", rule.replace('_', "-")), number))
                }
                (_, rule) => number_rule(rule, value, is_text_number),
            };
            schema.extend(keyword);
        }
        for (rule, lower, upper) in [("len", "minLength", "maxLength")] {
            if let Some(length) = rules
                .get_field_by_name(rule)
                .filter(|_| name == "string" && rules.has_field_by_name(rule))
            {
                schema.extend(number(&length).map(|length| (lower.to_owned(), length)));
                schema.extend(number(&length).map(|length| (upper.to_owned(), length)));
            }
        }
    }
}

fn list(rules: &DynamicMessage, name: &str) -> Vec<Value> {
    let value = rules.get_field_by_name(name);
    value
        .and_then(|value| value.as_list().map(<[Value]>::to_vec))
        .unwrap_or_default()
}

fn is_format(rules: &DynamicMessage) -> bool {
    rules
        .fields()
        .any(|(field, value)| format(field.name()).is_some() && value.as_bool() == Some(true))
}

fn is_above_zero(rules: &DynamicMessage, names: &[&str]) -> bool {
    let above = |value: &Value| {
        number(value)
            .and_then(|number| number.as_f64())
            .is_some_and(|number| number > 0.0)
    };
    names.iter().any(|name| {
        rules.has_field_by_name(name) && rules.get_field_by_name(name).is_some_and(|value| above(&value))
    })
}

fn format(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "uuid" => "uuid",
        "email" => "email",
        "hostname" => "hostname",
        "ipv4" => "ipv4",
        "ipv6" => "ipv6",
        "uri" => "uri",
        "uri_ref" => "uri-reference",
        _ => return None,
    })
}

fn string_rule(rule: &str, value: &Value) -> Option<(String, Json)> {
    if let Some(format) = format(rule) {
        return (value.as_bool() == Some(true)).then(|| ("format".to_owned(), json!(format)));
    }
    let pattern = |before: &str, after: &str| {
        value.as_str().map(|text| {
            (
                "pattern".to_owned(),
                json!(format!("{before}{}{after}", regex::escape(text))),
            )
        })
    };
    match rule {
        "min_len" => number(value).map(|number| ("minLength".to_owned(), number)),
        "max_len" => number(value).map(|number| ("maxLength".to_owned(), number)),
        "pattern" => value.as_str().map(|text| ("pattern".to_owned(), json!(text))),
        "prefix" => pattern("^", ""),
        "suffix" => pattern("", "$"),
        "contains" => pattern("", ""),
        "const" => value.as_str().map(|text| ("const".to_owned(), json!(text))),
        "in" => Some(("enum".to_owned(), texts(value))),
        "not_in" => Some(("not".to_owned(), json!({ "enum": texts(value) }))),
        _ => None,
    }
}

fn texts(value: &Value) -> Json {
    value
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

fn collection_rule(rule: &str, value: &Value) -> Option<(String, Json)> {
    let keyword = match rule {
        "min_items" => "minItems",
        "max_items" => "maxItems",
        "min_pairs" => "minProperties",
        "max_pairs" => "maxProperties",
        "unique" => {
            return value
                .as_bool()
                .map(|unique| ("uniqueItems".to_owned(), json!(unique)));
        }
        _ => return None,
    };
    number(value).map(|number| (keyword.to_owned(), number))
}

fn enum_rule(rule: &str, value: &Value, kind: &Kind) -> Option<(String, Json)> {
    let Kind::Enum(descriptor) = kind else { return None };
    match rule {
        "in" => Some(("enum".to_owned(), names(descriptor, value))),
        "not_in" => Some(("not".to_owned(), json!({ "enum": names(descriptor, value) }))),
        "const" => value
            .as_i32()
            .and_then(|number| Some(("const".to_owned(), json!(descriptor.get_value(number)?.name())))),
        _ => None,
    }
}

fn names(descriptor: &EnumDescriptor, value: &Value) -> Json {
    let numbers = value
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_i32);
    numbers
        .filter_map(|number| descriptor.get_value(number).map(|value| value.name().to_owned()))
        .collect()
}

/// Limits of 64-bit integers stand as extensions, since those are text in JSON.
fn number_rule(rule: &str, value: &Value, is_text: bool) -> Option<(String, Json)> {
    let keyword = match rule {
        "gte" => "minimum",
        "gt" => "exclusiveMinimum",
        "lte" => "maximum",
        "lt" => "exclusiveMaximum",
        "const" => "const",
        "in" | "not_in" => {
            let values: Vec<Json> = value.as_list()?.iter().filter_map(number).collect();
            return Some(if rule == "in" {
                ("enum".to_owned(), json!(values))
            } else {
                ("not".to_owned(), json!({ "enum": values }))
            });
        }
        _ => return None,
    };
    let keyword = if is_text {
        format!("x-qihang-{keyword}")
    } else {
        keyword.to_owned()
    };
    number(value).map(|number| (keyword, number))
}

fn number(value: &Value) -> Option<Json> {
    match value {
        Value::I32(number) => Some(json!(number)),
        Value::I64(number) => Some(json!(number)),
        Value::U32(number) => Some(json!(number)),
        Value::U64(number) => Some(json!(number)),
        Value::F32(number) => Some(json!(number)),
        Value::F64(number) => Some(json!(number)),
        _ => None,
    }
}
