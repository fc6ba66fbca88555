//! Contracts behind its whole server stack, on a real database of each test's own; identity and documents are played here.

#![expect(clippy::unwrap_used, reason = "tests")]

mod amendments;
mod bulk;
mod chains;
mod clauses;
mod editions;
mod guides;
mod neighbours;
mod offers;
mod origins;
mod papers;
mod queue;
mod racing;
mod refusals;
mod reviews;
mod seen;
mod suite;
mod windows;
