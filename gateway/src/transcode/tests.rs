//! What is written can be read, whatever the message holds.

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, Value};
use qihang_proto::POOL;

use super::{Malformed, json, write};

fn file() -> impl Strategy<Value = DynamicMessage> {
    let texts = (any::<String>(), any::<String>(), any::<String>());
    (
        texts,
        0..7_i32,
        0..9_i32,
        any::<u64>(),
        -62_135_596_800_i64..253_402_300_800,
        0..1_000_000_000_i32,
    )
        .prop_map(|((id, name, reason), purpose, state, size, seconds, nanos)| {
            let mut file = DynamicMessage::new(POOL.get_message_by_name("qihang.documents.v1.File").unwrap());
            file.set_field_by_name("id", Value::String(id));
            file.set_field_by_name("file_name", Value::String(name));
            file.set_field_by_name("reject_reason", Value::String(reason));
            file.set_field_by_name("purpose", Value::EnumNumber(purpose));
            file.set_field_by_name("state", Value::EnumNumber(state));
            file.set_field_by_name("size_bytes", Value::U64(size));
            let time = file
                .get_field_by_name_mut("create_time")
                .unwrap()
                .as_message_mut()
                .unwrap();
            time.set_field_by_name("seconds", Value::I64(seconds));
            time.set_field_by_name("nanos", Value::I32(nanos));
            file
        })
}

proptest! {
    #[test]
    fn a_message_written_and_read_is_the_same(file in file()) {
        let text = write::message(&file).unwrap();
        let mut faults = Vec::new();
        let read = json::message(&prost_reflect::ReflectMessage::descriptor(&file), json::parse(&text).unwrap(), "", &mut faults);
        prop_assert_eq!(faults, Vec::new());
        prop_assert_eq!(read.encode_to_vec(), file.encode_to_vec());
    }

    #[test]
    fn the_writer_agrees_with_the_reflection_library(file in file()) {
        let ours: serde_json::Value = serde_json::from_slice(&write::message(&file).unwrap()).unwrap();
        let theirs = serde_json::to_value(&file).unwrap();
        for (name, value) in theirs.as_object().unwrap() {
            prop_assert_eq!(&ours[name], value);
        }
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(tree) = json::parse(&bytes) {
            let theirs: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(tree, theirs);
        }
    }

    #[test]
    fn no_tree_breaks_the_binder(text in "[\\[\\]{},:\"a-c0-9]{0,60}") {
        let descriptor = POOL.get_message_by_name("qihang.documents.v1.File").unwrap();
        if let Ok(tree) = json::parse(text.as_bytes()) {
            json::message(&descriptor, tree, "", &mut Vec::new());
        }
    }
}

#[test]
fn depth_is_counted_and_a_doubled_key_is_named() {
    let deep = format!("{}{}", "[".repeat(json::MAX_DEPTH), "]".repeat(json::MAX_DEPTH));
    assert!(json::parse(deep.as_bytes()).is_ok());
    let deeper = format!("[{deep}]");
    assert!(
        matches!(json::parse(deeper.as_bytes()), Err(Malformed::Fields(faults)) if faults[0].code == "TOO_DEEP")
    );
    let doubled = br#"{"a": [{"b": 1, "b": 2}]}"#;
    let Err(Malformed::Fields(faults)) = json::parse(doubled) else {
        panic!("not refused")
    };
    assert_eq!(
        (faults[0].field.as_str(), faults[0].code),
        ("a[0].b", "DUPLICATE_FIELD")
    );
}
