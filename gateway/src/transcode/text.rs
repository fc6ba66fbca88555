//! Text from a path or a query as a value of a field.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};

use super::Violation;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// What a kind of value looks like, for people.
pub fn expectation(kind: &Kind) -> String {
    match kind {
        Kind::Double | Kind::Float => "数字".to_owned(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "整数（-2147483648 至 2147483647）".to_owned(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "整数".to_owned(),
        Kind::Uint32 | Kind::Fixed32 => "非负整数（至多 4294967295）".to_owned(),
        Kind::Uint64 | Kind::Fixed64 => "非负整数".to_owned(),
        Kind::Bool => "true 或 false".to_owned(),
        Kind::String => "文本".to_owned(),
        Kind::Bytes => "Base64 编码的文本".to_owned(),
        Kind::Enum(descriptor) => format!("以下之一：{}", names(descriptor)),
        Kind::Message(descriptor) => match descriptor.full_name() {
            "google.protobuf.Timestamp" => "时间，例如 2026-06-30T08:00:00Z".to_owned(),
            "google.protobuf.Duration" => "时长，例如 90s".to_owned(),
            "google.protobuf.FieldMask" => "以逗号分隔的字段名".to_owned(),
            _ => "JSON 对象".to_owned(),
        },
    }
}

fn names(descriptor: &EnumDescriptor) -> String {
    let names: Vec<String> = descriptor
        .values()
        .filter(|value| value.number() != 0)
        .take(20)
        .map(|value| value.name().to_owned())
        .collect();
    names.join("、")
}

/// A violation that says which type the field wants.
pub fn wrong_type(field: &str, kind: &Kind) -> Violation {
    Violation::new(
        field,
        "WRONG_TYPE",
        format!("此项应为{}，请改正后重试", expectation(kind)),
    )
}

/// Reads text as one value of a field (one element of a repeated one).
///
/// # Errors
/// A violation at `path` when the text is not such a value.
pub fn parse(field: &FieldDescriptor, text: &str, path: &str) -> Result<Value, Violation> {
    let kind = field.kind();
    scalar(&kind, text).ok_or_else(|| wrong_type(path, &kind))
}

fn scalar(kind: &Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Double => Value::F64(float(text)?),
        Kind::Float => Value::F32(float(text).filter(|number| fits_f32(*number))? as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(text.parse().ok()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(text.parse().ok()?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(text.parse().ok()?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(text.parse().ok()?),
        Kind::Bool => Value::Bool(text.parse().ok()?),
        Kind::String => Value::String(text.to_owned()),
        Kind::Bytes => Value::Bytes(base64(text)?),
        Kind::Enum(descriptor) => Value::EnumNumber(enum_number(descriptor, text)?),
        Kind::Message(descriptor) => Value::Message(message(descriptor, text)?),
    })
}

/// True when a number does not overflow single precision.
pub fn fits_f32(number: f64) -> bool {
    !number.is_finite() || number.abs() <= f64::from(f32::MAX)
}

/// Reads a floating point number as canonical JSON writes it.
pub fn float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// Reads standard or URL-safe Base64, padded or not.
pub fn base64(text: &str) -> Option<Bytes> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
        .map(Bytes::from)
}

/// Reads an enum by the name of a value or by its number.
pub fn enum_number(descriptor: &EnumDescriptor, text: &str) -> Option<i32> {
    match descriptor.get_value_by_name(text) {
        Some(value) => Some(value.number()),
        None => text.parse().ok(),
    }
}

fn message(descriptor: &MessageDescriptor, text: &str) -> Option<DynamicMessage> {
    let name = descriptor.full_name();
    if let Some(wrapped) = name
        .strip_prefix("google.protobuf.")
        .filter(|name| name.ends_with("Value"))
    {
        if matches!(wrapped, "Value" | "ListValue") {
            return None;
        }
        let field = descriptor.get_field_by_name("value")?;
        let mut message = DynamicMessage::new(descriptor.clone());
        message.set_field(&field, scalar(&field.kind(), text)?);
        return Some(message);
    }
    if !matches!(
        name,
        "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.FieldMask"
    ) {
        return None;
    }
    DynamicMessage::deserialize(descriptor.clone(), serde_json::Value::String(text.to_owned())).ok()
}

/// Reads the key of a map.
pub fn map_key(kind: &Kind, text: &str) -> Option<MapKey> {
    scalar(kind, text)?.into_map_key()
}

#[cfg(test)]
mod tests {
    use qihang_proto::POOL;

    use super::*;

    fn kind(message: &str, field: &str) -> Kind {
        POOL.get_message_by_name(message)
            .unwrap()
            .get_field_by_name(field)
            .unwrap()
            .kind()
    }

    #[test]
    fn scalars_and_well_known_types_are_read() {
        let purpose = kind("qihang.documents.v1.File", "purpose");
        assert_eq!(
            scalar(&purpose, "FILE_PURPOSE_EVIDENCE"),
            Some(Value::EnumNumber(5))
        );
        assert_eq!(scalar(&purpose, "5"), Some(Value::EnumNumber(5)));
        assert_eq!(scalar(&purpose, "EVIDENCE"), None);
        let size = kind("qihang.documents.v1.File", "size_bytes");
        assert_eq!(scalar(&size, "18446744073709551615"), Some(Value::U64(u64::MAX)));
        assert_eq!(scalar(&size, "-1"), None);
        assert_eq!(scalar(&Kind::Bool, "true"), Some(Value::Bool(true)));
        assert_eq!(scalar(&Kind::Bool, "yes"), None);
        assert_eq!(
            scalar(&Kind::Bytes, "-_8"),
            Some(Value::Bytes(Bytes::from_static(&[0xfb, 0xff])))
        );
        assert_eq!(scalar(&Kind::Double, "inf"), None);
        let time = kind("qihang.documents.v1.File", "create_time");
        let Some(Value::Message(message)) = scalar(&time, "2026-06-30T08:00:00+08:00") else {
            panic!("no time")
        };
        assert_eq!(
            message.get_field_by_name("seconds").unwrap().as_i64(),
            Some(1_782_777_600)
        );
        assert_eq!(scalar(&time, "yesterday"), None);
    }
}
