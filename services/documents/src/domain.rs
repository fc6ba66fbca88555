//! The rules of files, pure: no I/O, no clock.

pub mod content;
pub mod file;
pub mod name;
pub mod purpose;
pub mod range;
