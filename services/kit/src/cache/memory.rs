//! The cache of one process.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use moka::{Expiry, future::Cache, ops::compute::Op, policy::EvictionPolicy};

use super::{Decision, decide};

/// Most entries; the oldest go first.
const CAPACITY: u64 = 200_000;

#[derive(Clone)]
pub(super) struct Memory {
    values: Cache<String, Entry>,
    windows: Cache<String, Counting>,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    end: Instant,
}

/// Calls of one key, kept for two windows after the last.
#[derive(Clone)]
struct Counting {
    window: Duration,
    state: Arc<Mutex<Window>>,
}

struct Window {
    start: Instant,
    current: u64,
    previous: u64,
}

struct ByEntry;

impl Expiry<String, Entry> for ByEntry {
    fn expire_after_create(&self, _: &String, entry: &Entry, now: Instant) -> Option<Duration> {
        Some(entry.end.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.end.saturating_duration_since(now))
    }
}

struct ByWindow;

impl Expiry<String, Counting> for ByWindow {
    fn expire_after_create(&self, _: &String, counting: &Counting, _: Instant) -> Option<Duration> {
        Some(counting.window.saturating_mul(2))
    }

    fn expire_after_read(
        &self,
        _: &String,
        counting: &Counting,
        _: Instant,
        _: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        Some(counting.window.saturating_mul(2))
    }
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            values: Cache::builder()
                .max_capacity(CAPACITY)
                // The usual policy would turn newcomers away when many keys come once each.
                .eviction_policy(EvictionPolicy::lru())
                .expire_after(ByEntry)
                .build(),
            windows: Cache::builder()
                .max_capacity(CAPACITY)
                .eviction_policy(EvictionPolicy::lru())
                .expire_after(ByWindow)
                .build(),
        }
    }

    pub(super) async fn get(&self, key: &str) -> Option<Bytes> {
        self.values.get(key).await.map(|entry| entry.value)
    }

    pub(super) async fn set(&self, key: &str, value: Bytes, ttl: Duration) {
        self.values
            .insert(
                key.to_owned(),
                Entry {
                    value,
                    end: Instant::now() + ttl,
                },
            )
            .await;
    }

    pub(super) async fn add(&self, key: &str, value: Bytes, ttl: Duration) -> bool {
        let entry = Entry {
            value,
            end: Instant::now() + ttl,
        };
        self.values
            .entry(key.to_owned())
            .or_insert(entry)
            .await
            .is_fresh()
    }

    pub(super) async fn take(&self, key: &str) -> Option<Bytes> {
        self.values.remove(key).await.map(|entry| entry.value)
    }

    pub(super) async fn incr(&self, key: &str, ttl: Duration) -> u64 {
        let result = self
            .values
            .entry(key.to_owned())
            .and_compute_with(|entry| {
                let entry = entry.map(moka::Entry::into_value);
                let count = entry
                    .as_ref()
                    .and_then(|entry| count(&entry.value))
                    .unwrap_or_default()
                    .saturating_add(1);
                let end = entry.map_or_else(|| Instant::now() + ttl, |entry| entry.end);
                std::future::ready(Op::Put(Entry {
                    value: count.to_string().into(),
                    end,
                }))
            })
            .await;
        result
            .into_entry()
            .and_then(|entry| count(&entry.into_value().value))
            .unwrap_or_default()
    }

    pub(super) async fn allow(&self, key: &str, limit: u32, window: Duration) -> Decision {
        let fresh = || Counting {
            window,
            state: Arc::new(Mutex::new(Window {
                start: Instant::now(),
                current: 0,
                previous: 0,
            })),
        };
        let counting = self
            .windows
            .entry(key.to_owned())
            .or_insert_with(async { fresh() })
            .await
            .into_value();
        let mut state = counting.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = state.start.elapsed();
        if elapsed >= window * 2 {
            *state = Window {
                start: Instant::now(),
                current: 0,
                previous: 0,
            };
        } else if elapsed >= window {
            *state = Window {
                start: state.start + window,
                current: 0,
                previous: state.current,
            };
        }
        let decision = decide(
            state.current + 1,
            state.previous,
            state.start.elapsed(),
            limit,
            window,
        );
        if decision.allowed {
            state.current += 1;
        }
        decision
    }
}

fn count(value: &Bytes) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
