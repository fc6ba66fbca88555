//! Ids and random tokens, injected so that no other code reaches for randomness.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::clock::Clock;

/// Makes ids and tokens.
#[derive(Clone, Debug)]
pub struct Ids(Option<Arc<Timed>>);

/// Where the time in ids comes from, and what keeps those of one instant in order.
#[derive(Debug)]
struct Timed {
    clock: Clock,
    context: Mutex<ContextV7>,
}

impl Ids {
    /// Ids from the operating system's randomness.
    #[must_use]
    pub fn random() -> Self {
        Self(None)
    }

    /// The same, with the time of ids from a clock: the newest of all replicas is then the one with the highest id.
    #[must_use]
    pub fn timed(clock: Clock) -> Self {
        Self(Some(Arc::new(Timed {
            clock,
            context: Mutex::new(ContextV7::new()),
        })))
    }

    /// A new UUIDv7: random, and rising with time so that indexes stay compact.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        let time = self.0.as_ref().and_then(|timed| {
            let now = timed.clock.now();
            let seconds = u64::try_from(now.unix_timestamp()).ok()?;
            Some(Timestamp::from_unix(&timed.context, seconds, now.nanosecond()))
        });
        #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
        time.map_or_else(Uuid::now_v7, Uuid::new_v7)
    }

    /// Random bytes for keys, nonces and salts.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }

    /// A secret of `length` random bytes as base64url without padding.
    #[must_use]
    pub fn token(&self, length: usize) -> String {
        let mut bytes = vec![0; length];
        rand::rng().fill_bytes(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    #[test]
    fn ids_have_the_time_of_their_clock_and_rise_within_an_instant() {
        let (clock, time) = Clock::fake(datetime!(2026-06-01 08:00 UTC));
        let ids = Ids::timed(clock);
        let made: Vec<Uuid> = (0..1000).map(|_| ids.new_id()).collect();
        assert!(made.is_sorted());
        let (seconds, _) = made[0].get_timestamp().unwrap().to_unix();
        assert_eq!(i64::try_from(seconds).ok(), Some(time.now().unix_timestamp()));
        time.advance(Duration::hours(-5));
        assert!(ids.new_id() > made[999], "those of one process never go back");
    }
}
