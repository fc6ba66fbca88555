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
mod forgery;
mod fuzz;
mod guesses;
mod matrix;
mod request;
mod schema;
mod uploads;
mod world;

/// One world for all: making it takes longer than asking it everything.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_changes_or_breaks_what_is_not_theirs() {
    let world = world::World::start().await;
    matrix::answers_hold_nothing_of_strangers(&world).await;
    matrix::refusals_tell_nothing(&world).await;
    forgery::what_is_forged_is_refused(&world).await;
    guesses::guessing_is_stopped(&world).await;
    uploads::trapped_files_are_refused(&world).await;
    fuzz::rubbish_is_refused(&world).await;
    schema::answers_are_those_of_the_description(&world).await;
    world.stop().await;
}
