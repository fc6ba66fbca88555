//! The gateway over real HTTP, in front of a service that reports what it was asked.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panicking and make their own statuses"
)]

mod bodies;
mod contract;
mod json;
mod own;
mod rates;
mod sessions;
mod streams;
mod support;
