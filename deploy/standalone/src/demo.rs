//! The main job over HTTP, from the roster to a sealed agreement: as a demonstration, as demo data, and as a test.

pub mod api;
pub mod factor;
pub mod papers;
pub mod people;
pub mod roster;
pub mod walk;

pub use api::{Answer, Api, Problem};
pub use walk::{Outcome, Plan, Step, walk};
