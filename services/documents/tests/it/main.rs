//! The service's calls, against a real database of each test's own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod claims;
mod downloads;
mod harness;
mod render;
mod sweep;
mod uploads;
