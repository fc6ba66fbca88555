//! Runs the events service alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    qihang_kit::run(
        qihang_events::NAME,
        &qihang_events::MIGRATOR,
        qihang_events::DEFAULTS,
        qihang_events::build,
    )
}
