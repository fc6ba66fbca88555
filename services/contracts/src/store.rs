//! SQL and nothing else.

pub(crate) mod agreements;
pub(crate) mod clauses;
pub(crate) mod corrections;
pub(crate) mod editions;
pub(crate) mod guides;
pub(crate) mod history;
pub(crate) mod lists;
pub(crate) mod origins;
pub(crate) mod overdue;
pub(crate) mod queue;
pub(crate) mod reads;
pub(crate) mod reminders;
pub(crate) mod revisions;
pub(crate) mod slots;
pub(crate) mod subjects;
