//! Between HTTP and protobuf, by the descriptors alone: which call a path names, how path, query and JSON become its
//! request, and how its reply becomes JSON.
//!
//! The rest of the gateway sees only [`Table`], [`Route`], [`bind`] and [`json`], so that a faster reader or writer can
//! take this one's place without a change elsewhere.

pub mod bind;
pub mod json;
pub mod path;
pub mod route;
pub mod router;
pub mod template;
pub mod text;
pub mod write;

pub use route::{Body, Call, Route, RouteError};
pub use router::{Found, Table};

#[cfg(test)]
mod tests;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field by its JSON names, e.g. `members[2].mobile`; empty for the request as a whole.
    pub field: String,
    /// Stable upper-snake reason.
    pub code: &'static str,
    /// What is wrong and how to put it right, in Chinese.
    pub message: String,
}

impl Violation {
    /// A violation of one field.
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.into(),
        }
    }
}

/// At most this many violations are reported of one request.
pub const MAX_VIOLATIONS: usize = 50;

/// Why a request could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The body is not JSON at all; what and where, in Chinese.
    Syntax(String),
    /// Fields that are unknown, doubled or of another type.
    Fields(Vec<Violation>),
}
