//! Everything a service is built from.

use sqlx::PgPool;

use crate::{cache::Cache, client::Channels, clock::Clock, files::FileStore, ids::Ids, outbox::OutboxSignal};

/// The parts that a service stands on; cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// Name of the service.
    pub service: &'static str,
    /// Pool on the service's schema.
    pub pool: PgPool,
    /// Time.
    pub clock: Clock,
    /// Ids and random tokens.
    pub ids: Ids,
    /// What may be lost.
    pub cache: Cache,
    /// Bytes of files.
    pub files: FileStore,
    /// Other services.
    pub channels: Channels,
    /// Wakes the relay after a commit.
    pub outbox: OutboxSignal,
}
