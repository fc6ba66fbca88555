//! When the calendar lets students and employers sign.

use time::{OffsetDateTime, UtcOffset};

use super::refusal::Refusal;

/// From when to when, both within. One that ends before it begins never opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From when.
    pub open: OffsetDateTime,
    /// Until when.
    pub close: OffsetDateTime,
}

/// Whether one may sign at an instant; no window is always.
///
/// # Errors
/// `WINDOW_CLOSED` with the dates.
pub fn check(window: Option<Window>, now: OffsetDateTime) -> Result<(), Refusal> {
    match window {
        Some(window) if now < window.open || window.close < now => Err(Refusal::WindowClosed(window)),
        _ => Ok(()),
    }
}

impl Window {
    /// The sentence for people who come outside it.
    #[must_use]
    pub fn message(self) -> String {
        if self.close < self.open {
            return "学校和省里规定的网上签约时间没有重合，现在不能签约，请联系学校就业部门".to_owned();
        }
        let (open, close) = (day(self.open), day(self.close));
        format!("网上签约的时间为{open}至{close}，现在不能办理；如有疑问请联系学生所在学校的就业部门")
    }
}

fn day(time: OffsetDateTime) -> String {
    let shanghai = time.to_offset(UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC));
    let (year, month, day) = (shanghai.year(), u8::from(shanghai.month()), shanghai.day());
    format!("{year}年{month}月{day}日")
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    const WINDOW: Window = Window {
        open: datetime!(2026-02-28 16:00 UTC),
        close: datetime!(2026-06-30 15:59:59.999 UTC),
    };

    #[test]
    fn both_ends_are_within() {
        assert_eq!(check(None, WINDOW.open), Ok(()));
        assert_eq!(check(Some(WINDOW), WINDOW.open), Ok(()));
        assert_eq!(check(Some(WINDOW), WINDOW.close), Ok(()));
        let closed = Err(Refusal::WindowClosed(WINDOW));
        assert_eq!(check(Some(WINDOW), WINDOW.open - Duration::MILLISECOND), closed);
        assert_eq!(check(Some(WINDOW), WINDOW.close + Duration::MILLISECOND), closed);
    }

    #[test]
    fn the_dates_are_those_of_shanghai() {
        let message = WINDOW.message();
        assert!(message.contains("2026年3月1日至2026年6月30日"), "{message}");
    }

    #[test]
    fn a_window_that_ends_before_it_begins_never_opens() {
        let never = Window {
            open: WINDOW.close,
            close: WINDOW.open,
        };
        for now in [WINDOW.open, WINDOW.close] {
            assert_eq!(check(Some(never), now), Err(Refusal::WindowClosed(never)));
        }
        assert!(never.message().contains("没有重合"));
    }
}
