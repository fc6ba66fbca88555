//! What fuzzers throw bytes at. A target panics when a promise is broken, and only then.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each program of the fuzzer takes one target, the test takes them all"
)]

use std::sync::LazyLock;

use prost_reflect::{DynamicMessage, ReflectMessage as _};
use qihang_gateway::transcode::{
    Found, Table, bind,
    json::{self, MAX_DEPTH},
    route,
    template::Template,
    write,
};
use qihang_kit::{page, sheet};
use qihang_proto::POOL;
use uuid::Uuid;

static TABLE: LazyLock<Table> =
    LazyLock::new(|| Table::new(route::routes(&POOL).expect("routes")).expect("no two routes clash"));

/// A method, a path, a query and a body, each on a line of its own, through the whole way in: what is taken must come out
/// the same when it is written and read again.
pub(crate) fn transcoder(bytes: &[u8]) {
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default());
    let (Ok(method), Ok(path), Ok(query)) = (text(), text(), text()) else {
        return;
    };
    let body = parts.next().unwrap_or_default();
    let Found::Route(route, segments) = TABLE.find(method, path) else {
        return;
    };
    let body = if body.is_empty() {
        None
    } else {
        match json::parse(body) {
            Ok(body) => Some(body),
            Err(_) => return,
        }
    };
    if let Ok(message) = bind::request(route, &segments, Some(query), body) {
        comes_back(&message);
    }
}

/// Writing a message and reading it gives the same message.
fn comes_back(message: &DynamicMessage) {
    let written = write::message(message).expect("a message that was read can be written");
    let mut faults = Vec::new();
    let parsed = match json::parse(&written) {
        Ok(parsed) => parsed,
        // Some messages nest one level deeper when written than they were sent.
        Err(_) if depth(&written) > MAX_DEPTH => return,
        Err(error) => panic!("what was written cannot be read: {error:?}"),
    };
    let again = json::message(&message.descriptor(), parsed, "", &mut faults);
    assert!(
        faults.is_empty(),
        "{faults:?} in {}",
        String::from_utf8_lossy(&written)
    );
    let again = write::message(&again).expect("a message that was read can be written");
    assert!(
        written == again,
        "{} is not {}",
        String::from_utf8_lossy(&written),
        String::from_utf8_lossy(&again)
    );
}

fn depth(json: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for byte in json {
        match byte {
            b'{' | b'[' => now += 1,
            b'}' | b']' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

/// A template and a path, each on a line of its own. Values taken out of a path build a path that gives them again.
pub(crate) fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (template, path) = text.split_once('\n').unwrap_or((text, ""));
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if let Ok(template) = Template::parse(template) {
        // Any path may come; one that does not match may give anything but a panic.
        drop(template.captures(&segments));
    }
    let Found::Route(route, segments) = TABLE.find("GET", path) else {
        return;
    };
    let Ok(values) = route.template.captures(&segments) else {
        return;
    };
    let built = route.template.build(&values);
    let Found::Route(found, segments) = TABLE.find("GET", &built) else {
        panic!("{path} builds {built}, which leads nowhere");
    };
    assert_eq!(found.call.name, route.call.name, "{path} builds {built}");
    assert_eq!(
        found.template.captures(&segments).as_ref(),
        Ok(&values),
        "{path} builds {built}"
    );
}

/// A page token from outside: refused or read, and never trusted with more than a key.
pub(crate) fn page_token(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else {
        return;
    };
    let filters = ("SUBMITTED", 2026);
    let Ok(query) = page::Query::new(20, token, &filters) else {
        return;
    };
    let Ok(Some(key)) = query.after::<(i64, Uuid)>() else {
        return;
    };
    let rows: Vec<(i64, Uuid)> = vec![key; 21];
    let (rows, next) = query.finish(rows, |row| *row);
    assert_eq!(rows.len(), 20);
    let next = page::Query::new(20, &next, &filters).expect("our own token");
    assert_eq!(next.after().expect("our own key"), Some(key));
}

/// A file that somebody uploads as a table: read in order and within its limits, or refused.
pub(crate) fn sheet(bytes: &[u8]) {
    let (mut rows, mut last) = (0_u32, 0);
    let outcome = sheet::read(bytes, &mut |number, cells| {
        assert!(number > last, "row {number} after {last}");
        assert!(cells.len() <= sheet::MAX_COLUMNS && cells.iter().all(|cell| cell.len() <= sheet::MAX_CELL));
        assert!(cells.iter().any(|cell| !cell.trim().is_empty()), "a blank row");
        last = number;
        rows += 1;
        rows < 50_000
    });
    assert!(rows <= sheet::MAX_ROWS + 1);
    if let Err(unreadable) = outcome {
        assert!(!unreadable.to_string().is_empty());
    }
}
