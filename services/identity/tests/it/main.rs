//! Identity's calls, on a database of each test's own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod administrators;
mod audit_chain;
mod audit_list;
mod calendar;
mod captcha;
mod corrections;
mod dictionaries;
mod employer;
mod find_number;
mod help;
mod lockouts;
mod member_reset;
mod members;
mod origin;
mod origin_racing;
mod origin_reviews;
mod password;
mod password_reset;
mod people;
mod profiles;
mod registration;
mod reveal;
mod revisions;
mod roster;
mod roster_support;
mod school;
mod second_factor;
mod session;
mod signing_keys;
mod staff;
mod staff_scope;
mod step_up;
mod support;
