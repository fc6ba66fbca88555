//! Calls counted in Redis in advance, a few at a time, so that most calls of a busy caller need no way there and back.
//!
//! What a process has leased and does not use counts as used until its window ends: a limit is never looser by this, and
//! stricter by at most [`SHARE`] of it a process.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{future::Cache, policy::EvictionPolicy};
use tokio::sync::Mutex;

use super::Decision;

/// Most callers with a lease; the oldest go first.
const CAPACITY: u64 = 200_000;
/// A lease is this part of its limit.
const SHARE: u32 = 50;
/// Largest lease.
const MOST: u32 = 64;
/// Longer than any window lasts.
const KEPT: Duration = Duration::from_secs(3600);

#[derive(Clone)]
pub(super) struct Leases(Cache<String, Arc<Mutex<Lease>>>);

/// Calls that are counted already; none at first.
#[derive(Default)]
pub(super) struct Lease {
    left: u32,
    /// Calls that nobody has leased.
    remaining: u32,
    end: Option<Instant>,
}

impl Leases {
    pub(super) fn new() -> Self {
        let held = Cache::builder()
            .max_capacity(CAPACITY)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(KEPT)
            .build();
        Self(held)
    }

    /// Calls of one lease; one, which is none, where the limit is so small that it must be exact.
    pub(super) fn size(limit: u32) -> u32 {
        (limit / SHARE).clamp(1, MOST)
    }

    /// The lease of a key. One call at a time fills it.
    pub(super) async fn of(&self, key: &str) -> Arc<Mutex<Lease>> {
        self.0
            .entry_by_ref(key)
            .or_insert_with(async { Arc::default() })
            .await
            .into_value()
    }
}

impl Lease {
    /// One call, when some are left.
    pub(super) fn take(&mut self) -> Option<Decision> {
        let until_end = self.end?.checked_duration_since(Instant::now())?;
        self.left = self.left.checked_sub(1)?;
        Some(Decision {
            allowed: true,
            remaining: self.remaining.saturating_add(self.left),
            retry_after: until_end,
        })
    }

    /// Keeps what was leased beyond the call at hand; answers for that call.
    pub(super) fn fill(&mut self, leased: u32, decision: Decision) -> Decision {
        *self = Self {
            left: leased.saturating_sub(1),
            remaining: decision.remaining,
            end: Some(Instant::now() + decision.retry_after),
        };
        Decision {
            remaining: decision.remaining.saturating_add(self.left),
            ..decision
        }
    }
}
