//! Runs the push service alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    qihang_kit::run(
        qihang_push::NAME,
        &qihang_push::MIGRATOR,
        qihang_push::DEFAULTS,
        qihang_push::build,
    )
}
