//! Erasing an account on its owner's wish (ID-33): some days to think, and what stands against it.

use time::{Duration, OffsetDateTime};

/// Where a wish is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits for its day.
    Waiting,
    /// Taken back, or something stood against it on its day.
    Withdrawn,
    /// The account is erased.
    Done,
}

impl State {
    /// The state as the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Withdrawn => "WITHDRAWN",
            Self::Done => "DONE",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Withdrawn, Self::Done]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What stands around an account.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around {
    /// The student has an agreement in force or under review.
    pub(crate) agreement_held: bool,
    /// Graduation year of a student.
    pub(crate) cohort: Option<i32>,
    /// True for an employer's only active administrator.
    pub(crate) last_administrator: bool,
}

/// What somebody does to a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Wishes it, to be done after this time.
    Request(Duration),
    /// Takes it back.
    Withdraw,
    /// The day has come.
    Fall,
}

/// What becomes of the wish, and when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) state: State,
    pub(crate) due: OffsetDateTime,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A wish waits already.
    Waiting { due: OffsetDateTime },
    /// None waits.
    NotWaiting,
    /// Its day has not come.
    TooEarly,
    /// Something stands against it.
    Blocked(Blocked),
}

/// What stands against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// An agreement of the running graduation year needs its student.
    Agreement,
    /// An employer needs an administrator.
    LastAdministrator,
}

impl Blocked {
    /// What it is and what to do about it.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Agreement => {
                "您有生效或正在办理的就业协议，毕业当年须保留账号以便查看和办理解约；请在解约后，或毕业次年起申请注销"
            }
            Self::LastAdministrator => "您是本单位唯一的管理员，请先指定另一位管理员，再申请注销",
        }
    }
}

/// What stands against erasing an account, if anything.
pub(crate) fn blocked(around: Around, now: OffsetDateTime) -> Option<Blocked> {
    let year_over = around.cohort.is_none_or(|cohort| cohort < now.year());
    if around.agreement_held && !year_over {
        Some(Blocked::Agreement)
    } else if around.last_administrator {
        Some(Blocked::LastAdministrator)
    } else {
        None
    }
}

/// Decides. `waiting` is the day of the wish that waits, if one does.
pub(crate) fn decide(
    waiting: Option<OffsetDateTime>,
    command: Command,
    around: Around,
    now: OffsetDateTime,
) -> Result<Decision, Refusal> {
    let blocked = blocked(around, now);
    match (command, waiting, blocked) {
        (Command::Request(_), Some(due), _) => Err(Refusal::Waiting { due }),
        (Command::Request(_), None, Some(blocked)) => Err(Refusal::Blocked(blocked)),
        (Command::Request(pause), None, None) => Ok(Decision {
            state: State::Waiting,
            due: now + pause,
        }),
        (Command::Withdraw | Command::Fall, None, _) => Err(Refusal::NotWaiting),
        (Command::Fall, Some(due), _) if now < due => Err(Refusal::TooEarly),
        (Command::Withdraw, Some(due), _) | (Command::Fall, Some(due), Some(_)) => Ok(Decision {
            state: State::Withdrawn,
            due,
        }),
        (Command::Fall, Some(due), None) => Ok(Decision {
            state: State::Done,
            due,
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-06-01 8:00 UTC);
    const WEEK: Duration = Duration::days(7);

    fn free() -> Around {
        Around {
            cohort: Some(2026),
            ..Around::default()
        }
    }

    #[test]
    fn a_wish_waits_its_days_and_can_be_taken_back() {
        let asked = decide(None, Command::Request(WEEK), free(), NOW).unwrap();
        assert_eq!((asked.state, asked.due), (State::Waiting, NOW + WEEK));
        let due = Some(asked.due);
        assert_eq!(
            decide(due, Command::Request(WEEK), free(), NOW),
            Err(Refusal::Waiting { due: asked.due })
        );
        assert_eq!(decide(due, Command::Fall, free(), NOW), Err(Refusal::TooEarly));
        assert_eq!(
            decide(due, Command::Withdraw, free(), NOW).unwrap().state,
            State::Withdrawn
        );
        assert_eq!(
            decide(due, Command::Fall, free(), asked.due).unwrap().state,
            State::Done
        );
        for command in [Command::Withdraw, Command::Fall] {
            assert_eq!(decide(None, command, free(), NOW), Err(Refusal::NotWaiting));
        }
    }

    #[test]
    fn an_agreement_of_the_running_year_and_a_last_administrator_stand_against_it() {
        let held = Around {
            agreement_held: true,
            ..free()
        };
        assert_eq!(
            decide(None, Command::Request(WEEK), held, NOW),
            Err(Refusal::Blocked(Blocked::Agreement))
        );
        let next_year = datetime!(2027-01-01 0:00 UTC);
        assert!(decide(None, Command::Request(WEEK), held, next_year).is_ok());
        let last = Around {
            last_administrator: true,
            ..Around::default()
        };
        assert_eq!(blocked(last, NOW), Some(Blocked::LastAdministrator));
        // What came up while it waited.
        assert_eq!(
            decide(Some(NOW), Command::Fall, held, NOW).unwrap().state,
            State::Withdrawn
        );
    }

    proptest! {
        #[test]
        fn nothing_is_erased_before_its_day_or_against_a_block(
            held: bool, last: bool, cohort in 2020..2030_i32, ahead in -20..20_i64,
        ) {
            let around = Around { agreement_held: held, cohort: Some(cohort), last_administrator: last };
            let decided = decide(Some(NOW + Duration::days(ahead)), Command::Fall, around, NOW);
            if decided.is_ok_and(|decision| decision.state == State::Done) {
                prop_assert!(ahead <= 0 && blocked(around, NOW).is_none());
            }
        }
    }

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in [State::Waiting, State::Withdrawn, State::Done] {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
    }
}
