//! Calls counted in Redis in advance, a few at a time, so that most calls of a busy caller need no way there and back.
//!
//! What a process has leased and does not use counts as used until its window ends: a limit is never looser by this, and
//! stricter by at most [`SHARE`] of it a process.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use moka::{future::Cache, policy::EvictionPolicy};

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

/// Calls that are counted already.
struct Lease {
    left: u32,
    /// Calls that nobody has leased.
    remaining: u32,
    end: Instant,
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

    /// One call of a lease that is held.
    pub(super) async fn take(&self, key: &str) -> Option<Decision> {
        let lease = self.0.get(key).await?;
        let mut lease = lease.lock().unwrap_or_else(PoisonError::into_inner);
        let until_end = lease.end.checked_duration_since(Instant::now())?;
        lease.left = lease.left.checked_sub(1)?;
        Some(Decision {
            allowed: true,
            remaining: lease.remaining.saturating_add(lease.left),
            retry_after: until_end,
        })
    }

    /// Keeps what was leased beyond the call at hand; answers for that call.
    pub(super) async fn keep(&self, key: &str, leased: u32, decision: Decision) -> Decision {
        let left = leased.saturating_sub(1);
        let lease = Lease {
            left,
            remaining: decision.remaining,
            end: Instant::now() + decision.retry_after,
        };
        self.0.insert(key.to_owned(), Arc::new(Mutex::new(lease))).await;
        Decision {
            remaining: decision.remaining.saturating_add(left),
            ..decision
        }
    }
}
