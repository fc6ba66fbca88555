//! Runs the contracts service alone.

use qihang_contracts::{DEFAULTS, MIGRATOR, NAME, build};

fn main() -> std::process::ExitCode {
    qihang_kit::run(NAME, &MIGRATOR, DEFAULTS, build)
}
