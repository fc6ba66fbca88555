//! What every service of the suite stands on.
//!
//! A service is a value ([`Service`]): gRPC routes, consumers of messages and background tasks, built from a [`Context`].
//! [`run()`] starts one alone; the standalone binary starts all of them in one process ([`run::Suite`]) from the same values.

mod access;
pub mod auth;
pub mod bus;
pub mod cache;
pub mod client;
pub mod clock;
pub mod codes;
pub mod consume;
pub mod context;
pub mod crypto;
pub mod db;
pub mod download;
pub mod etag;
pub mod files;
pub mod history;
pub mod idempotency;
pub mod ids;
mod operations;
pub mod outbox;
pub mod page;
pub mod relay;
pub mod run;
pub mod server;
pub mod service;
pub mod settings;
pub mod sheet;
pub mod status;
pub mod subject;
pub mod tasks;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod totp;
pub mod validate;
pub mod validators;

pub use crate::{context::Context, run::run, service::Service};
