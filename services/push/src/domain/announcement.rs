//! An announcement's way: drafted, scheduled, published, withdrawn.

use time::{Duration, OffsetDateTime};

/// Longest that an announcement may wait for its time.
pub const LONGEST_WAIT: Duration = Duration::days(366);

/// Where an announcement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Only its office sees it.
    Draft,
    /// Waits for its time.
    Scheduled,
    /// Published.
    Published,
    /// Taken back.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Scheduled, Self::Published, Self::Withdrawn];

    /// The word in the database and in histories.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Scheduled => "SCHEDULED",
            Self::Published => "PUBLISHED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    /// The state of a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The word for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Draft => "草稿",
            Self::Scheduled => "待发布",
            Self::Published => "已发布",
            Self::Withdrawn => "已撤回",
        }
    }

    /// The state at an instant: what is scheduled is published when its time has come, whether the task has written that
    /// down or not.
    #[must_use]
    pub fn at(self, publish_time: Option<OffsetDateTime>, now: OffsetDateTime) -> Self {
        match self {
            Self::Scheduled if publish_time.is_some_and(|time| time <= now) => Self::Published,
            state => state,
        }
    }
}

/// What its office wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Replace the content.
    Update,
    /// Publish, at a time or at once.
    Publish(Option<OffsetDateTime>),
    /// Take back.
    Withdraw,
}

impl Command {
    /// The event of the history and the name of the button, lower camel case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Publish(_) => "publish",
            Self::Withdraw => "withdraw",
        }
    }
}

/// What the rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// State in the store.
    pub state: State,
    /// When it was or will be published.
    pub publish_time: Option<OffsetDateTime>,
    /// When it is no longer shown; with an update, as it will then be.
    pub expire_time: Option<OffsetDateTime>,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// State afterwards.
    pub state: State,
    /// When it was or will be published.
    pub publish_time: Option<OffsetDateTime>,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("refused")]
pub enum Refusal {
    /// The state has no such step.
    Transition {
        /// Present state.
        from: State,
        /// What was asked.
        event: &'static str,
    },
    /// The time of publication is too far away.
    TooFar,
    /// It would end before anybody has seen it.
    Expired,
}

/// Decides a command.
///
/// # Errors
/// The refusal.
pub fn decide(facts: Facts, command: Command, now: OffsetDateTime) -> Result<Next, Refusal> {
    let Facts {
        state,
        publish_time,
        expire_time,
    } = facts;
    let from = state.at(publish_time, now);
    match (from, command) {
        (State::Draft | State::Scheduled, Command::Update) => {
            ends_after(publish_time.unwrap_or(now), expire_time)?;
            Ok(Next {
                state: from,
                publish_time,
            })
        }
        (State::Draft | State::Scheduled, Command::Publish(wanted)) => {
            let time = wanted.filter(|time| *time > now).unwrap_or(now);
            if time > now + LONGEST_WAIT {
                return Err(Refusal::TooFar);
            }
            ends_after(time, expire_time)?;
            let state = if time > now {
                State::Scheduled
            } else {
                State::Published
            };
            Ok(Next {
                state,
                publish_time: Some(time),
            })
        }
        (State::Draft | State::Scheduled | State::Published, Command::Withdraw) => Ok(Next {
            state: State::Withdrawn,
            publish_time,
        }),
        (State::Published | State::Withdrawn, _) => Err(Refusal::Transition {
            from,
            event: command.name(),
        }),
    }
}

fn ends_after(start: OffsetDateTime, end: Option<OffsetDateTime>) -> Result<(), Refusal> {
    match end {
        Some(end) if end <= start => Err(Refusal::Expired),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-01 08:00 UTC);

    fn facts(state: State) -> Facts {
        Facts {
            state,
            publish_time: match state {
                State::Draft => None,
                State::Scheduled => Some(NOW + Duration::DAY),
                State::Published | State::Withdrawn => Some(NOW - Duration::DAY),
            },
            expire_time: None,
        }
    }

    #[test]
    fn every_state_has_its_steps_and_no_others() {
        let later = Some(NOW + Duration::HOUR);
        for (state, command, expected) in [
            (State::Draft, Command::Update, Some(State::Draft)),
            (State::Draft, Command::Publish(None), Some(State::Published)),
            (State::Draft, Command::Publish(later), Some(State::Scheduled)),
            (State::Draft, Command::Withdraw, Some(State::Withdrawn)),
            (State::Scheduled, Command::Update, Some(State::Scheduled)),
            (State::Scheduled, Command::Publish(None), Some(State::Published)),
            (State::Scheduled, Command::Publish(later), Some(State::Scheduled)),
            (State::Scheduled, Command::Withdraw, Some(State::Withdrawn)),
            (State::Published, Command::Update, None),
            (State::Published, Command::Publish(None), None),
            (State::Published, Command::Withdraw, Some(State::Withdrawn)),
            (State::Withdrawn, Command::Update, None),
            (State::Withdrawn, Command::Publish(None), None),
            (State::Withdrawn, Command::Withdraw, None),
        ] {
            let decided = decide(facts(state), command, NOW);
            let refused = Refusal::Transition {
                from: state,
                event: command.name(),
            };
            assert_eq!(
                decided.map(|next| next.state),
                expected.ok_or(refused),
                "{state:?} {command:?}"
            );
        }
    }

    #[test]
    fn what_is_due_counts_as_published_before_anybody_writes_it_down() {
        let due = Facts {
            publish_time: Some(NOW),
            ..facts(State::Scheduled)
        };
        assert_eq!(due.state.at(due.publish_time, NOW), State::Published);
        assert_eq!(
            due.state.at(due.publish_time, NOW - Duration::SECOND),
            State::Scheduled
        );
        assert!(decide(due, Command::Update, NOW).is_err());
        assert!(decide(due, Command::Withdraw, NOW).is_ok());
    }

    #[test]
    fn it_is_published_at_once_when_the_time_is_past_and_not_in_years() {
        let at = |time| decide(facts(State::Draft), Command::Publish(Some(time)), NOW);
        assert_eq!(
            at(NOW - Duration::DAY),
            Ok(Next {
                state: State::Published,
                publish_time: Some(NOW)
            })
        );
        assert!(at(NOW + LONGEST_WAIT).is_ok());
        assert_eq!(at(NOW + LONGEST_WAIT + Duration::SECOND), Err(Refusal::TooFar));
    }

    #[test]
    fn it_does_not_end_before_it_begins() {
        let ends = |expire_time, command| {
            let facts = Facts {
                expire_time: Some(expire_time),
                ..facts(State::Scheduled)
            };
            decide(facts, command, NOW)
        };
        assert_eq!(ends(NOW, Command::Publish(None)), Err(Refusal::Expired));
        assert!(ends(NOW + Duration::SECOND, Command::Publish(None)).is_ok());
        assert_eq!(ends(NOW + Duration::DAY, Command::Update), Err(Refusal::Expired));
        assert!(ends(NOW + Duration::days(2), Command::Update).is_ok());
    }

    #[test]
    fn states_keep_their_words() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            assert!(!state.title().is_empty());
        }
        assert_eq!(State::parse("OTHER"), None);
    }
}
