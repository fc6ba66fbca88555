//! Runs identity alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    qihang_kit::run::run(
        qihang_identity::NAME,
        &qihang_identity::MIGRATOR,
        qihang_identity::DEFAULTS,
        qihang_identity::build,
    )
}
