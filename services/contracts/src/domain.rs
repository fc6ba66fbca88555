//! The rules, pure: no database, no gRPC, no clock.

pub mod agreement;
pub mod bulk;
pub mod changes;
pub mod edition;
pub mod guide;
pub mod queue;
pub mod refusal;
pub mod serial;
pub mod slot;
pub mod terms;
pub mod window;
