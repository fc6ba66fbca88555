//! Runs the documents service alone.

use qihang_documents::{MIGRATOR, NAME, build};

fn main() -> std::process::ExitCode {
    qihang_kit::run(NAME, &MIGRATOR, include_str!("../defaults.toml"), build)
}
