//! Runs a command on private PostgreSQL, Redis and RabbitMQ, and stops them afterwards.
//!
//! `with-servers cargo nextest run` is how the tests get their servers. Without a command it keeps them open until Ctrl-C and
//! prints the environment to use.

use std::process::{ExitCode, ExitStatus};

use anyhow::Context as _;
use qihang_kit::run::terminated;
use qihang_standalone::{postgres::Use, servers::Servers};
use qihang_tests::Scratch;
use tokio::process::Command;

#[tokio::main]
async fn main() -> ExitCode {
    match execute().await {
        Ok(code) => code,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "whoever started it must see why nothing ran")]
            {
                eprintln!("with-servers: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn execute() -> anyhow::Result<ExitCode> {
    let folder = Scratch::new("servers")?;
    let servers = Servers::start(folder.path(), Use::Throwaway).await?;
    let environment = [
        ("QIHANG_TEST_DATABASE_URL", servers.postgres.url("postgres")),
        ("QIHANG_TEST_REDIS_URL", servers.redis.url()),
        ("QIHANG_TEST_AMQP_URL", servers.rabbit.url()),
    ];
    let mut arguments = std::env::args_os().skip(1);
    let outcome = match arguments.next() {
        Some(program) => {
            let mut command = Command::new(&program);
            command.args(arguments).envs(environment).kill_on_drop(true);
            let name = program.to_string_lossy().into_owned();
            let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
            tokio::select! {
                status = child.wait() => status.map(exit_code).map_err(anyhow::Error::from),
                () = terminated() => Ok(ExitCode::from(130)),
            }
        }
        None => {
            show(&environment);
            terminated().await;
            Ok(ExitCode::SUCCESS)
        }
    };
    servers.stop().await;
    outcome
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}

#[expect(clippy::print_stdout, reason = "to be copied into a shell")]
fn show(environment: &[(&str, String)]) {
    for (name, value) in environment {
        println!("export {name}='{value}'");
    }
}
