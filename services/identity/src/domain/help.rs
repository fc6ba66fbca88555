//! Requests for help: OPEN until the school has helped or closed them, and then for good.

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// 待处理.
    Open,
    /// 已解决.
    Resolved,
    /// 已关闭.
    Closed,
}

/// What the school does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// The asker was helped.
    Resolve,
    /// It is none of the school's, or cannot be answered.
    Close,
}

/// The request has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) from: State,
    pub(crate) event: &'static str,
}

impl State {
    /// The state as the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Resolved => "RESOLVED",
            Self::Closed => "CLOSED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Resolved, Self::Closed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// For people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Open => "待处理",
            Self::Resolved => "已解决",
            Self::Closed => "已关闭",
        }
    }
}

impl Command {
    /// The verb as in the route.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Close => "close",
        }
    }

    /// What it is in the audit.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::Resolve => "help.resolve",
            Self::Close => "help.close",
        }
    }
}

/// Decides what state a request is in after a command.
pub(crate) fn decide(state: State, command: Command) -> Result<State, Refusal> {
    match (state, command) {
        (State::Open, Command::Resolve) => Ok(State::Resolved),
        (State::Open, Command::Close) => Ok(State::Closed),
        (from @ (State::Resolved | State::Closed), _) => Err(Refusal {
            from,
            event: command.name(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_state_and_command_is_decided() {
        for command in [Command::Resolve, Command::Close] {
            for state in [State::Open, State::Resolved, State::Closed] {
                let next = match command {
                    Command::Resolve => State::Resolved,
                    Command::Close => State::Closed,
                };
                let expected = if state == State::Open {
                    Ok(next)
                } else {
                    Err(Refusal {
                        from: state,
                        event: command.name(),
                    })
                };
                assert_eq!(decide(state, command), expected, "{state:?} {command:?}");
                assert_eq!(State::parse(state.as_str()), Some(state));
            }
        }
    }
}
