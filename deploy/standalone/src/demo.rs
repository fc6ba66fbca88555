//! The main job over HTTP, from the roster to a sealed agreement: as a demonstration, as demo data, and as a test.

pub mod api;
pub mod factor;
pub mod papers;
pub mod people;
pub mod roster;
pub mod walk;

pub use api::{Answer, Api, Problem};
pub use walk::{Outcome, Plan, Step, walk};

/// Walks as planned. Where a walk of this plan broke off earlier it is walked as another run, with people of its own: what is
/// half made cannot be taken up, since the second factor of its office was lost with the walk.
///
/// # Errors
/// As [`walk()`].
pub async fn walk_again(base: &str, plan: &Plan, other_run: u32) -> anyhow::Result<Outcome> {
    let begun = |error: &anyhow::Error| {
        let problem = error.downcast_ref::<Problem>();
        problem.is_some_and(|problem| problem.code() == "LOGIN_TAKEN")
    };
    match walk(base, plan, |_| {}).await {
        Err(error) if begun(&error) => {
            let other = Plan {
                run: other_run,
                ..plan.clone()
            };
            walk(base, &other, |_| {}).await
        }
        outcome => outcome,
    }
}
