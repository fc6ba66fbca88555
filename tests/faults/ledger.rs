//! What was acknowledged: each must be in the histories, once.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

/// One operation that its caller was told is done.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    /// Whose history tells of it.
    pub(crate) history: History,
    /// The agreement, or the student.
    pub(crate) record: Uuid,
    /// The step in its history.
    pub(crate) event: &'static str,
}

/// The histories that tell of what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// `contracts.history`.
    Agreement,
    /// `identity.origin_history`.
    Origin,
}

/// All of them, in the order in which they were acknowledged.
pub(crate) struct Ledger {
    entries: Mutex<Vec<Acknowledged>>,
    last: watch::Sender<&'static str>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            entries: Mutex::default(),
            last: watch::channel("").0,
        }
    }

    pub(crate) fn note(&self, history: History, record: Uuid, event: &'static str) {
        let entry = Acknowledged {
            history,
            record,
            event,
        };
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
        self.last.send_replace(event);
    }

    /// What was acknowledged last; tells when the next one is.
    pub(crate) fn last(&self) -> watch::Receiver<&'static str> {
        self.last.subscribe()
    }

    pub(crate) fn all(&self) -> Vec<Acknowledged> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
