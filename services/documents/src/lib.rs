//! The documents service: files in, PDFs out.
//!
//! Uploads are checked by their content and kept once a record claims them; documents are drawn from templates, sealed
//! (PAdES) and checked again when somebody shows them.

pub mod config;
mod consumers;
pub mod domain;
mod error;
mod issue;
mod keys;
pub mod render;
mod rpc;
pub mod seal;
mod store;
mod subjects;
mod tasks;
mod upload;
mod work;

use std::sync::Arc;

use qihang_kit::{context::Context, service::Service};
use sqlx::migrate::Migrator;

pub use config::Config;
pub use error::Error;

use seal::{SealKey, TrustList};
use work::Workers;

/// The schema of the service.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The service's name and schema.
pub const NAME: &str = "documents";

/// What every part of the service works with.
pub(crate) struct App {
    pub(crate) ctx: Context,
    pub(crate) config: Config,
    pub(crate) workers: Workers,
    pub(crate) key: SealKey,
    pub(crate) trust: TrustList,
}

/// Builds the service.
///
/// # Errors
///
/// When the signing key cannot be read or made.
pub async fn build(ctx: Context, config: Config) -> anyhow::Result<Service> {
    let now = ctx.clock.now();
    let signing = config.signing.clone();
    let (key, trust) = tokio::task::spawn_blocking(move || keys::load(&signing, now)).await??;
    let workers = Workers::new(&config.work);
    let app = Arc::new(App {
        ctx,
        config,
        workers,
        key,
        trust,
    });
    // Nobody waits for it: the first drawing is only slower when it comes before this ends.
    drop(tokio::task::spawn_blocking(move || render::warm_up(now)));
    Ok(Service {
        name: NAME,
        chains: Vec::new(),
        subjects: Some(Arc::new(subjects::Files(app.clone()))),
        sealed: None,
        routes: rpc::routes(&app),
        consumers: vec![Arc::new(consumers::account_erased::AccountErased)],
        tasks: vec![Arc::new(tasks::Sweep::new(app))],
    })
}
