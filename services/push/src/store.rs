//! SQL and nothing else. Functions neither begin nor commit.

pub(crate) mod announcements;
pub(crate) mod history;
pub(crate) mod reads;
