//! The handlers: decode, authorise, load, decide, save.

mod announcements;
mod office;
mod reading;

pub(crate) use announcements::Announcements;
