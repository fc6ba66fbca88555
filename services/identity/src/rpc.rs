//! The handlers: one file a proto service. Decode, authorise, load, decide, save.

pub(crate) mod account_view;
pub(crate) mod accounts;
pub(crate) mod captchas;
pub(crate) mod change_password;
pub(crate) mod directory;
pub(crate) mod employer_flow;
pub(crate) mod employer_view;
pub(crate) mod employers;
pub(crate) mod error_table;
pub(crate) mod origin;
pub(crate) mod origin_flow;
pub(crate) mod origin_queue;
pub(crate) mod person;
pub(crate) mod reference;
pub(crate) mod register_employer;
pub(crate) mod registration;
pub(crate) mod roster;
pub(crate) mod schools;
pub(crate) mod sessions;
pub(crate) mod set_credentials;
pub(crate) mod staff;
pub(crate) mod staff_view;
pub(crate) mod student_view;
pub(crate) mod verify_student;
