//! Push behind its whole server stack, on a real database of each test's own; identity is played here.
#![expect(clippy::unwrap_used, reason = "tests")]

mod office;
mod reading;
mod suite;
