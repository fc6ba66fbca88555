//! JSON as people send it, into a message: canonical proto3 JSON, with every fault named by its field.

use std::{cell::RefCell, collections::HashMap, fmt};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::{MAX_VIOLATIONS, Malformed, Violation, text};

/// How deep objects and lists may lie in each other.
pub const MAX_DEPTH: usize = 32;

/// Reads a body as JSON. Doubled keys and too deep nesting are refused, both by name.
///
/// # Errors
/// [`Malformed::Syntax`] with the place when it is not JSON, [`Malformed::Fields`] when a key is doubled.
pub fn parse(body: &[u8]) -> Result<Json, Malformed> {
    let fault = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let tree = Tree {
        path: String::new(),
        depth: 0,
        fault: &fault,
    }
    .deserialize(&mut deserializer);
    match tree.and_then(|tree| deserializer.end().map(|()| tree)) {
        Ok(tree) => Ok(tree),
        Err(error) => Err(match fault.into_inner() {
            Some(fault) => Malformed::Fields(vec![fault]),
            None if error.is_eof() => Malformed::Syntax("请求体不是完整的 JSON：内容在中途结束".to_owned()),
            None => Malformed::Syntax(format!(
                "请求体不是有效的 JSON：第 {} 行第 {} 列附近有误",
                error.line(),
                error.column()
            )),
        }),
    }
}

struct Tree<'a> {
    path: String,
    depth: usize,
    fault: &'a RefCell<Option<Violation>>,
}

impl Tree<'_> {
    fn inside(&self, path: String) -> Tree<'_> {
        Tree {
            path,
            depth: self.depth + 1,
            fault: self.fault,
        }
    }

    fn refuse<E: Error>(&self, violation: Violation) -> E {
        *self.fault.borrow_mut() = Some(violation);
        E::custom("refused")
    }

    fn check_depth<E: Error>(&self) -> Result<(), E> {
        if self.depth < MAX_DEPTH {
            return Ok(());
        }
        let message = format!("嵌套过深，至多 {MAX_DEPTH} 层");
        Err(self.refuse(Violation::new(self.path.clone(), "TOO_DEEP", message)))
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        self.check_depth()?;
        let mut values = Vec::new();
        while let Some(value) =
            list.next_element_seed(self.inside(format!("{}[{}]", self.path, values.len())))?
        {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        self.check_depth()?;
        let mut values = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = join(&self.path, &key);
            if values.contains_key(&key) {
                return Err(self.refuse(Violation::new(
                    path,
                    "DUPLICATE_FIELD",
                    "此项出现了两次，请只保留一个",
                )));
            }
            let value = map.next_value_seed(self.inside(path))?;
            values.insert(key, value);
        }
        Ok(Json::Object(values))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Turns JSON into a message and collects every violation on the way.
pub fn message(
    descriptor: &MessageDescriptor,
    json: Json,
    path: &str,
    faults: &mut Vec<Violation>,
) -> DynamicMessage {
    if is_special(descriptor) {
        return special(descriptor, json, path, faults);
    }
    let mut message = DynamicMessage::new(descriptor.clone());
    let Json::Object(object) = json else {
        push(
            faults,
            Violation::new(path, "WRONG_TYPE", "此项应为 JSON 对象，请改正后重试"),
        );
        return message;
    };
    for (name, json) in object {
        let path = join(path, &name);
        let field = descriptor
            .get_field_by_json_name(&name)
            .or_else(|| descriptor.get_field_by_name(&name));
        match field {
            Some(field) => set(&mut message, &field, json, &path, faults),
            None => push(faults, unknown(&path)),
        }
    }
    message
}

/// The violation of a field that is not there.
pub fn unknown(path: &str) -> Violation {
    Violation::new(
        path,
        "UNKNOWN_FIELD",
        format!("没有名为“{path}”的参数，请删去或检查拼写"),
    )
}

fn push(faults: &mut Vec<Violation>, violation: Violation) {
    if faults.len() < MAX_VIOLATIONS {
        faults.push(violation);
    }
}

/// Sets one field from JSON. `null` leaves it absent.
pub fn set(
    message: &mut DynamicMessage,
    field: &FieldDescriptor,
    json: Json,
    path: &str,
    faults: &mut Vec<Violation>,
) {
    if json.is_null() && !takes_null(field) {
        return;
    }
    if message.has_field(field) {
        push(
            faults,
            Violation::new(path, "DUPLICATE_FIELD", "此项出现了两次，请只保留一个"),
        );
        return;
    }
    if let Some(oneof) = field.containing_oneof()
        && let Some(other) = oneof.fields().find(|other| message.has_field(other))
    {
        let text = format!("此项与“{}”只能填写一个", other.json_name());
        push(faults, Violation::new(path, "ONEOF_CONFLICT", text));
        return;
    }
    if let Some(value) = field_value(field, json, path, faults) {
        message.set_field(field, value);
    }
}

fn takes_null(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value" && !field.is_list(),
        _ => false,
    }
}

fn field_value(
    field: &FieldDescriptor,
    json: Json,
    path: &str,
    faults: &mut Vec<Violation>,
) -> Option<Value> {
    if field.is_map() {
        return map_value(field, json, path, faults);
    }
    if !field.is_list() {
        return value(&field.kind(), json, path, faults);
    }
    let Json::Array(list) = json else {
        push(
            faults,
            Violation::new(path, "WRONG_TYPE", "此项应为列表，请改正后重试"),
        );
        return None;
    };
    let kind = field.kind();
    let mut values = Vec::with_capacity(list.len());
    for (index, json) in list.into_iter().enumerate() {
        values.extend(value(&kind, json, &format!("{path}[{index}]"), faults));
    }
    Some(Value::List(values))
}

fn map_value(field: &FieldDescriptor, json: Json, path: &str, faults: &mut Vec<Violation>) -> Option<Value> {
    let (Json::Object(object), Kind::Message(entry)) = (json, field.kind()) else {
        push(
            faults,
            Violation::new(path, "WRONG_TYPE", "此项应为 JSON 对象，请改正后重试"),
        );
        return None;
    };
    let (key_kind, value_kind) = (
        entry.map_entry_key_field().kind(),
        entry.map_entry_value_field().kind(),
    );
    let mut values = HashMap::new();
    for (name, json) in object {
        let path = join(path, &name);
        match text::map_key(&key_kind, &name) {
            Some(key) => {
                values.extend(value(&value_kind, json, &path, faults).map(|value| (key, value)));
            }
            None => push(faults, text::wrong_type(&path, &key_kind)),
        }
    }
    Some(Value::Map(values))
}

fn value(kind: &Kind, json: Json, path: &str, faults: &mut Vec<Violation>) -> Option<Value> {
    if let Kind::Message(descriptor) = kind {
        return Some(Value::Message(message(descriptor, json, path, faults)));
    }
    let value = scalar(kind, json);
    if value.is_none() {
        push(faults, text::wrong_type(path, kind));
    }
    value
}

fn scalar(kind: &Kind, json: Json) -> Option<Value> {
    Some(match kind {
        Kind::Double => Value::F64(float(&json)?),
        Kind::Float => Value::F32(float(&json).filter(|number| text::fits_f32(*number))? as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(integer(&json)?.try_into().ok()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(integer(&json)?.try_into().ok()?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(integer(&json)?.try_into().ok()?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(integer(&json)?.try_into().ok()?),
        Kind::Bool => Value::Bool(json.as_bool()?),
        Kind::String => match json {
            Json::String(text) => Value::String(text),
            _ => return None,
        },
        Kind::Bytes => Value::Bytes(text::base64(json.as_str()?)?),
        Kind::Enum(descriptor) => Value::EnumNumber(match &json {
            Json::String(name) => descriptor.get_value_by_name(name)?.number(),
            _ => integer(&json)?.try_into().ok()?,
        }),
        Kind::Message(_) => return None,
    })
}

fn float(json: &Json) -> Option<f64> {
    match json {
        Json::String(text) => text::float(text),
        _ => json.as_f64(),
    }
}

/// An integer as a number, as a number without a fraction (`1e3`, `2.0`) or as decimal text.
fn integer(json: &Json) -> Option<i128> {
    match json {
        Json::String(text) => text.parse().ok(),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Some(number.into()),
            (_, Some(number), _) => Some(number.into()),
            (_, _, Some(number)) if number.fract() == 0.0 && number.abs() < 1e19 => Some(number as i128),
            _ => None,
        },
        _ => None,
    }
}

/// Types of Google's whose JSON is not that of their fields.
fn is_special(descriptor: &MessageDescriptor) -> bool {
    descriptor.package_name() == "google.protobuf"
}

fn special(
    descriptor: &MessageDescriptor,
    json: Json,
    path: &str,
    faults: &mut Vec<Violation>,
) -> DynamicMessage {
    DynamicMessage::deserialize(descriptor.clone(), json).unwrap_or_else(|_| {
        push(faults, text::wrong_type(path, &Kind::Message(descriptor.clone())));
        DynamicMessage::new(descriptor.clone())
    })
}
