//! Who sees whose: every call of the contract, by everybody, on everybody's records. Calls come from the descriptors, so a
//! new one is in the matrix without a line here; a new kind of record needs its owners named in `world.rs`.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod calls;
mod matrix;
mod request;
mod world;
