//! The walk over bytes against an independent reading of built messages.

use std::{collections::BTreeSet, sync::LazyLock};

use proptest::{collection::vec, option, prelude::*};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, Value};
use qihang_proto::{POOL, identity::v1::FindStudentRequest};

use super::{Checks, check};
use crate::status::Fault;

static SAMPLES: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/validate/tests");
    let third_party = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/third_party");
    let mut compiler = protox::Compiler::new([folder, third_party]).unwrap();
    compiler.include_imports(true).open_file("sample.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
});
static CHECKS: LazyLock<Checks> = LazyLock::new(|| Checks::compile(&SAMPLES));

#[derive(Clone, Debug)]
struct Sample {
    texts: (String, String, String, String),
    numbers: (i32, i64, u32, f64, i32, i64),
    tags: Vec<String>,
    numbers_list: Vec<i32>,
    scores: Vec<(String, i32)>,
    nick: Option<String>,
    inner: Option<String>,
    contact: Option<Result<String, String>>,
    agreed: bool,
    blob: Vec<u8>,
}

fn samples() -> impl Strategy<Value = Sample> {
    let text = || prop_oneof!["", "[a-z中]{1,6}", "AB1", "A中"];
    let id = prop_oneof![
        Just(String::new()),
        Just("0190a0a0-0000-7000-8000-00000000000a".to_owned()),
        "[0-9a-f-]{36}"
    ];
    let mail = prop_oneof!["", "[a-z]{1,4}@[a-z]{1,4}(\\.cn)?", "[a-z@.]{1,8}"];
    let contact = prop_oneof![
        Just(None),
        prop_oneof!["[0-9]{11}", "[0-9]{0,12}"].prop_map(|text| Some(Ok(text))),
        "[a-z]{0,2}".prop_map(|text| Some(Err(text))),
    ];
    let numbers = (
        prop_oneof![-2..3i32, 149..152, any::<i32>()],
        prop_oneof![-12..12i64, any::<i64>()],
        0..7u32,
        prop_oneof![-0.5..1.5f64, Just(f64::NAN)],
        -1..4i32,
        prop_oneof![-2..3i64, 99..103i64],
    );
    let lists = (
        vec(text(), 0..5),
        vec(-1..4i32, 0..4),
        vec(("[a-z]{0,4}", 99..102i32), 0..4),
        option::of("[a-z]{0,3}"),
        option::of("[a-z]{0,1}"),
    );
    (
        (text(), id, mail, text()),
        numbers,
        lists,
        contact,
        any::<bool>(),
        vec(any::<u8>(), 0..6),
    )
        .prop_map(
            |(texts, numbers, (tags, numbers_list, scores, nick, inner), contact, agreed, blob)| Sample {
                texts,
                numbers,
                tags,
                numbers_list,
                scores,
                nick,
                inner,
                contact,
                agreed,
                blob,
            },
        )
}

fn inner(text: &str) -> Value {
    let mut inner = DynamicMessage::new(SAMPLES.get_message_by_name("sample.Inner").unwrap());
    inner.set_field_by_name("text", Value::String(text.to_owned()));
    Value::Message(inner)
}

fn build(sample: &Sample) -> DynamicMessage {
    let mut message = DynamicMessage::new(SAMPLES.get_message_by_name("sample.Sample").unwrap());
    let mut set = |name: &str, value: Value| message.set_field_by_name(name, value);
    let text = |text: &String| Value::String(text.clone());
    set("name", text(&sample.texts.0));
    set("id", text(&sample.texts.1));
    set("mail", text(&sample.texts.2));
    set("code", text(&sample.texts.3));
    set("age", Value::I32(sample.numbers.0));
    set("delta", Value::I64(sample.numbers.1));
    set("mark", Value::U32(sample.numbers.2));
    set("ratio", Value::F64(sample.numbers.3));
    set("kind", Value::EnumNumber(sample.numbers.4));
    set("outside", Value::I64(sample.numbers.5));
    set("tags", Value::List(sample.tags.iter().map(text).collect()));
    set(
        "numbers",
        Value::List(
            sample
                .numbers_list
                .iter()
                .map(|number| Value::I32(*number))
                .collect(),
        ),
    );
    let scores = sample
        .scores
        .iter()
        .map(|(key, value)| (MapKey::String(key.clone()), Value::I32(*value)));
    set("scores", Value::Map(scores.collect()));
    sample.nick.iter().for_each(|nick| set("nick_name", text(nick)));
    sample.inner.iter().for_each(|one| set("inner", inner(one)));
    match &sample.contact {
        None => {}
        Some(Ok(phone)) => set("phone", text(phone)),
        Some(Err(other)) => set("other", inner(other)),
    }
    set("agreed", Value::Bool(sample.agreed));
    set("blob", Value::Bytes(sample.blob.clone().into()));
    message
}

/// The rules of `sample.proto` once more, in plain Rust.
fn expected(sample: &Sample) -> BTreeSet<String> {
    let mut wrong = BTreeSet::new();
    let mut add = |bad: bool, field: &str| bad.then(|| wrong.insert(field.to_owned()));
    let length = |text: &str| text.chars().count();
    let uuid = |text: &str| uuid::Uuid::try_parse(text).is_ok() && text.len() == 36;
    add(!(2..=5).contains(&length(&sample.texts.0)), "name");
    add(!sample.texts.1.is_empty() && !uuid(&sample.texts.1), "id");
    let mail = regex::Regex::new(r"^[a-z.]+@[a-z]+(\.[a-z]+)*$").unwrap();
    add(
        !sample.texts.2.is_empty() && !mail.is_match(&sample.texts.2),
        "mail",
    );
    add(!matches!(sample.texts.3.as_str(), "" | "AB1"), "code");
    add(!(0..=150).contains(&sample.numbers.0), "age");
    add(!(-9..=9).contains(&sample.numbers.1), "delta");
    add(![0, 3, 5].contains(&sample.numbers.2), "mark");
    add(!(0.0..=1.0).contains(&sample.numbers.3), "ratio");
    add(![1, 2].contains(&sample.numbers.4), "kind");
    add((1..=100).contains(&sample.numbers.5), "outside");
    add(sample.tags.len() > 3, "tags");
    for (index, tag) in sample.tags.iter().enumerate() {
        add(!(1..=4).contains(&length(tag)), &format!("tags[{index}]"));
    }
    for (index, number) in sample.numbers_list.iter().enumerate() {
        let again = sample.numbers_list[..index].contains(number);
        add(*number <= 0 || again, &format!("numbers[{index}]"));
    }
    let scores: std::collections::BTreeMap<_, _> = sample.scores.iter().cloned().collect();
    add(scores.len() > 2, "scores");
    for (key, value) in &scores {
        add(length(key) > 3 || *value > 100, &format!("scores[{key:?}]"));
    }
    add(
        sample.nick.as_ref().is_some_and(|nick| length(nick) < 2),
        "nickName",
    );
    add(sample.inner.is_none(), "inner");
    add(sample.inner.as_ref().is_some_and(String::is_empty), "inner.text");
    match &sample.contact {
        None => add(true, "contact"),
        Some(Ok(phone)) => add(length(phone) != 11, "phone"),
        Some(Err(other)) => add(other.is_empty(), "other.text"),
    };
    add(!sample.agreed, "agreed");
    add(sample.blob.len() > 4, "blob");
    wrong
}

fn fields(result: Result<(), Fault>) -> BTreeSet<String> {
    result
        .err()
        .iter()
        .flat_map(Fault::fields)
        .map(|violation| violation.field.clone())
        .collect()
}

fn reason(result: Result<(), Fault>) -> &'static str {
    result.err().map_or("", |fault| fault.reason())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn the_walk_finds_what_the_message_shows(sample in samples()) {
        let bytes = build(&sample).encode_to_vec();
        prop_assert_eq!(fields(CHECKS.check("sample.Sample", &bytes)), expected(&sample));
    }

    #[test]
    fn bytes_are_refused_exactly_when_they_cannot_be_decoded(
        sample in samples(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = build(&sample).encode_to_vec();
        for (index, byte) in changes.iter().filter(|_| !bytes.is_empty()).cloned().collect::<Vec<_>>() {
            let length = bytes.len();
            bytes[index.index(length)] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let descriptor = SAMPLES.get_message_by_name("sample.Sample").unwrap();
        let broken = DynamicMessage::decode(descriptor, bytes.as_slice()).is_err();
        let result = CHECKS.check("sample.Sample", &bytes);
        // The decoder takes an entry of a map (field 100) for one whatever its tag says; the walk does not.
        let entry = bytes.windows(2).any(|two| two[0] & 0xf8 == 0xa0 && two[0] != 0xa2 && two[1] == 6);
        let reason = reason(result);
        // With many violations the walk may end before it comes to the broken place; it is refused all the same.
        prop_assert!(if broken { !reason.is_empty() } else { entry || reason != "MALFORMED_REQUEST" }, "{broken} {reason}");
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
        let _ = CHECKS.check("sample.Sample", &bytes);
    }
}

#[test]
fn the_contract_uses_only_rules_that_are_enforced() {
    assert_eq!(Checks::compile(&POOL).unsupported(), &[] as &[String]);
    assert_eq!(CHECKS.unsupported(), &[] as &[String]);
}

#[test]
fn sentences_name_the_limit_and_what_was_sent() {
    let request = FindStudentRequest {
        school_code: "12345".into(),
        student_number: String::new(),
        name: "名".repeat(70),
    };
    let fault = check("qihang.identity.v1.FindStudentRequest", &request.encode_to_vec()).unwrap_err();
    let told: Vec<_> = fault
        .fields()
        .iter()
        .map(|one| (one.field.as_str(), one.reason.as_str(), one.message.as_str()))
        .collect();
    assert_eq!(fault.reason(), "VALIDATION_FAILED");
    assert_eq!(
        told,
        [
            ("schoolCode", "LENGTH", "应为 10 个字符，现在有 5 个。"),
            ("studentNumber", "REQUIRED", "请填写此项，不能为空。"),
            ("name", "TOO_LONG", "至多 64 个字符，现在有 70 个。"),
        ]
    );
}

#[test]
fn texts_that_are_no_utf8_are_malformed_and_named() {
    let fault = check("qihang.identity.v1.FindStudentRequest", &[0x1a, 1, 0xff]).unwrap_err();
    assert_eq!(fault.reason(), "MALFORMED_REQUEST");
    assert_eq!(fault.fields()[0].field, "name");
}

#[test]
fn texts_with_the_null_character_are_refused_by_field() {
    let fault = check("qihang.identity.v1.FindStudentRequest", &[0x1a, 3, b'a', 0, b'b']).unwrap_err();
    let name = fault.fields().iter().find(|field| field.field == "name");
    assert_eq!(name.map(|field| field.reason.as_str()), Some("CHARACTER_INVALID"));
}

#[test]
fn violations_are_capped_and_depth_is_bounded() {
    let many = (0..200)
        .flat_map(|_| [0x52, 5, b'a', b'a', b'a', b'a', b'a'])
        .collect::<Vec<u8>>();
    assert_eq!(
        CHECKS.check("sample.Sample", &many).unwrap_err().fields().len(),
        super::MOST
    );
    let mut deep = Vec::new();
    for _ in 0..150 {
        let mut outer = vec![0x0a, 1, b'a', 0x12];
        prost::encoding::encode_varint(deep.len() as u64, &mut outer);
        outer.extend_from_slice(&deep);
        deep = outer;
    }
    assert_eq!(reason(CHECKS.check("sample.Inner", &deep)), "MALFORMED_REQUEST");
}

#[test]
fn the_last_value_of_a_field_and_of_a_oneof_counts() {
    let parts = |name: &str, value: Value| {
        let mut message = DynamicMessage::new(SAMPLES.get_message_by_name("sample.Sample").unwrap());
        message.set_field_by_name(name, value);
        message.encode_to_vec()
    };
    let text = |text: &str| Value::String(text.to_owned());
    let bytes = [
        parts("name", text("much too long")),
        parts("name", text("good")),
        parts("phone", text("bad")),
        parts("other", inner("fine")),
        parts("kind", Value::EnumNumber(1)),
        parts("agreed", Value::Bool(true)),
        // A message in two parts is merged: the second lacks the text that the first has.
        parts("inner", inner("text")),
        vec![0x72, 0],
    ];
    assert_eq!(
        fields(CHECKS.check("sample.Sample", &bytes.concat())),
        BTreeSet::new()
    );
}
