//! `qihang`: the whole suite on one machine.

mod command;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match command::execute(command::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(
                clippy::print_stderr,
                reason = "logs may not be up: whoever started it must see why nothing runs"
            )]
            {
                eprintln!("qihang: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
