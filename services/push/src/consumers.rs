//! What this service does on others' messages, one file a message.

pub(crate) mod account_erased;
