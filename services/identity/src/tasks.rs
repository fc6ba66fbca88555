//! Background work, one file a task.

pub(crate) mod erase_accounts;
pub(crate) mod expire_employers;
pub(crate) mod import_plan;
pub(crate) mod import_roster;
pub(crate) mod link_audit;
pub(crate) mod purge;
pub(crate) mod refresh_codes;
pub(crate) mod rotate_keys;
