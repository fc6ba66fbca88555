//! SQL of this service and nothing else.

pub(crate) mod downloads;
pub(crate) mod files;
pub(crate) mod issues;
pub(crate) mod objects;
