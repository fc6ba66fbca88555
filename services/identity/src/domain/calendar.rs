//! When what may be done: the province's windows, the schools' within them, and what follows from both.

use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, Time, UtcOffset, format_description::BorrowedFormatItem};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// What a window is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 注册.
    Registration,
    /// 生源核对.
    Origin,
    /// 网上签约.
    Signing,
    /// 去向登记.
    Destination,
    /// 推荐表.
    RecommendationForm,
}

impl Kind {
    /// Every kind, in the order that pages show.
    pub(crate) const ALL: [Self; 5] = [
        Self::Registration,
        Self::Origin,
        Self::Signing,
        Self::Destination,
        Self::RecommendationForm,
    ];

    /// The word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "REGISTRATION",
            Self::Origin => "ORIGIN",
            Self::Signing => "SIGNING",
            Self::Destination => "DESTINATION",
            Self::RecommendationForm => "RECOMMENDATION_FORM",
        }
    }

    /// The kind of a word.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The word for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Registration => "学生注册",
            Self::Origin => "生源信息核对",
            Self::Signing => "网上签约",
            Self::Destination => "去向登记",
            Self::RecommendationForm => "推荐表办理",
        }
    }
}

/// Days from one to another, both within, in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    open: Date,
    close: Date,
}

/// What is wrong with days that somebody typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DaysFault {
    /// One of the two is no day.
    NotADay(&'static str),
    /// Only one of the two is given.
    Incomplete,
    /// The last comes before the first.
    Order,
}

impl Days {
    /// Days in order.
    pub(crate) fn new(open: Date, close: Date) -> Option<Self> {
        (open <= close).then_some(Self { open, close })
    }

    /// Reads two days; both empty is none.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn parse(open: &str, close: &str) -> Result<Option<Self>, DaysFault> {
        let day = |text: &str, field| read_day(text).ok_or(DaysFault::NotADay(field));
        match (open.trim(), close.trim()) {
            ("", "") => Ok(None),
            ("", _) | (_, "") => Err(DaysFault::Incomplete),
            (open, close) => {
                let (open, close) = (day(open, "openDay")?, day(close, "closeDay")?);
                Self::new(open, close).map(Some).ok_or(DaysFault::Order)
            }
        }
    }

    /// The first day.
    pub(crate) fn open(self) -> Date {
        self.open
    }

    /// The last day.
    pub(crate) fn close(self) -> Date {
        self.close
    }

    /// The first day's beginning.
    pub(crate) fn open_time(self) -> OffsetDateTime {
        self.open.with_time(Time::MIDNIGHT).assume_offset(shanghai())
    }

    /// The last day's last millisecond.
    pub(crate) fn close_time(self) -> OffsetDateTime {
        let next = self.close.with_time(Time::MIDNIGHT).assume_offset(shanghai()) + Duration::DAY;
        next - Duration::MILLISECOND
    }

    /// True when `other` begins and ends within these days.
    pub(crate) fn hold(self, other: Self) -> bool {
        self.open <= other.open && other.close <= self.close
    }

    fn common(self, other: Self) -> Option<Self> {
        Self::new(self.open.max(other.open), self.close.min(other.close))
    }
}

impl std::fmt::Display for Days {
    /// 2026年3月1日至2026年6月30日.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { open, close } = self;
        let (from, to) = (u8::from(open.month()), u8::from(close.month()));
        write!(formatter, "{}年{from}月{}日至", open.year(), open.day())?;
        write!(formatter, "{}年{to}月{}日", close.year(), close.day())
    }
}

/// Today in Asia/Shanghai.
pub(crate) fn today(now: OffsetDateTime) -> Date {
    now.to_offset(shanghai()).date()
}

/// A day from the wire.
pub(crate) fn read_day(text: &str) -> Option<Date> {
    Date::parse(text.trim(), DAY).ok()
}

/// A day as it is written on the wire.
pub(crate) fn day(date: Date) -> String {
    date.format(DAY).unwrap_or_default()
}

/// What counts for a school's students.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effective {
    /// Nobody has set a window.
    Always,
    /// Within these days.
    Within(Days),
    /// The school's and the province's days have none in common.
    Never,
}

/// Why not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    /// What the window is for.
    pub(crate) kind: Kind,
    /// When it may be done; none when never.
    pub(crate) days: Option<Days>,
}

impl Effective {
    /// What follows from the province's window and the school's.
    pub(crate) fn of(province: Option<Days>, school: Option<Days>) -> Self {
        match (province, school) {
            (None, None) => Self::Always,
            (Some(days), None) | (None, Some(days)) => Self::Within(days),
            (Some(province), Some(school)) => province.common(school).map_or(Self::Never, Self::Within),
        }
    }

    /// Whether it is open at an instant.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn check(self, kind: Kind, now: OffsetDateTime) -> Result<(), Closed> {
        match self {
            Self::Always => Ok(()),
            Self::Within(days) if days.open_time() <= now && now <= days.close_time() => Ok(()),
            Self::Within(days) => Err(Closed {
                kind,
                days: Some(days),
            }),
            Self::Never => Err(Closed { kind, days: None }),
        }
    }

    /// The days that count, if any do.
    pub(crate) fn days(self) -> Option<Days> {
        match self {
            Self::Within(days) => Some(days),
            Self::Always | Self::Never => None,
        }
    }
}

/// A school's window must lie within the province's.
///
/// # Errors
/// The province's days.
pub(crate) fn narrow(province: Option<Days>, school: Option<Days>) -> Result<(), Days> {
    match (province, school) {
        (Some(province), Some(school)) if !province.hold(school) => Err(province),
        _ => Ok(()),
    }
}

fn shanghai() -> UtcOffset {
    UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::{date, datetime};

    use super::*;

    fn days(open: Date, close: Date) -> Days {
        Days::new(open, close).unwrap()
    }

    #[test]
    fn days_are_read_and_what_is_wrong_is_named() {
        assert_eq!(Days::parse("", " "), Ok(None));
        assert_eq!(Days::parse("2026-03-01", ""), Err(DaysFault::Incomplete));
        assert_eq!(Days::parse("", "2026-03-01"), Err(DaysFault::Incomplete));
        assert_eq!(
            Days::parse("2026-02-30", "2026-03-01"),
            Err(DaysFault::NotADay("openDay"))
        );
        assert_eq!(
            Days::parse("2026-03-01", "1 April"),
            Err(DaysFault::NotADay("closeDay"))
        );
        assert_eq!(Days::parse("2026-03-02", "2026-03-01"), Err(DaysFault::Order));
        let read = Days::parse("2026-03-01", "2026-06-30").unwrap().unwrap();
        assert_eq!(read, days(date!(2026 - 03 - 01), date!(2026 - 06 - 30)));
        assert_eq!(read.to_string(), "2026年3月1日至2026年6月30日");
        assert_eq!(
            (day(read.open()), day(read.close())),
            ("2026-03-01".into(), "2026-06-30".into())
        );
    }

    #[test]
    fn a_window_ends_with_its_last_day_in_shanghai() {
        let window = Effective::Within(days(date!(2026 - 03 - 01), date!(2026 - 06 - 30)));
        let open = |now| window.check(Kind::Signing, now).is_ok();
        assert!(!open(datetime!(2026-02-28 15:59:59.999 UTC)));
        assert!(open(datetime!(2026-02-28 16:00 UTC)));
        assert!(open(datetime!(2026-06-30 15:59:59.999 UTC)));
        assert!(!open(datetime!(2026-06-30 16:00 UTC)));
    }

    #[test]
    fn what_counts_is_in_both() {
        let province = days(date!(2026 - 03 - 01), date!(2026 - 06 - 30));
        let school = days(date!(2026 - 03 - 10), date!(2026 - 07 - 10));
        let later = days(date!(2026 - 08 - 01), date!(2026 - 08 - 02));
        let both = days(date!(2026 - 03 - 10), date!(2026 - 06 - 30));
        assert_eq!(Effective::of(None, None), Effective::Always);
        assert_eq!(Effective::of(Some(province), None), Effective::Within(province));
        assert_eq!(Effective::of(None, Some(school)), Effective::Within(school));
        assert_eq!(
            Effective::of(Some(province), Some(school)),
            Effective::Within(both)
        );
        assert_eq!(Effective::of(Some(province), Some(later)), Effective::Never);
        let now = datetime!(2026-08-01 0:00 UTC);
        assert!(Effective::Always.check(Kind::Origin, now).is_ok());
        assert!(Effective::Never.check(Kind::Origin, now).is_err());
    }

    #[test]
    fn a_school_only_narrows() {
        let province = days(date!(2026 - 03 - 01), date!(2026 - 06 - 30));
        assert_eq!(narrow(Some(province), Some(province)), Ok(()));
        assert_eq!(narrow(Some(province), None), Ok(()));
        assert_eq!(narrow(None, Some(province)), Ok(()));
        for outside in [
            days(date!(2026 - 02 - 28), date!(2026 - 06 - 30)),
            days(date!(2026 - 03 - 01), date!(2026 - 07 - 01)),
        ] {
            assert_eq!(narrow(Some(province), Some(outside)), Err(province));
        }
    }

    proptest! {
        /// Nobody gets more than either allows, and a school that stays within the province's days gets its own.
        #[test]
        fn open_means_open_in_both(
            (a, b, c, d, at) in (0_i64..40, 0_i64..40, 0_i64..40, 0_i64..40, 0_i64..(41 * 24)),
        ) {
            let start = date!(2026 - 01 - 01);
            let span = |from: i64, to: i64| {
                days(start + Duration::days(from.min(to)), start + Duration::days(from.max(to)))
            };
            let (province, school) = (span(a, b), span(c, d));
            let now = start.midnight().assume_offset(shanghai()) + Duration::hours(at);
            let open = |effective: Effective| effective.check(Kind::Signing, now).is_ok();
            let both = Effective::of(Some(province), Some(school));
            prop_assert_eq!(open(both), open(Effective::Within(province)) && open(Effective::Within(school)));
            if narrow(Some(province), Some(school)).is_ok() {
                prop_assert_eq!(both, Effective::Within(school));
            }
        }
    }

    #[test]
    fn kinds_keep_their_words() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
            assert!(!kind.title().is_empty());
        }
        assert_eq!(Kind::parse("OTHER"), None);
    }
}
