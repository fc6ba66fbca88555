//! The events service: the room for career talks and job fairs: booths, registrations, tickets and check-in.
//!
//! It starts, keeps its schema, answers health and takes part in messages; it has no calls yet.

use qihang_kit::{Context, Service};
use serde::Deserialize;
use sqlx::migrate::Migrator;

/// Name of the service, its schema and its peer name.
pub const NAME: &str = "events";

/// Settings that only this service has, with comments.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The service's own tables: none yet beside kit's.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Settings that only this service has: none yet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// Builds the service.
///
/// # Errors
/// Never; the signature is every service's.
pub async fn build(_context: Context, _config: Config) -> anyhow::Result<Service> {
    Ok(Service {
        name: NAME,
        chains: Vec::new(),
        subjects: None,
        sealed: None,
        routes: tonic::service::Routes::default(),
        consumers: Vec::new(),
        tasks: Vec::new(),
    })
}
