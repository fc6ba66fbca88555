//! The people of an employer: who lets them in, what they may do, who takes them out (SM-15, members).

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long the employer's own administrators have a request to themselves; then the province may decide it too.
pub(crate) const PROVINCE_AFTER: Duration = Duration::days(7);

/// Where a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Asked in by an administrator, has no password yet.
    Invited,
    /// Asked to be let in.
    Requested,
    /// Acts for the employer.
    Active,
    /// Was never let in, or is out again.
    Removed,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 4] = [Self::Invited, Self::Requested, Self::Active, Self::Removed];

    /// The state as the store and the wire write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "INVITED",
            Self::Requested => "REQUESTED",
            Self::Active => "ACTIVE",
            Self::Removed => "REMOVED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The state in the words of the pages.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Invited => "已邀请",
            Self::Requested => "待审核",
            Self::Active => "正常",
            Self::Removed => "已移除",
        }
    }
}

/// What a member may do for the employer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Keeps the members and what the employer says of itself, and binds it.
    Admin,
    /// Prepares offers and interviews.
    Hr,
    /// Binds the employer: sends offers, agrees to ends.
    Signer,
}

impl Role {
    /// Every role.
    pub(crate) const ALL: [Self; 3] = [Self::Admin, Self::Hr, Self::Signer];

    /// The role as the store and the wire write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Hr => "HR",
            Self::Signer => "SIGNER",
        }
    }

    /// Reads what [`Role::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A member as the rules see one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) account: Uuid,
    pub(crate) role: Role,
    pub(crate) state: State,
    /// When they were invited or asked.
    pub(crate) since: OffsetDateTime,
    /// True when no other administrator of the employer is active.
    pub(crate) last_administrator: bool,
}

/// Who decides. Members of other employers see nothing and come not as far as this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    /// An administrator of the employer, by the account.
    Administrator(Uuid),
    /// Another of its members, by the account.
    Member(Uuid),
    /// Staff of the province.
    Province,
}

/// What is done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Let in who asked, as this.
    Approve(Role),
    /// Do not let in who asked.
    Reject,
    /// Give another role.
    Change(Role),
    /// Take out.
    Remove,
    /// A new token for who was invited.
    Reissue,
    /// A token for who forgot the password or lost the authenticator.
    Reset,
}

impl Command {
    /// The verb as in the route.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Approve(_) => "approve",
            Self::Reject => "reject",
            Self::Change(_) => "update",
            Self::Remove => "remove",
            Self::Reissue => "reissue",
            Self::Reset => "reset",
        }
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not in this state.
    InvalidTransition { from: State, event: &'static str },
    /// Only an administrator of the employer may.
    AdministratorOnly,
    /// The employer's administrators have it to themselves still.
    NotProvincesYet,
    /// The province decides on requests and on nothing else.
    NotYours,
    /// The employer would have nobody left who lets people in.
    LastAdministrator,
    /// One's own account: a colleague or the province helps.
    Oneself,
}

/// State and role after a command.
///
/// # Errors
/// Why not: who may at all, then the state, then the last administrator.
pub(crate) fn decide(
    member: &Member,
    command: Command,
    manager: Manager,
    now: OffsetDateTime,
) -> Result<(State, Role), Refusal> {
    entitled(member, command, manager, now)?;
    let demotes = match command {
        Command::Change(role) => role != Role::Admin,
        Command::Remove => true,
        _ => false,
    };
    match (member.state, command) {
        (State::Active, Command::Change(_) | Command::Remove) if demotes && member.last_administrator => {
            Err(Refusal::LastAdministrator)
        }
        (State::Requested, Command::Approve(role)) => Ok((State::Active, role)),
        (State::Requested, Command::Reject) => Ok((State::Removed, member.role)),
        (State::Active | State::Invited, Command::Change(role)) => Ok((member.state, role)),
        (State::Active | State::Invited, Command::Remove) => Ok((State::Removed, member.role)),
        (State::Invited, Command::Reissue) => Ok((State::Invited, member.role)),
        (State::Active, Command::Reset) => Ok((State::Active, member.role)),
        (from, command) => Err(Refusal::InvalidTransition {
            from,
            event: command.name(),
        }),
    }
}

fn entitled(member: &Member, command: Command, manager: Manager, now: OffsetDateTime) -> Result<(), Refusal> {
    match (manager, command) {
        (Manager::Administrator(account), Command::Reset) if account == member.account => {
            Err(Refusal::Oneself)
        }
        (Manager::Administrator(_), _) => Ok(()),
        (Manager::Member(account), Command::Remove) if account == member.account => Ok(()),
        (Manager::Member(_), _) => Err(Refusal::AdministratorOnly),
        (Manager::Province, Command::Approve(_) | Command::Reject)
            if now >= member.since + PROVINCE_AFTER =>
        {
            Ok(())
        }
        (Manager::Province, Command::Approve(_) | Command::Reject) => Err(Refusal::NotProvincesYet),
        (Manager::Province, _) => Err(Refusal::NotYours),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-06-01 08:00 UTC);
    const ME: Uuid = Uuid::from_u128(1);

    fn member(state: State) -> Member {
        Member {
            account: Uuid::from_u128(2),
            role: Role::Hr,
            state,
            since: NOW,
            last_administrator: false,
        }
    }

    const COMMANDS: [Command; 6] = [
        Command::Approve(Role::Signer),
        Command::Reject,
        Command::Change(Role::Signer),
        Command::Remove,
        Command::Reissue,
        Command::Reset,
    ];

    #[test]
    fn every_pair_of_state_and_command_is_decided() {
        for state in State::ALL {
            for command in COMMANDS {
                let expected = match (state, command) {
                    (State::Requested, Command::Approve(role)) => Ok((State::Active, role)),
                    (State::Requested, Command::Reject)
                    | (State::Invited | State::Active, Command::Remove) => Ok((State::Removed, Role::Hr)),
                    (State::Invited | State::Active, Command::Change(role)) => Ok((state, role)),
                    (State::Invited, Command::Reissue) | (State::Active, Command::Reset) => {
                        Ok((state, Role::Hr))
                    }
                    _ => Err(Refusal::InvalidTransition {
                        from: state,
                        event: command.name(),
                    }),
                };
                let decided = decide(&member(state), command, Manager::Administrator(ME), NOW);
                assert_eq!(decided, expected, "{state:?} {command:?}");
            }
        }
    }

    #[test]
    fn who_is_no_administrator_may_only_leave() {
        for command in COMMANDS {
            let refused = decide(&member(State::Active), command, Manager::Member(ME), NOW);
            assert_eq!(refused, Err(Refusal::AdministratorOnly), "{command:?}");
        }
        let own = Member {
            account: ME,
            ..member(State::Active)
        };
        let left = decide(&own, Command::Remove, Manager::Member(ME), NOW);
        assert_eq!(left, Ok((State::Removed, Role::Hr)));
        let raised = decide(&own, Command::Change(Role::Admin), Manager::Member(ME), NOW);
        assert_eq!(raised, Err(Refusal::AdministratorOnly));
    }

    #[test]
    fn nobody_resets_their_own_account() {
        let own = Member {
            account: ME,
            role: Role::Admin,
            ..member(State::Active)
        };
        let refused = decide(&own, Command::Reset, Manager::Administrator(ME), NOW);
        assert_eq!(refused, Err(Refusal::Oneself));
    }

    #[test]
    fn the_province_decides_requests_that_nobody_answered_for_a_week() {
        let asked = member(State::Requested);
        for command in [Command::Approve(Role::Admin), Command::Reject] {
            let early = decide(
                &asked,
                command,
                Manager::Province,
                NOW + PROVINCE_AFTER - Duration::SECOND,
            );
            assert_eq!(early, Err(Refusal::NotProvincesYet));
            assert!(decide(&asked, command, Manager::Province, NOW + PROVINCE_AFTER).is_ok());
        }
        for command in [
            Command::Change(Role::Hr),
            Command::Remove,
            Command::Reissue,
            Command::Reset,
        ] {
            let refused = decide(&member(State::Active), command, Manager::Province, NOW);
            assert_eq!(refused, Err(Refusal::NotYours));
        }
    }

    #[test]
    fn the_last_administrator_stays_one() {
        let last = Member {
            role: Role::Admin,
            last_administrator: true,
            ..member(State::Active)
        };
        for command in [
            Command::Remove,
            Command::Change(Role::Hr),
            Command::Change(Role::Signer),
        ] {
            let refused = decide(&last, command, Manager::Administrator(ME), NOW);
            assert_eq!(refused, Err(Refusal::LastAdministrator));
        }
        let kept = decide(
            &last,
            Command::Change(Role::Admin),
            Manager::Administrator(ME),
            NOW,
        );
        assert_eq!(kept, Ok((State::Active, Role::Admin)));
    }
}
