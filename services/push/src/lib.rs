//! The push service: announcements of the province and the schools.

use std::sync::Arc;

use qihang_kit::{Context, Service};
use qihang_proto::push::v1::announcement_service_server::AnnouncementServiceServer;
use serde::Deserialize;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

mod consumers;
pub mod domain;
mod error;
mod messages;
mod peers;
mod rpc;
mod store;
mod subjects;
mod tasks;
mod view;

pub use error::Error;

/// Name of the service, its schema and its peer name.
pub const NAME: &str = "push";

/// Settings that only this service has, with comments.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The service's own tables.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Settings that only this service has: none yet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// What every part of the service works with.
pub(crate) struct App {
    pub(crate) ctx: Context,
}

/// Builds the service.
///
/// # Errors
/// Never; the signature is every service's.
pub async fn build(ctx: Context, _config: Config) -> anyhow::Result<Service> {
    let app = Arc::new(App { ctx });
    let routes = Routes::new(AnnouncementServiceServer::new(rpc::Announcements(app.clone())));
    Ok(Service {
        name: NAME,
        chains: Vec::new(),
        subjects: Some(Arc::new(subjects::Reads(app.clone()))),
        sealed: None,
        routes,
        consumers: vec![Arc::new(consumers::account_erased::AccountErased)],
        tasks: vec![Arc::new(tasks::publish::Publish(app))],
    })
}
