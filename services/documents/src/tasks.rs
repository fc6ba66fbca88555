//! Background work of this service.

mod sweep;

pub(crate) use sweep::Sweep;
