//! Time, injected: production reads the machine's clock, tests move a false one.
//!
//! Deadlines of records are not compared with this clock but with the database's ([`crate::db::now`]); this one serves
//! tokens, caches and log lines.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

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

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Fake(FakeClock),
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
            Source::Fake(fake) => fake.now(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Source::System => "Clock(system)",
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
