//! Background work, one file a task.

pub(crate) mod publish;
