//! A record as the rules of its review see it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{calendar::Effective, locked_fields::Locked, own_fields::OwnFields};

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// The student has not sent it.
    Unconfirmed,
    /// Waits for the first, or only, level of review.
    Submitted,
    /// The department passed it; the school decides.
    DepartmentPassed,
    /// Sent back.
    Returned,
    /// Approved.
    Approved,
}

impl State {
    /// The state as the store and the wire write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "UNCONFIRMED",
            Self::Submitted => "SUBMITTED",
            Self::DepartmentPassed => "DEPARTMENT_PASSED",
            Self::Returned => "RETURNED",
            Self::Approved => "APPROVED",
        }
    }

    /// Reads what [`State::as_str`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [
            Self::Unconfirmed,
            Self::Submitted,
            Self::DepartmentPassed,
            Self::Returned,
            Self::Approved,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }

    /// The state in the words of the pages.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Unconfirmed => "未确认",
            Self::Submitted => "待审核",
            Self::DepartmentPassed => "院系已通过",
            Self::Returned => "审核不通过",
            Self::Approved => "审核通过",
        }
    }
}

/// How many levels of review the school wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Levels {
    /// The school alone.
    One,
    /// The department first.
    Two,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The student of the record.
    Student,
    /// Staff of the student's department.
    Department,
    /// Staff of the student's school.
    School,
}

/// Who acts, and with which account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) account: Uuid,
    pub(crate) part: Part,
}

/// How the school settled a flagged field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// The roster's value stands.
    #[serde(rename = "KEPT")]
    Kept,
    /// The roster was corrected since.
    #[serde(rename = "CORRECTED")]
    Corrected,
}

impl Outcome {
    /// The outcome as the wire writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "KEPT",
            Self::Corrected => "CORRECTED",
        }
    }
}

/// A locked field that the student says is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Issue {
    pub(crate) field: String,
    /// The roster's value when the record was sent.
    pub(crate) present_value: String,
    pub(crate) proposed_value: String,
    pub(crate) note: String,
    pub(crate) evidence_file_id: Option<Uuid>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) outcome_note: String,
}

/// How one flagged field is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolution {
    pub(crate) field: String,
    pub(crate) outcome: Outcome,
    pub(crate) note: String,
}

/// Why a record goes back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) fields: Vec<String>,
}

/// A record as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) state: State,
    /// Number of the last submission, 0 before the first.
    pub(crate) version: u32,
    pub(crate) own: OwnFields,
    pub(crate) locked: Locked,
    /// Issues of the last submission.
    pub(crate) issues: Vec<Issue>,
    /// Who changed a locked field since the student sent the record.
    pub(crate) edited_by: Option<Uuid>,
}

/// What the rules know beside the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    pub(crate) levels: Levels,
    /// When records may be sent.
    pub(crate) window: Effective,
    /// True when the student has an agreement in force.
    pub(crate) agreement_held: bool,
}
