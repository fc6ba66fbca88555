//! Runs the jobs service alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    qihang_kit::run(
        qihang_jobs::NAME,
        &qihang_jobs::MIGRATOR,
        qihang_jobs::DEFAULTS,
        qihang_jobs::build,
    )
}
