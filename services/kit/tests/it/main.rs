//! The kit from outside: a service behind its whole stack, in process and over TCP, on real servers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod amqp;
mod bucket;
mod cache;
mod data_keys;
mod files;
mod ground;
mod idempotency;
mod inprocess;
mod messages;
mod operations;
mod suite;
mod tasks;
mod tcp;
mod trace;
mod vectors;
