//! What stands around every handler, and serving over TCP.

mod answer;
mod layers;
mod tcp;
mod upload;

pub(crate) use self::tcp::bind;
pub use self::{
    layers::{Layers, stack},
    tcp::{Ready, serve},
};
