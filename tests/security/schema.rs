//! Schemathesis, a fuzzer that others wrote, on our own description of the API: every answer is one that the description
//! has, for everybody who may make the call; the matrix asks the others. `make fuzz` gives it more examples.

use std::process::Stdio;

use futures::{StreamExt as _, stream};
use tokio::process::Command;

use crate::{
    calls::{Call, calls},
    world::{Caller, World},
};

/// Examples of each call and caller, unless `QIHANG_TEST_EXAMPLES` says otherwise.
const EXAMPLES: &str = "2";
/// Callers at once.
const AT_ONCE: usize = 2;
/// Everybody once: another of the same role sees the same description.
const CALLERS: [&str; 6] = [
    "nobody",
    "student",
    "employer",
    "department",
    "school",
    "province",
];

pub(crate) async fn answers_are_those_of_the_description(world: &World) {
    let callers = CALLERS.map(|name| {
        let mut all = world.callers.iter();
        all.find(|caller| caller.name == name).expect("a caller")
    });
    let faults: Vec<String> = stream::iter(callers)
        .map(|caller| ask(world.suite.running.url(), caller))
        .buffer_unordered(AT_ONCE)
        .filter_map(|fault| async { fault })
        .collect()
        .await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// True for a call that is this caller's: those of anybody are asked by nobody.
fn is_for(call: &Call, caller: &Caller) -> bool {
    caller
        .role
        .map_or(call.anonymous, |role| call.roles.contains(&role))
}

/// What it found wrong as this caller; `None` for nothing.
async fn ask(base: &str, caller: &Caller) -> Option<String> {
    let python = std::env::var_os("QIHANG_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let examples = std::env::var_os("QIHANG_TEST_EXAMPLES").unwrap_or_else(|| EXAMPLES.into());
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "run"])
        .arg(format!("{base}/openapi.json"))
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance",
        ])
        .args([
            "--checks",
            "response_headers_conformance,response_schema_conformance",
        ])
        .args(["--phases", "coverage,fuzzing"])
        .arg("--max-examples")
        .arg(examples)
        .args([
            "--suppress-health-check",
            "all",
            "--continue-on-failure",
            "--no-color",
        ])
        // They end what the others are signed in with.
        .args(["--exclude-path-regex", "^/v1/sessions"])
        // It leaves a folder of examples where it runs.
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null());
    for call in calls().iter().filter(|call| is_for(call, caller)) {
        command.args(["--include-operation-id", &call.operation_id()]);
    }
    if let Some(token) = caller.api.token() {
        command
            .arg("--header")
            .arg(format!("Authorization: Bearer {token}"));
    }
    let output = command.output().await.expect("schemathesis runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    let said = said
        .split_once("= FAILURES =")
        .map_or(&*said, |(_, failures)| failures);
    let said = said.split("\nWarnings:").next().unwrap_or_default();
    (!output.status.success()).then(|| format!("as {}:\n{said}\n{complained}", caller.name))
}
