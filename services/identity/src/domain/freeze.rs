//! A school's freeze of an employer (SM-15): three days in which the employer reaches none of its students.

use time::{Duration, OffsetDateTime};

/// How long a freeze lasts: the province decides until then.
pub(crate) const LIFE: Duration = Duration::hours(72);
/// How long a school waits before it may freeze the same employer again, so that freezes do not become a suspension.
pub(crate) const PAUSE: Duration = Duration::days(30);

/// A freeze as the rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freeze {
    pub(crate) begun: OffsetDateTime,
    pub(crate) until: OffsetDateTime,
    pub(crate) lifted: bool,
}

impl Freeze {
    /// True while it keeps the employer away.
    pub(crate) fn holds(self, now: OffsetDateTime) -> bool {
        !self.lifted && now < self.until
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is frozen already.
    Frozen { until: OffsetDateTime },
    /// The last freeze is not long enough ago.
    TooSoon { from: OffsetDateTime },
    /// It is not frozen.
    NotFrozen,
}

/// Decides until when an employer is frozen. `last` is the school's last freeze of it.
pub(crate) fn freeze(last: Option<Freeze>, now: OffsetDateTime) -> Result<OffsetDateTime, Refusal> {
    match last {
        Some(last) if last.holds(now) => Err(Refusal::Frozen { until: last.until }),
        Some(last) if now < last.begun + PAUSE => Err(Refusal::TooSoon {
            from: last.begun + PAUSE,
        }),
        _ => Ok(now + LIFE),
    }
}

/// Decides whether a freeze can be lifted.
pub(crate) fn lift(last: Option<Freeze>, now: OffsetDateTime) -> Result<(), Refusal> {
    match last {
        Some(last) if last.holds(now) => Ok(()),
        _ => Err(Refusal::NotFrozen),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-05-01 8:00 UTC);

    fn begun(begun: OffsetDateTime) -> Freeze {
        Freeze {
            begun,
            until: begun + LIFE,
            lifted: false,
        }
    }

    #[test]
    fn a_freeze_lasts_three_days_and_comes_again_after_thirty() {
        let until = freeze(None, NOW).unwrap();
        assert_eq!(until, NOW + LIFE);
        let last = Some(begun(NOW));
        assert_eq!(freeze(last, NOW), Err(Refusal::Frozen { until }));
        let soon = Err(Refusal::TooSoon { from: NOW + PAUSE });
        assert_eq!(freeze(last, until), soon);
        let lifted = Some(Freeze {
            lifted: true,
            ..begun(NOW)
        });
        assert_eq!(freeze(lifted, NOW), soon);
        assert_eq!(freeze(last, NOW + PAUSE), Ok(NOW + PAUSE + LIFE));
    }

    #[test]
    fn only_what_holds_is_lifted() {
        assert_eq!(lift(Some(begun(NOW)), NOW), Ok(()));
        assert_eq!(lift(Some(begun(NOW)), NOW + LIFE), Err(Refusal::NotFrozen));
        let lifted = Freeze {
            lifted: true,
            ..begun(NOW)
        };
        assert_eq!(lift(Some(lifted), NOW), Err(Refusal::NotFrozen));
        assert_eq!(lift(None, NOW), Err(Refusal::NotFrozen));
    }
}
