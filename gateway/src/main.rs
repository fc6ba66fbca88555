//! Runs the gateway alone, or prints the OpenAPI document.

use std::io::Write as _;

use clap::{Parser, Subcommand};
use qihang_gateway::{
    openapi,
    transcode::{Table, route},
};
use qihang_proto::POOL;

/// The HTTP gateway of Qihang. Settings: `gateway/defaults.toml`, changed by environment variables `QIHANG_…`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM or SIGINT (the default).
    Serve,
    /// Prints the OpenAPI document.
    Openapi,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command.unwrap_or(Command::Serve) {
        Command::Serve => qihang_gateway::run().await,
        Command::Openapi => {
            let document = openapi::document(&POOL, &Table::new(route::routes(&POOL)?)?);
            let mut out = std::io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, &document)?;
            Ok(writeln!(out)?)
        }
    }
}
