//! Announcements on the wire.

use qihang_kit::{auth::Role, etag};
use qihang_proto::{
    common::v1::{Action, HistoryEntry},
    options::v1::Role as RoleOption,
    push::v1::{Announcement, AnnouncementContent, AnnouncementState, AnnouncementTargets},
};
use time::OffsetDateTime;

use crate::{
    domain::{
        announcement::{self, Command, Facts, State},
        targets::Targets,
    },
    error::Error,
    store::{
        announcements::{Content, Row},
        history::Step,
    },
};

/// Who looks at an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eyes {
    /// Its own office.
    Office,
    /// Somebody who reads.
    Reader,
}

/// How much of it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All.
    Whole,
    /// All but the text.
    Head,
}

/// What the rules look at.
pub(crate) fn facts(row: &Row) -> Facts {
    Facts {
        state: row.state,
        publish_time: row.publish_time,
        expire_time: row.content.expire_time,
    }
}

/// An announcement as somebody sees it.
pub(crate) fn announcement(
    row: Row,
    (eyes, extent): (Eyes, Extent),
    read_time: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Announcement {
    let actions = if eyes == Eyes::Office {
        actions(facts(&row), now)
    } else {
        Vec::new()
    };
    let state = row.state.at(row.publish_time, now);
    let office = eyes == Eyes::Office;
    Announcement {
        id: row.id.to_string(),
        school_code: row.school_code,
        content: Some(content_view(row.content, (eyes, extent))),
        state: state_view(state).into(),
        publish_time: row.publish_time.map(timestamp),
        withdraw_reason: row.withdraw_reason,
        read_time: read_time.map(timestamp),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        etag: if office {
            etag::of(row.version)
        } else {
            String::new()
        },
        actions,
    }
}

fn content_view(content: Content, (eyes, extent): (Eyes, Extent)) -> AnnouncementContent {
    let targets = AnnouncementTargets {
        roles: content
            .roles
            .iter()
            .filter_map(|word| role_view(word))
            .map(i32::from)
            .collect(),
        school_codes: content.school_codes,
        cohorts: content
            .cohorts
            .into_iter()
            .filter_map(|year| u32::try_from(year).ok())
            .collect(),
        departments: content.departments,
    };
    AnnouncementContent {
        title: content.title,
        body: if extent == Extent::Whole {
            content.body
        } else {
            String::new()
        },
        targets: (eyes == Eyes::Office).then_some(targets),
        public: content.public,
        pinned: content.pinned,
        expire_time: content.expire_time.map(timestamp),
    }
}

/// The buttons: the same rules as the commands, tried and thrown away.
fn actions(facts: Facts, now: OffsetDateTime) -> Vec<Action> {
    [Command::Update, Command::Publish(None), Command::Withdraw]
        .into_iter()
        .map(|command| {
            let refusal = announcement::decide(facts, command, now)
                .err()
                .map(|refusal| qihang_kit::status::Fault::from(Error::from(refusal)));
            Action {
                name: command.name().to_owned(),
                allowed: refusal.is_none(),
                reason_code: refusal
                    .as_ref()
                    .map(|fault| fault.reason().to_owned())
                    .unwrap_or_default(),
                reason: refusal
                    .map(|fault| fault.message().to_owned())
                    .unwrap_or_default(),
            }
        })
        .collect()
}

/// Content from a request, ends trimmed, with an office's targets.
///
/// # Errors
/// A blank text, a bad time, targets that are not the office's to name.
pub(crate) fn content(asked: Option<AnnouncementContent>, office: &str) -> Result<Content, Error> {
    let asked = asked.unwrap_or_default();
    let (title, body) = (asked.title.trim().to_owned(), asked.body.trim().to_owned());
    if title.is_empty() {
        return Err(Error::Blank("content.title"));
    }
    if body.is_empty() {
        return Err(Error::Blank("content.body"));
    }
    let targets = targets(asked.targets.unwrap_or_default()).of_office(office)?;
    Ok(Content {
        title,
        body,
        roles: targets
            .roles
            .iter()
            .map(|role| role.as_str().to_owned())
            .collect(),
        school_codes: targets.school_codes,
        cohorts: targets.cohorts,
        departments: targets.departments,
        public: asked.public,
        pinned: asked.pinned,
        expire_time: instant(asked.expire_time, "content.expireTime")?,
    })
}

fn targets(asked: AnnouncementTargets) -> Targets {
    let roles = asked.roles().filter_map(role).collect();
    Targets {
        roles,
        school_codes: asked.school_codes,
        cohorts: asked
            .cohorts
            .into_iter()
            .filter_map(|year| i32::try_from(year).ok())
            .collect(),
        departments: asked.departments,
    }
}

/// The targets that a row has.
pub(crate) fn targets_of(content: &Content) -> Targets {
    let roles = content
        .roles
        .iter()
        .filter_map(|word| role_view(word))
        .filter_map(role);
    Targets {
        roles: roles.collect(),
        school_codes: content.school_codes.clone(),
        cohorts: content.cohorts.clone(),
        departments: content.departments.clone(),
    }
}

fn role(option: RoleOption) -> Option<Role> {
    match option {
        RoleOption::Student => Some(Role::Student),
        RoleOption::Employer => Some(Role::Employer),
        RoleOption::Department => Some(Role::Department),
        RoleOption::School => Some(Role::School),
        RoleOption::Province => Some(Role::Province),
        RoleOption::Unspecified | RoleOption::Service => None,
    }
}

fn role_view(word: &str) -> Option<RoleOption> {
    RoleOption::from_str_name(&format!("ROLE_{word}"))
}

fn state_view(state: State) -> AnnouncementState {
    match state {
        State::Draft => AnnouncementState::Draft,
        State::Scheduled => AnnouncementState::Scheduled,
        State::Published => AnnouncementState::Published,
        State::Withdrawn => AnnouncementState::Withdrawn,
    }
}

/// A filter by state; unspecified is none.
pub(crate) fn state_filter(asked: AnnouncementState) -> Option<State> {
    State::ALL.into_iter().find(|state| state_view(*state) == asked)
}

/// A step on the wire.
pub(crate) fn step((sequence, step, hash): (i32, Step, Vec<u8>)) -> HistoryEntry {
    HistoryEntry {
        sequence: u32::try_from(sequence).unwrap_or_default(),
        event: step.event,
        from_state: step.from_state,
        to_state: step.to_state,
        actor_role: step.actor_role,
        actor_name: step.actor_name,
        reason: step.reason,
        create_time: Some(timestamp(step.create_time)),
        hash: hex::encode(hash),
    }
}

/// A time on the wire.
pub(crate) fn timestamp(time: OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.unix_timestamp(),
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    }
}

/// A time from the wire, whole seconds, in the years that Postgres and people count in.
///
/// # Errors
/// When it is none.
pub(crate) fn instant(
    time: Option<prost_types::Timestamp>,
    field: &'static str,
) -> Result<Option<OffsetDateTime>, Error> {
    let read = |time: prost_types::Timestamp| {
        OffsetDateTime::from_unix_timestamp(time.seconds)
            .ok()
            .filter(|time| (1970..=2200).contains(&time.year()))
            .ok_or(Error::BadTime(field))
    };
    time.map(read).transpose()
}
