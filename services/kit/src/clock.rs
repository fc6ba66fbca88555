//! Time, injected: a service goes by the database's clock, tests move a false one.
//!
//! Deadlines of records are compared with the database's clock itself ([`crate::db::now`]). What cannot ask it each time,
//! tokens and ids, has a steady clock that is set by it: a machine whose own clock is wrong, or jumps, changes nothing.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration as StdDuration, Instant},
};

use arc_swap::ArcSwap;
use sqlx::PgPool;
use time::{
    Duration, OffsetDateTime,
    macros::{format_description, offset},
};

/// An instant for people: Beijing time to the minute, e.g. `2026-03-01 09:30`.
#[must_use]
pub fn local(time: OffsetDateTime) -> String {
    time.to_offset(offset!(+8))
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]"))
        .unwrap_or_default()
}

/// An answer of the database that took longer does not tell the time well enough.
const SLOW: StdDuration = StdDuration::from_secs(2);
/// A machine's clock that is further off is worth a line in the log.
const OFF: Duration = Duration::seconds(5);

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Steady(Arc<ArcSwap<Set>>),
    Fake(FakeClock),
}

/// When a steady clock was set, and what to.
struct Set {
    at: Instant,
    time: OffsetDateTime,
}

/// A clock that stands until a test moves it.
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<Mutex<OffsetDateTime>>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that begins with the machine's time and goes on from there, whatever is done to the machine's clock.
    #[must_use]
    pub fn steady() -> Self {
        let set = Set {
            at: Instant::now(),
            time: Self::system().now(),
        };
        Self(Source::Steady(Arc::new(ArcSwap::from_pointee(set))))
    }

    /// Sets a steady clock, and with it all its clones, by the database's.
    ///
    /// # Errors
    /// The database's; the clock then goes on as it was.
    pub async fn follow(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let Source::Steady(set) = &self.0 else {
            return Ok(());
        };
        let mut conn = pool.acquire().await?;
        let begun = Instant::now();
        let time: OffsetDateTime = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&mut *conn)
            .await?;
        let took = begun.elapsed();
        if took < SLOW {
            let at = begun + took / 2;
            set.store(Arc::new(Set { at, time }));
            let off = Self::system().now() - self.now();
            if off.abs() > OFF {
                tracing::warn!(
                    off_seconds = off.whole_seconds(),
                    "this machine's clock is not the database's"
                );
            }
        }
        Ok(())
    }

    /// A clock that starts at `start` and moves only by its handle.
    #[must_use]
    pub fn fake(start: OffsetDateTime) -> (Self, FakeClock) {
        let handle = FakeClock(Arc::new(Mutex::new(start)));
        (Self(Source::Fake(handle.clone())), handle)
    }

    /// The time now, UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        match &self.0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place that reads the machine's clock"
            )]
            Source::System => OffsetDateTime::now_utc(),
            Source::Steady(set) => {
                let set = set.load();
                set.time + set.at.elapsed()
            }
            Source::Fake(fake) => fake.now(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Source::System => "Clock(system)",
            Source::Steady(_) => "Clock(steady)",
            Source::Fake(_) => "Clock(fake)",
        })
    }
}

impl FakeClock {
    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Sets it.
    pub fn set(&self, to: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }
}
