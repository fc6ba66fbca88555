//! The HTTP edge of the suite: JSON over HTTP in, gRPC to the services, and back.
//!
//! There is no code for any single call. Routes, bindings, who may call, limits and documentation all come from the
//! descriptors in `qihang-proto`.

pub mod body;
pub mod call;
pub mod client;
pub mod docs;
pub mod download;
pub mod edge;
pub mod events;
pub mod exchange;
pub mod gateway;
pub mod layers;
pub mod limits;
pub mod openapi;
pub mod own;
pub mod ports;
pub mod problem;
pub mod readiness;
pub mod reply;
pub mod server;
pub mod session;
pub mod settings;
pub mod start;
pub mod trace;
pub mod transcode;
pub mod upload;
pub mod visit;
pub mod web;

pub use gateway::Gateway;
pub use server::{router, serve};
pub use settings::Settings;
pub use start::{Config, DEFAULTS, Parts, build, run};
