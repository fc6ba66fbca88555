//! A proposal about the province's administrators on the wire.

use qihang_kit::{etag, status::Fault};
use qihang_proto::{
    common::v1::Action,
    identity::v1::{AdministratorProposal, administrator_proposal},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    domain::administrator::{self, Administrator, Command, Kind, Proposal, State},
    error::Error,
    rpc::person::timestamp,
    store::administrators::ProposalRow,
};

/// The proposal, with what the caller may do.
///
/// # Errors
/// INTERNAL when the row says what it cannot say.
pub(crate) fn proposal(
    row: &ProposalRow,
    caller: Administrator,
    now: OffsetDateTime,
) -> Result<AdministratorProposal, Error> {
    let rules = Proposal::try_from(row)?;
    let state = rules.state_at(now);
    let action = |command: Command| match administrator::decide(&rules, command, caller, now) {
        Ok(_) => Action {
            name: command.name().to_owned(),
            allowed: true,
            ..Action::default()
        },
        Err(refusal) => {
            let fault = Fault::from(refusal);
            Action {
                name: command.name().to_owned(),
                allowed: false,
                reason_code: fault.reason().to_owned(),
                reason: fault.message().to_owned(),
            }
        }
    };
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    Ok(AdministratorProposal {
        id: row.id.to_string(),
        kind: wire_kind(row.kind()?).into(),
        state: wire_state(state).into(),
        account_id: id(row.account_id),
        login: row.login.clone(),
        name: row.name.clone(),
        reason: row.reason.clone(),
        proposer_id: row.proposer.to_string(),
        proposer_name: row.proposer_name.clone(),
        decider_id: id(row.decider),
        decider_name: row.decider_name.clone().unwrap_or_default(),
        decide_reason: row.decide_reason.clone(),
        create_time: Some(timestamp(row.create_time)),
        decide_time: row.decider.map(|_| timestamp(row.update_time)),
        expire_time: Some(timestamp(row.expire_time)),
        etag: etag::of(row.version),
        actions: Command::ALL.into_iter().map(action).collect(),
    })
}

/// What the wire asks for; none of nothing.
pub(crate) fn kind(kind: administrator_proposal::Kind) -> Option<Kind> {
    match kind {
        administrator_proposal::Kind::Unspecified => None,
        administrator_proposal::Kind::Create => Some(Kind::Create),
        administrator_proposal::Kind::Enable => Some(Kind::Enable),
        administrator_proposal::Kind::Raise => Some(Kind::Raise),
        administrator_proposal::Kind::Reset => Some(Kind::Reset),
    }
}

/// A state of a filter; none is any.
pub(crate) fn filter_state(state: administrator_proposal::State) -> Option<State> {
    State::ALL.into_iter().find(|one| wire_state(*one) == state)
}

fn wire_kind(kind: Kind) -> administrator_proposal::Kind {
    match kind {
        Kind::Create => administrator_proposal::Kind::Create,
        Kind::Enable => administrator_proposal::Kind::Enable,
        Kind::Raise => administrator_proposal::Kind::Raise,
        Kind::Reset => administrator_proposal::Kind::Reset,
    }
}

fn wire_state(state: State) -> administrator_proposal::State {
    match state {
        State::Open => administrator_proposal::State::Open,
        State::Confirmed => administrator_proposal::State::Confirmed,
        State::Declined => administrator_proposal::State::Declined,
        State::Withdrawn => administrator_proposal::State::Withdrawn,
        State::Lapsed => administrator_proposal::State::Lapsed,
    }
}
