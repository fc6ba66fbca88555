//! The rules, pure: no database, no gRPC, no clock.

pub mod announcement;
pub mod targets;
