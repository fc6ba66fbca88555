//! Runs the interviews service alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    qihang_kit::run(
        qihang_interviews::NAME,
        &qihang_interviews::MIGRATOR,
        qihang_interviews::DEFAULTS,
        qihang_interviews::build,
    )
}
