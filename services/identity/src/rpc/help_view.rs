//! A request for help on the wire.

use qihang_kit::{etag, status::Fault};
use qihang_proto::{
    common::v1::Action,
    identity::v1::{HelpRequest, help_request},
};

use crate::{
    App,
    domain::help::{self, Command, State},
    error::Error,
    rpc::{
        help::{Content, tie},
        person::timestamp,
    },
    store::help::HelpRow,
};

/// Opens what the asker gave, and the answer.
///
/// # Errors
/// INTERNAL when something does not open.
pub(crate) fn open(app: &App, row: &HelpRow) -> Result<(Content, String), Error> {
    let plain = app.sealer.open(&row.content_sealed, &tie("content", row.id))?;
    let content = serde_json::from_slice(&plain).map_err(|error| Fault::internal(&error))?;
    let answer = match &row.answer_sealed {
        Some(sealed) => app.sealer.open(sealed, &tie("answer", row.id))?,
        None => Vec::new(),
    };
    let answer = String::from_utf8(answer).map_err(|_| Error::Inconsistent("help_requests.answer"))?;
    Ok((content, answer))
}

/// A request in a list: without anything that tells who asks.
pub(crate) fn summary(row: &HelpRow) -> HelpRequest {
    HelpRequest {
        id: row.id.to_string(),
        number: row.number.clone(),
        school_code: row.school_code.clone(),
        topic: topic(&row.topic).into(),
        state: state(&row.state).into(),
        case_number: row.case_number.clone(),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        etag: etag::of(row.version),
        actions: actions(&row.state),
        ..HelpRequest::default()
    }
}

/// A request with everything.
///
/// # Errors
/// INTERNAL when something does not open.
pub(crate) fn whole(app: &App, row: &HelpRow) -> Result<HelpRequest, Error> {
    let (content, answer) = open(app, row)?;
    Ok(HelpRequest {
        contact_name: content.name,
        contact_phone: content.phone,
        text: content.text,
        answer,
        answered_by: row.answered_by.clone(),
        ..summary(row)
    })
}

fn actions(stored: &str) -> Vec<Action> {
    let Some(state) = State::parse(stored) else {
        return Vec::new();
    };
    let action = |command: Command| {
        let refusal = help::decide(state, command).err();
        Action {
            name: command.name().to_owned(),
            allowed: refusal.is_none(),
            reason_code: refusal
                .map(|_| "INVALID_TRANSITION".to_owned())
                .unwrap_or_default(),
            reason: refusal
                .map(|refusal| format!("该求助当前为“{}”，不能再处理", refusal.from.title()))
                .unwrap_or_default(),
        }
    };
    [Command::Resolve, Command::Close].map(action).into()
}

/// A stored state on the wire.
pub(crate) fn state(text: &str) -> help_request::State {
    match State::parse(text) {
        Some(State::Open) => help_request::State::Open,
        Some(State::Resolved) => help_request::State::Resolved,
        Some(State::Closed) => help_request::State::Closed,
        None => help_request::State::Unspecified,
    }
}

/// A state of the wire in the store; none for any.
pub(crate) fn state_text(state: help_request::State) -> Option<&'static str> {
    match state {
        help_request::State::Unspecified => None,
        help_request::State::Open => Some(State::Open.as_str()),
        help_request::State::Resolved => Some(State::Resolved.as_str()),
        help_request::State::Closed => Some(State::Closed.as_str()),
    }
}

fn topic(text: &str) -> help_request::Topic {
    match text {
        "REGISTRATION" => help_request::Topic::Registration,
        "LOGIN" => help_request::Topic::Login,
        "OTHER" => help_request::Topic::Other,
        _ => help_request::Topic::Unspecified,
    }
}

/// A topic of the wire in the store.
pub(crate) fn topic_text(topic: help_request::Topic) -> &'static str {
    match topic {
        help_request::Topic::Registration => "REGISTRATION",
        help_request::Topic::Login => "LOGIN",
        help_request::Topic::Other | help_request::Topic::Unspecified => "OTHER",
    }
}
