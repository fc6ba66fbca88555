//! Four eyes for the province: what makes an administrator is proposed by one and confirmed by another.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::staff::{self, Account, Change, Level, Manager};

/// How long a proposal waits; after that it has lapsed.
pub(crate) const LIFE: Duration = Duration::days(7);

/// What is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A new administrator.
    Create,
    /// A disabled one may sign in again.
    Enable,
    /// Staff of a school or department becomes one.
    Raise,
    /// One gets a new activation token.
    Reset,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Create, Self::Enable, Self::Raise, Self::Reset];

    /// The kind as the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Enable => "ENABLE",
            Self::Raise => "RAISE",
            Self::Reset => "RESET",
        }
    }

    /// Reads what [`Kind::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits for a second administrator.
    Open,
    /// One agreed, and it was done.
    Confirmed,
    /// One did not.
    Declined,
    /// The proposer took it back.
    Withdrawn,
    /// Nobody answered in time.
    Lapsed,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 5] = [
        Self::Open,
        Self::Confirmed,
        Self::Declined,
        Self::Withdrawn,
        Self::Lapsed,
    ];

    /// The state as the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Confirmed => "CONFIRMED",
            Self::Declined => "DECLINED",
            Self::Withdrawn => "WITHDRAWN",
            Self::Lapsed => "LAPSED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The state in the words of the pages.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Open => "待确认",
            Self::Confirmed => "已确认",
            Self::Declined => "已拒绝",
            Self::Withdrawn => "已撤回",
            Self::Lapsed => "已过期",
        }
    }
}

/// A proposal as the rules see one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proposal {
    pub(crate) state: State,
    pub(crate) proposer: Administrator,
    pub(crate) expire_time: OffsetDateTime,
}

/// Who proposes or decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Administrator {
    pub(crate) account: Uuid,
    /// True while they are an administrator who may sign in. The word of somebody else does not count, though their last
    /// access token is good for some minutes yet.
    pub(crate) counts: bool,
}

/// What is done to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Confirm,
    Decline,
    Withdraw,
}

impl Command {
    /// Every command.
    pub(crate) const ALL: [Self; 3] = [Self::Confirm, Self::Decline, Self::Withdraw];

    /// The verb as in the route.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Decline => "decline",
            Self::Withdraw => "withdraw",
        }
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not in this state.
    InvalidTransition { from: State, event: &'static str },
    /// Nobody decides on what they proposed themselves.
    OwnProposal,
    /// Only who proposed it may take it back.
    NotProposer,
    /// Who proposed it is no administrator any more.
    ProposerGone,
    /// Who decides is none any more.
    DeciderGone,
}

/// Why something cannot be proposed about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// One person could not do it either, were they alone.
    Staff(staff::Refusal),
    /// It is no administrator: one person is enough.
    NotAdministrator,
    /// It is one already.
    IsAdministrator,
}

/// Whether a kind can be proposed about an account; what two agree on must be what one alone could do.
///
/// # Errors
/// Why not.
pub(crate) fn fits(kind: Kind, account: &Account, manager: Manager<'_>) -> Result<(), Unfit> {
    let administrator = account.place.level == Level::Province;
    let decided = match kind {
        Kind::Enable | Kind::Reset if !administrator => return Err(Unfit::NotAdministrator),
        Kind::Create | Kind::Raise if administrator => return Err(Unfit::IsAdministrator),
        Kind::Enable => staff::decide(account, staff::Command::Enable, manager).map(drop),
        Kind::Reset => staff::decide(account, staff::Command::Reset, manager).map(drop),
        Kind::Create | Kind::Raise => staff::change(account, &raised(), manager).map(drop),
    };
    decided.map_err(Unfit::Staff)
}

/// The change that makes an administrator.
pub(crate) fn raised() -> Change {
    Change {
        level: Some(Level::Province),
        ..Change::default()
    }
}

impl Proposal {
    /// The state at a time: what nobody answered has lapsed, whether that is written down already or not.
    pub(crate) fn state_at(&self, now: OffsetDateTime) -> State {
        match self.state {
            State::Open if now >= self.expire_time => State::Lapsed,
            state => state,
        }
    }
}

/// Decides on a proposal.
///
/// # Errors
/// Why not: first the state, then the person.
pub(crate) fn decide(
    proposal: &Proposal,
    command: Command,
    actor: Administrator,
    now: OffsetDateTime,
) -> Result<State, Refusal> {
    let from = proposal.state_at(now);
    if from != State::Open {
        return Err(Refusal::InvalidTransition {
            from,
            event: command.name(),
        });
    }
    let own = actor.account == proposal.proposer.account;
    match command {
        _ if !actor.counts => Err(Refusal::DeciderGone),
        Command::Withdraw if own => Ok(State::Withdrawn),
        Command::Withdraw => Err(Refusal::NotProposer),
        Command::Confirm | Command::Decline if own => Err(Refusal::OwnProposal),
        Command::Confirm if !proposal.proposer.counts => Err(Refusal::ProposerGone),
        Command::Confirm => Ok(State::Confirmed),
        Command::Decline => Ok(State::Declined),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2027-03-01 08:00 UTC);
    const PROPOSER: Uuid = Uuid::from_u128(1);
    const SECOND: Uuid = Uuid::from_u128(2);

    fn active(account: Uuid) -> Administrator {
        Administrator {
            account,
            counts: true,
        }
    }

    fn gone(account: Uuid) -> Administrator {
        Administrator {
            account,
            counts: false,
        }
    }

    fn proposal(state: State) -> Proposal {
        Proposal {
            state,
            proposer: active(PROPOSER),
            expire_time: NOW + LIFE,
        }
    }

    #[test]
    fn every_state_command_and_person_is_decided() {
        for state in State::ALL {
            for command in Command::ALL {
                for actor in [PROPOSER, SECOND] {
                    let expected = match (state, command, actor == PROPOSER) {
                        (State::Open, Command::Confirm, false) => Ok(State::Confirmed),
                        (State::Open, Command::Decline, false) => Ok(State::Declined),
                        (State::Open, Command::Withdraw, true) => Ok(State::Withdrawn),
                        (State::Open, Command::Withdraw, false) => Err(Refusal::NotProposer),
                        (State::Open, _, true) => Err(Refusal::OwnProposal),
                        (from, command, _) => Err(Refusal::InvalidTransition {
                            from,
                            event: command.name(),
                        }),
                    };
                    let decided = decide(&proposal(state), command, active(actor), NOW);
                    assert_eq!(decided, expected, "{state:?} {command:?} {actor}");
                }
            }
        }
    }

    #[test]
    fn after_seven_days_nothing_is_decided_any_more() {
        let last = NOW + LIFE - Duration::milliseconds(1);
        let open = proposal(State::Open);
        assert_eq!(
            decide(&open, Command::Confirm, active(SECOND), last),
            Ok(State::Confirmed)
        );
        for (command, actor) in [
            (Command::Confirm, SECOND),
            (Command::Decline, SECOND),
            (Command::Withdraw, PROPOSER),
        ] {
            let late = Err(Refusal::InvalidTransition {
                from: State::Lapsed,
                event: command.name(),
            });
            assert_eq!(decide(&open, command, active(actor), NOW + LIFE), late);
        }
    }

    #[test]
    fn the_word_of_a_former_administrator_does_not_count() {
        let orphan = Proposal {
            proposer: gone(PROPOSER),
            ..proposal(State::Open)
        };
        assert_eq!(
            decide(&orphan, Command::Confirm, active(SECOND), NOW),
            Err(Refusal::ProposerGone)
        );
        assert_eq!(
            decide(&orphan, Command::Decline, active(SECOND), NOW),
            Ok(State::Declined)
        );
        for (command, actor) in [
            (Command::Confirm, SECOND),
            (Command::Decline, SECOND),
            (Command::Withdraw, PROPOSER),
        ] {
            assert_eq!(
                decide(&proposal(State::Open), command, gone(actor), NOW),
                Err(Refusal::DeciderGone)
            );
        }
    }

    fn account(id: Uuid, level: Level, state: staff::State) -> Account {
        Account {
            id,
            place: staff::Place {
                level,
                school: (level != Level::Province).then(|| "4123010212".to_owned()),
                department: None,
                classes: Vec::new(),
            },
            state,
            has_password: true,
            last_administrator: false,
        }
    }

    #[test]
    fn only_what_one_alone_could_do_is_proposed() {
        let manager = Manager {
            account: PROPOSER,
            school: None,
            say: staff::Say::Whole,
        };
        let (active, disabled) = (staff::State::Active, staff::State::Disabled);
        let invalid = |from, event| Err(Unfit::Staff(staff::Refusal::InvalidTransition { from, event }));
        let oneself = Err(Unfit::Staff(staff::Refusal::Oneself));
        let table = [
            (Kind::Enable, SECOND, Level::Province, disabled, Ok(())),
            (
                Kind::Enable,
                SECOND,
                Level::Province,
                active,
                invalid(active, "enable"),
            ),
            (
                Kind::Enable,
                SECOND,
                Level::School,
                disabled,
                Err(Unfit::NotAdministrator),
            ),
            (Kind::Reset, SECOND, Level::Province, active, Ok(())),
            (
                Kind::Reset,
                SECOND,
                Level::Province,
                disabled,
                invalid(disabled, "reset"),
            ),
            (
                Kind::Reset,
                SECOND,
                Level::School,
                active,
                Err(Unfit::NotAdministrator),
            ),
            (Kind::Reset, PROPOSER, Level::Province, active, oneself.clone()),
            (Kind::Raise, SECOND, Level::School, active, Ok(())),
            (
                Kind::Raise,
                SECOND,
                Level::Province,
                active,
                Err(Unfit::IsAdministrator),
            ),
            (Kind::Raise, PROPOSER, Level::School, active, oneself),
        ];
        for (kind, id, level, state, outcome) in table {
            assert_eq!(
                fits(kind, &account(id, level, state), manager),
                outcome,
                "{kind:?} {level:?} {state:?}"
            );
        }
    }

    #[test]
    fn kinds_and_states_read_what_they_wrote() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
    }
}
