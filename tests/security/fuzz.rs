//! Rubbish for every call: each field of each request with values of the wrong kind, beyond limits and with the traps of
//! Unicode, and bodies that are no JSON. Every answer is a success or a problem document; none is a fault of ours.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use qihang_standalone::demo::{Answer, Api};
use serde_json::{Value, json};

use crate::{
    calls::{Call, calls},
    world::World,
};

/// Requests under way at once.
const AT_ONCE: usize = 8;
/// Longest that any answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Words that no answer holds: they would tell how we are built.
const INSIDES: [&str; 6] = [
    "panicked",
    "src/",
    "sqlx",
    "SELECT ",
    "stack backtrace",
    "PgDatabaseError",
];

/// Values that are wrong for nearly every field.
fn rubbish() -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..60 {
        deep = json!([deep]);
    }
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(4_294_967_296_u64),
        json!(18_446_744_073_709_551_615_u64),
        json!("-9223372036854775809"),
        json!("NaN"),
        json!(""),
        json!(" \u{3000}\t"),
        json!("\u{0}"),
        json!("名\u{202e}gnp.exe\u{200b}"),
        json!("𠮷👨‍👩‍👧‍👦é\u{301}"),
        json!("'; DROP TABLE students; --"),
        json!("<script>alert(1)</script>"),
        json!("../../../etc/passwd"),
        json!("x".repeat(70_000)),
        json!([]),
        json!({}),
        json!({ "unknown": { "unknown": 1 } }),
        json!(vec![json!({}); 2_000]),
        deep,
    ]
}

/// Bodies that are no JSON object of ours.
fn raw_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let json = "application/json";
    vec![
        (json, Vec::new()),
        (json, b"{".to_vec()),
        (json, b"[]".to_vec()),
        (json, b"null".to_vec()),
        (json, b"\xff\xfe\x00".to_vec()),
        (json, b"\xef\xbb\xbf{}".to_vec()),
        (json, br#"{"requestId":"\ud800"}"#.to_vec()),
        (json, br#"{"requestId":"a","requestId":"b"}"#.to_vec()),
        (json, [b"[".repeat(100_000), b"]".repeat(100_000)].concat()),
        (
            json,
            format!("{{\"x\":\"{}\"}}", "y".repeat(2_000_000)).into_bytes(),
        ),
        (json, b"{\"pageSize\":1e999}".to_vec()),
        ("text/plain", b"{}".to_vec()),
        ("application/x-www-form-urlencoded", b"a=b".to_vec()),
        ("multipart/form-data; boundary=x", b"--x--".to_vec()),
    ]
}

/// Text in the place of a path's variable.
const PATHS: [&str; 8] = [
    "%00",
    "..%2f..%2f",
    "%ff",
    "0",
    "名字",
    "%E2%80%AE",
    "a:b:c",
    "01900000-0000-7000-8000-00000000000g",
];

/// One request.
enum Shot {
    Field(String, Value),
    Body(&'static str, Vec<u8>),
    Path(String),
}

pub(crate) async fn rubbish_is_refused(world: &World) {
    let calls = calls();
    let mut shots = Vec::new();
    for call in calls.iter().filter(|call| !call.streams_in()) {
        let api = caller(world, call);
        let fields = call.fields();
        for value in rubbish() {
            shots.extend(
                fields
                    .iter()
                    .map(|field| (call, api, Shot::Field(field.clone(), value.clone()))),
            );
        }
        shots.extend(
            raw_bodies()
                .into_iter()
                .map(|(kind, bytes)| (call, api, Shot::Body(kind, bytes))),
        );
        if call.collection().is_some() {
            let long = "9".repeat(5_000);
            let paths = PATHS.into_iter().map(str::to_owned).chain([long]);
            shots.extend(paths.map(|path| (call, api, Shot::Path(path))));
        }
    }
    let number = shots.len();
    let faults: Vec<String> = stream::iter(shots)
        .map(|(call, api, shot)| fire(call, api, shot))
        .buffer_unordered(AT_ONCE)
        .filter_map(|fault| async { fault })
        .collect()
        .await;
    assert!(
        faults.is_empty(),
        "{} of {number} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(number > 5_000, "only {number} requests");
    announce(number);
}

#[expect(clippy::print_stdout, reason = "the figure that the test is about")]
fn announce(number: usize) {
    println!("rubbish: {number} requests, each answered by a success or a problem document");
}

/// Somebody who may make the call, so that the request is looked at.
fn caller<'a>(world: &'a World, call: &Call) -> &'a Api {
    let fits = |role: Option<i32>| match role {
        None => call.anonymous,
        Some(role) => call.roles.contains(&role),
    };
    let caller = world.callers.iter().find(|caller| fits(caller.role));
    &caller.expect("somebody may").api
}

async fn fire(call: &Call, api: &Api, shot: Shot) -> Option<String> {
    let begun = Instant::now();
    let (what, answer) = match shot {
        Shot::Field(field, value) => {
            let answer = call.make_with(api, &field, value.clone()).await;
            (format!("{field} = {value}"), answer)
        }
        Shot::Body(kind, bytes) => {
            let what = format!("{kind} of {} bytes", bytes.len());
            (what, call.make_raw(api, kind, bytes).await)
        }
        Shot::Path(path) => (format!("path {path}"), call.make(api, &path).await),
    };
    let fault = verdict(&answer).or_else(|| {
        let took = begun.elapsed();
        (took > PATIENCE).then(|| format!("took {took:?}"))
    })?;
    let what: String = what.chars().take(120).collect();
    Some(format!("{} with {what}: {fault}", call.name))
}

fn verdict(answer: &Answer) -> Option<String> {
    let body = String::from_utf8_lossy(&answer.body);
    let shown: String = body.chars().take(300).collect();
    if answer.status.is_server_error() {
        return Some(format!("{} {shown}", answer.status));
    }
    if answer.status.is_client_error() {
        let code = answer
            .json()
            .get("code")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if !answer.content_type.starts_with("application/problem+json")
            || code.is_none_or(|code| code.is_empty())
        {
            return Some(format!("{} is no problem document: {shown}", answer.status));
        }
    }
    INSIDES
        .iter()
        .find(|word| body.contains(**word))
        .map(|word| format!("tells of {word}: {shown}"))
}
