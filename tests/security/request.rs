//! The smallest request that the rules of the contract let through.

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    string::string_regex,
    test_runner::TestRunner,
};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use qihang_proto::POOL;
use serde_json::{Map, Value as Json, json};

/// An id that nothing has.
pub(crate) const NOBODY: &str = "01900000-0000-7000-8000-000000000000";
/// Number of `IGNORE_IF_ZERO_VALUE`.
const IF_ZERO: i32 = 1;

/// What a message must hold at least.
pub(crate) fn smallest(message: &MessageDescriptor) -> Map<String, Json> {
    let fields = message.fields().filter_map(|field| {
        let rules = rules(&field)?;
        Some((field.json_name().to_owned(), needed(&field, &rules)?))
    });
    fields.collect()
}

fn rules(field: &FieldDescriptor) -> Option<DynamicMessage> {
    let extension = POOL.get_extension_by_name("buf.validate.field")?;
    let options = field.options();
    options
        .has_extension(&extension)
        .then(|| options.get_extension(&extension).as_message().cloned())
        .flatten()
}

fn part(rules: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    rules
        .has_field_by_name(name)
        .then(|| rules.get_field_by_name(name)?.as_message().cloned())
        .flatten()
}

fn value(rules: &DynamicMessage, name: &str) -> Option<Value> {
    rules
        .has_field_by_name(name)
        .then(|| rules.get_field_by_name(name).map(|value| value.into_owned()))
        .flatten()
}

fn first(rules: &DynamicMessage) -> Option<Value> {
    value(rules, "in")?.as_list()?.first().cloned()
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::U32(number) => Some(u64::from(*number)),
        Value::U64(number) => Some(*number),
        Value::I32(number) => u64::try_from(*number).ok(),
        Value::I64(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

/// A value for a field that may not be left out.
fn needed(field: &FieldDescriptor, rules: &DynamicMessage) -> Option<Json> {
    if value(rules, "ignore").and_then(|value| value.as_enum_number()) == Some(IF_ZERO) {
        return None;
    }
    if field.is_list() {
        let repeated = part(rules, "repeated")?;
        let least = value(&repeated, "min_items").as_ref().and_then(number)?;
        let items = part(&repeated, "items");
        let one = single(&field.kind(), items.as_ref())?;
        return (least > 0).then(|| json!(vec![one; usize::try_from(least).expect("a small number")]));
    }
    if let Kind::Message(_) = field.kind() {
        let required = value(rules, "required").and_then(|value| value.as_bool()) == Some(true);
        return required.then(|| single(&field.kind(), None)).flatten();
    }
    single(&field.kind(), Some(rules))
}

fn single(kind: &Kind, rules: Option<&DynamicMessage>) -> Option<Json> {
    match kind {
        Kind::Message(message) => Some(Json::Object(smallest(message))),
        Kind::String => text(&part(rules?, "string")?),
        Kind::Enum(of) => {
            let rules = part(rules?, "enum")?;
            let wanted = first(&rules).and_then(|value| value.as_enum_number().or(value.as_i32()));
            let wanted = wanted.or_else(|| value(&rules, "not_in").map(|_| 1))?;
            Some(json!(of.get_value(wanted)?.name()))
        }
        Kind::Uint32 | Kind::Uint64 | Kind::Int32 | Kind::Int64 => {
            let name = match kind {
                Kind::Uint32 => "uint32",
                Kind::Uint64 => "uint64",
                Kind::Int32 => "int32",
                _ => "int64",
            };
            let rules = part(rules?, name)?;
            let least = value(&rules, "gte").as_ref().and_then(number);
            let above = value(&rules, "gt")
                .as_ref()
                .and_then(number)
                .map(|number| number + 1);
            least
                .or(above)
                .filter(|number| *number > 0)
                .map(|number| json!(number))
        }
        _ => None,
    }
}

fn text(rules: &DynamicMessage) -> Option<Json> {
    if value(rules, "uuid").is_some() {
        return Some(json!(NOBODY));
    }
    if let Some(one) = first(rules) {
        return one.as_str().map(|text| json!(text));
    }
    if let Some(pattern) = value(rules, "pattern") {
        let strategy = string_regex(pattern.as_str()?.trim_matches(['^', '$'])).expect("a pattern");
        let tree = strategy
            .new_tree(&mut TestRunner::deterministic())
            .expect("a text");
        return Some(json!(tree.current()));
    }
    let length = value(rules, "len").or_else(|| value(rules, "min_len"))?;
    let length = usize::try_from(number(&length)?).expect("a small number");
    Some(json!("4".repeat(length)))
}
