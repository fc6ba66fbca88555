//! A student's privacy (个人隐私设置): who finds the résumés, and what employers see.

/// Most employers that a student may block.
pub(crate) const MOST_BLOCKED: usize = 200;

/// Who finds a student's résumés.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Every admitted employer.
    AdmittedEmployers,
    /// Only employers that the student applied to or accepted.
    OwnEmployers,
    /// Nobody.
    Nobody,
}

impl Level {
    /// The level as the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AdmittedEmployers => "ADMITTED_EMPLOYERS",
            Self::OwnEmployers => "OWN_EMPLOYERS",
            Self::Nobody => "NOBODY",
        }
    }

    /// Reads what [`Level::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::AdmittedEmployers, Self::OwnEmployers, Self::Nobody]
            .into_iter()
            .find(|level| level.as_str() == text)
    }
}

/// The settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Privacy {
    pub(crate) level: Level,
    /// Whether employers with an application see the whole mobile number.
    pub(crate) mobile_shown: bool,
    /// Whether employers see that their messages were read.
    pub(crate) read_marks: bool,
    /// Whether an inviting employer may learn that the student has signed elsewhere.
    pub(crate) signed_shown: bool,
}

impl Default for Privacy {
    /// Nothing is shown that its owner has not chosen to show.
    fn default() -> Self {
        Self {
            level: Level::OwnEmployers,
            mobile_shown: false,
            read_marks: true,
            signed_shown: false,
        }
    }
}

/// New settings; `None` leaves one as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes {
    pub(crate) level: Option<Level>,
    pub(crate) mobile_shown: Option<bool>,
    pub(crate) read_marks: Option<bool>,
    pub(crate) signed_shown: Option<bool>,
}

impl Privacy {
    /// The settings with the changes written in.
    pub(crate) fn with(self, changes: Changes) -> Self {
        Self {
            level: changes.level.unwrap_or(self.level),
            mobile_shown: changes.mobile_shown.unwrap_or(self.mobile_shown),
            read_marks: changes.read_marks.unwrap_or(self.read_marks),
            signed_shown: changes.signed_shown.unwrap_or(self.signed_shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shown_by_default_and_absent_changes_stay() {
        let default = Privacy::default();
        assert!(default.level == Level::OwnEmployers && !default.mobile_shown && !default.signed_shown);
        let changes = Changes {
            mobile_shown: Some(true),
            ..Changes::default()
        };
        let next = default.with(changes);
        assert_eq!(
            (next.level, next.mobile_shown, next.read_marks),
            (default.level, true, true)
        );
    }

    #[test]
    fn levels_are_read_as_they_are_written() {
        for level in [Level::AdmittedEmployers, Level::OwnEmployers, Level::Nobody] {
            assert_eq!(Level::parse(level.as_str()), Some(level));
        }
        assert_eq!(Level::parse("EVERYBODY"), None);
    }
}
