//! SQL and nothing else. Functions neither begin nor commit.

pub(crate) mod accounts;
pub(crate) mod administrators;
pub(crate) mod audit;
pub(crate) mod audit_chain;
pub(crate) mod audit_list;
pub(crate) mod calendar;
pub(crate) mod corrections;
pub(crate) mod dictionaries;
pub(crate) mod directory;
pub(crate) mod employers;
pub(crate) mod factors;
pub(crate) mod help;
pub(crate) mod history;
pub(crate) mod history_check;
pub(crate) mod imports;
pub(crate) mod limits;
pub(crate) mod members;
pub(crate) mod merge;
pub(crate) mod origin;
pub(crate) mod profiles;
pub(crate) mod resets;
pub(crate) mod schools;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod staff;
pub(crate) mod students;
