//! The rules, pure: no I/O, no SQL, no gRPC.

pub(crate) mod administrator;
pub(crate) mod calendar;
pub(crate) mod correction;
pub(crate) mod correction_fields;
pub(crate) mod dictionary;
pub(crate) mod employer;
pub(crate) mod employer_profile;
pub(crate) mod help;
pub(crate) mod locked_fields;
pub(crate) mod member;
pub(crate) mod origin;
pub(crate) mod origin_record;
pub(crate) mod own_fields;
pub(crate) mod password;
pub(crate) mod privacy;
pub(crate) mod readable_code;
pub(crate) mod refresh;
pub(crate) mod roster_check;
pub(crate) mod roster_columns;
pub(crate) mod roster_values;
pub(crate) mod signing_keys;
pub(crate) mod staff;
pub(crate) mod throttle;
pub(crate) mod ticket;
