//! What identity does on others' messages.

pub(crate) mod agreement_holds;
