//! How signing in slows down after failures: 1, 2, 4 … 900 seconds after each, and a lock of 15 minutes, doubling, after
//! ten within 15 minutes. Never for ever: strangers must not be able to shut somebody out for good.

use time::{Duration, OffsetDateTime};

/// Failures are counted within this time for a lock.
const WINDOW: Duration = Duration::minutes(15);
/// Failures within the window that lock.
const WINDOW_LIMIT: i32 = 10;
/// Longest delay after a single failure.
const MAX_DELAY: Duration = Duration::seconds(900);
/// The first lock; each further one is twice as long.
const FIRST_LOCK: Duration = Duration::minutes(15);
/// The longest lock.
const MAX_LOCK: Duration = Duration::hours(24);
/// Without failures for so long everything is forgiven.
const FORGIVEN: Duration = Duration::hours(24);

/// What is remembered of a subject's failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttle {
    /// Failures since the last success.
    pub(crate) failures: i32,
    pub(crate) window_start: OffsetDateTime,
    pub(crate) window_failures: i32,
    /// Locks since the last success.
    pub(crate) locks: i32,
    pub(crate) last_failure_time: OffsetDateTime,
    /// No attempt before.
    pub(crate) next_time: OffsetDateTime,
    /// True when `next_time` is the end of a lock.
    pub(crate) locked: bool,
}

/// An attempt came too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooEarly {
    pub(crate) wait: Duration,
    pub(crate) locked: bool,
}

impl Throttle {
    /// A subject that never failed.
    pub(crate) fn new(now: OffsetDateTime) -> Self {
        Self {
            failures: 0,
            window_start: now,
            window_failures: 0,
            locks: 0,
            last_failure_time: now,
            next_time: now,
            locked: false,
        }
    }

    /// Takes an attempt. It counts as failed until it proves otherwise, so that many at once cannot all be the first.
    pub(crate) fn attempt(self, now: OffsetDateTime) -> Result<Self, TooEarly> {
        if now < self.next_time {
            return Err(TooEarly {
                wait: self.next_time - now,
                locked: self.locked,
            });
        }
        let before = if now - self.last_failure_time >= FORGIVEN {
            Self::new(now)
        } else {
            self
        };
        Ok(before.fail(now))
    }

    fn fail(self, now: OffsetDateTime) -> Self {
        let (window_start, counted) = if now - self.window_start >= WINDOW {
            (now, 0)
        } else {
            (self.window_start, self.window_failures)
        };
        let failed = Self {
            failures: self.failures.saturating_add(1),
            window_start,
            window_failures: counted.saturating_add(1),
            last_failure_time: now,
            locked: false,
            ..self
        };
        if failed.window_failures < WINDOW_LIMIT {
            return Self {
                next_time: now + delay(failed.failures),
                ..failed
            };
        }
        let lock = doubled(FIRST_LOCK, failed.locks, MAX_LOCK);
        Self {
            window_failures: 0,
            window_start: now,
            locks: failed.locks.saturating_add(1),
            next_time: now + lock,
            locked: true,
            ..failed
        }
    }
}

/// The wait after the n-th failure in a row.
fn delay(failures: i32) -> Duration {
    doubled(Duration::SECOND, failures.saturating_sub(1), MAX_DELAY)
}

/// `first`, doubled `times`, at most `limit`.
fn doubled(first: Duration, times: i32, limit: Duration) -> Duration {
    let factor = 1_i32
        .checked_shl(u32::try_from(times.clamp(0, 20)).unwrap_or_default())
        .unwrap_or(i32::MAX);
    first.saturating_mul(factor).min(limit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2027-03-01 08:00 UTC);

    #[test]
    fn each_failure_doubles_the_wait_and_the_tenth_in_the_window_locks() {
        let mut throttle = Throttle::new(START);
        let mut now = START;
        let mut waits = Vec::new();
        for _ in 0..10 {
            throttle = throttle.attempt(now).unwrap();
            waits.push((throttle.next_time - now).whole_seconds());
            now = throttle.next_time;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 900]);
        assert!(throttle.locked);
    }

    #[test]
    fn further_locks_double_up_to_a_day() {
        let mut throttle = Throttle {
            window_failures: 9,
            ..Throttle::new(START)
        };
        let mut now = START;
        let mut locks = Vec::new();
        for _ in 0..8 {
            throttle = throttle.attempt(now).unwrap();
            assert!(throttle.locked);
            locks.push((throttle.next_time - now).whole_minutes());
            now = throttle.next_time;
            throttle.window_start = now;
            throttle.window_failures = 9;
        }
        assert_eq!(locks, [15, 30, 60, 120, 240, 480, 960, 1440]);
        let forgiven = throttle.attempt(now).unwrap();
        assert_eq!(
            (forgiven.failures, forgiven.locks, forgiven.locked),
            (1, 0, false),
            "after a day without attempts"
        );
    }

    #[test]
    fn an_attempt_before_its_time_is_refused_and_not_counted() {
        let throttle = Throttle::new(START).attempt(START).unwrap();
        let early = throttle.attempt(START + Duration::milliseconds(999)).unwrap_err();
        assert_eq!(
            early,
            TooEarly {
                wait: Duration::milliseconds(1),
                locked: false
            }
        );
        assert!(throttle.attempt(START + Duration::seconds(1)).is_ok());
    }

    proptest! {
        /// However the attempts come, an hour lets no more than the schedule through.
        #[test]
        fn no_pattern_of_attempts_gets_more_than_the_schedule_allows(gaps in prop::collection::vec(0_i64..600, 1..400)) {
            let mut throttle = Throttle::new(START);
            let mut now = START;
            let mut taken = 0;
            for gap in gaps {
                now += Duration::seconds(gap);
                if now - START > Duration::hours(1) {
                    break;
                }
                if let Ok(next) = throttle.attempt(now) {
                    taken += 1;
                    prop_assert!(next.next_time > now);
                    prop_assert!(next.next_time - now <= MAX_LOCK);
                    prop_assert_eq!(next.failures, throttle.failures + 1);
                    throttle = next;
                } else {
                    prop_assert!(now < throttle.next_time);
                }
            }
            prop_assert!(taken <= 14, "{taken} attempts in an hour");
        }
    }
}
