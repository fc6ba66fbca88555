//! A file's life and who may see it.

use std::fmt;

use qihang_kit::auth::{Principal, Role};
use time::OffsetDateTime;
use uuid::Uuid;

use super::purpose::Purpose;

/// A file's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub Uuid);

impl fmt::Display for FileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Bytes that were checked and are in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Where in the store.
    pub path: String,
    /// Media type found from the bytes.
    pub media_type: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Vec<u8>,
}

/// The record that uses a file, and whom it lets download it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// The record, `<service>.<kind>/<id>`.
    pub owner: String,
    /// School whose employment office may.
    pub school_code: Option<String>,
    /// Department of that school whose staff may.
    pub department: Option<String>,
    /// Class in that department: staff of other classes may not.
    pub class_name: Option<String>,
    /// Employer whose members may.
    pub employer_id: Option<Uuid>,
    /// Student who may.
    pub student_id: Option<Uuid>,
}

/// Where a file is in its life, with what it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waits for its bytes.
    Pending,
    /// Whole and checked.
    Ready(Content),
    /// Used by a record.
    Claimed(Content, Claim),
    /// Refused, with the reason for people.
    Rejected(String),
}

impl State {
    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ready(_) => "READY",
            Self::Claimed(..) => "CLAIMED",
            Self::Rejected(_) => "REJECTED",
        }
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// What it is for.
    pub purpose: Purpose,
    /// Its state.
    pub state: State,
    /// Its name, clean.
    pub name: String,
    /// Who uploaded it; nobody for a document that the suite made.
    pub uploader: Option<Uuid>,
    /// When it was opened.
    pub create_time: OffsetDateTime,
    /// Counts the changes of the row.
    pub version: i32,
}

/// Why a file cannot be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileRefusal {
    /// A record uses it already.
    #[error("file is in use by a record")]
    InUse,
    /// Its bytes are missing or refused.
    #[error("file has no checked content")]
    NotReady,
    /// It is for something else.
    #[error("file has another purpose")]
    WrongPurpose,
    /// Not one of the caller's files.
    #[error("no such file of that account")]
    NotTheirs,
}

impl File {
    /// The bytes, when there are any to give out.
    #[must_use]
    pub fn content(&self) -> Option<&Content> {
        match &self.state {
            State::Ready(content) | State::Claimed(content, _) => Some(content),
            State::Pending | State::Rejected(_) => None,
        }
    }

    /// Takes the outcome of a check of new bytes.
    ///
    /// # Errors
    ///
    /// [`FileRefusal::InUse`] once a record uses the file.
    pub fn with_outcome(self, outcome: Result<(Content, String), String>) -> Result<Self, FileRefusal> {
        let (state, name) = match (&self.state, outcome) {
            (State::Claimed(..), _) => return Err(FileRefusal::InUse),
            (_, Ok((content, name))) => (State::Ready(content), name),
            (_, Err(reason)) => (State::Rejected(reason), self.name),
        };
        Ok(Self { state, name, ..self })
    }

    /// Ties the file to a record. Nothing changes when that record has it already.
    ///
    /// # Errors
    ///
    /// [`FileRefusal`] when it is somebody else's, for something else, not ready, or another record's.
    pub fn claimed(self, uploader: Uuid, purpose: Purpose, claim: &Claim) -> Result<Self, FileRefusal> {
        if self.uploader != Some(uploader) {
            return Err(FileRefusal::NotTheirs);
        }
        if self.purpose != purpose {
            return Err(FileRefusal::WrongPurpose);
        }
        match self.state {
            State::Ready(content) => Ok(Self {
                state: State::Claimed(content, claim.clone()),
                ..self
            }),
            State::Claimed(_, ref held) if held.owner == claim.owner => Ok(self),
            State::Claimed(..) => Err(FileRefusal::InUse),
            State::Pending | State::Rejected(_) => Err(FileRefusal::NotReady),
        }
    }

    /// Gives the file back, if that record uses it; nothing keeps it then.
    #[must_use]
    pub fn released(self, owner: &str) -> Self {
        match self.state {
            State::Claimed(content, claim) if claim.owner == owner => Self {
                state: State::Ready(content),
                ..self
            },
            state => Self { state, ..self },
        }
    }

    /// Whether somebody may know of the file: its uploader, and those whom the claim names. The province sees what is in use.
    #[must_use]
    pub fn is_visible_to(&self, principal: &Principal) -> bool {
        if self.uploader == Some(principal.account_id) {
            return true;
        }
        let State::Claimed(_, claim) = &self.state else {
            return false;
        };
        match principal.role {
            Role::Province => true,
            Role::School => matches(claim.school_code.as_ref(), principal.school_code.as_ref()),
            Role::Department => {
                matches(claim.school_code.as_ref(), principal.school_code.as_ref())
                    && matches(claim.department.as_ref(), principal.department.as_ref())
                    && teaches(&principal.classes, claim.class_name.as_ref())
            }
            Role::Employer => matches(claim.employer_id.as_ref(), principal.employer_id.as_ref()),
            Role::Student => matches(claim.student_id.as_ref(), principal.student_id.as_ref()),
            Role::Service => false,
        }
    }
}

/// Staff of all classes, or of this one.
fn teaches(classes: &[String], class_name: Option<&String>) -> bool {
    classes.is_empty() || class_name.is_some_and(|name| classes.contains(name))
}

/// Both known and the same.
fn matches<T: PartialEq>(claimed: Option<&T>, own: Option<&T>) -> bool {
    claimed.is_some() && claimed == own
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-05-21 06:45:00 UTC);
    const UPLOADER: Uuid = Uuid::from_u128(1);

    fn content() -> Content {
        Content {
            path: "p".to_owned(),
            media_type: "application/pdf".to_owned(),
            size: 1,
            sha256: vec![0; 32],
        }
    }

    fn claim() -> Claim {
        Claim {
            owner: "identity.employer/7".to_owned(),
            school_code: Some("10213".to_owned()),
            department: Some("D1".to_owned()),
            class_name: Some("C1".to_owned()),
            employer_id: Some(Uuid::from_u128(7)),
            student_id: Some(Uuid::from_u128(8)),
        }
    }

    fn file(state: State) -> File {
        File {
            id: FileId(Uuid::from_u128(3)),
            purpose: Purpose::Evidence,
            state,
            name: "a.pdf".to_owned(),
            uploader: Some(UPLOADER),
            create_time: NOW,
            version: 1,
        }
    }

    fn principal(role: Role) -> Principal {
        Principal {
            role,
            account_id: Uuid::from_u128(99),
            session_id: Uuid::from_u128(98),
            student_id: None,
            school_code: None,
            department: None,
            classes: Vec::new(),
            employer_id: None,
            employer_role: None,
            name: "李**".to_owned(),
            auth_time: NOW,
            amr: Vec::new(),
        }
    }

    fn states() -> [State; 4] {
        [
            State::Pending,
            State::Ready(content()),
            State::Claimed(content(), claim()),
            State::Rejected("坏".to_owned()),
        ]
    }

    #[test]
    fn new_bytes_are_taken_until_a_record_uses_the_file() {
        for state in states() {
            let in_use = matches!(state, State::Claimed(..));
            let taken = file(state.clone()).with_outcome(Ok((content(), "b.pdf".to_owned())));
            let refused = file(state).with_outcome(Err("坏".to_owned()));
            assert_eq!(taken.is_err(), in_use);
            assert_eq!(refused.is_err(), in_use);
        }
    }

    #[test]
    fn every_state_answers_a_claim() {
        let outcome = |state, owner: &str| {
            let claim = Claim {
                owner: owner.to_owned(),
                ..claim()
            };
            file(state)
                .claimed(UPLOADER, Purpose::Evidence, &claim)
                .map(|file| file.state)
        };
        let [pending, ready, claimed, rejected] = states();
        assert_eq!(outcome(pending, "x"), Err(FileRefusal::NotReady));
        assert_eq!(outcome(rejected, "x"), Err(FileRefusal::NotReady));
        assert_eq!(outcome(ready, "identity.employer/7"), Ok(claimed.clone()));
        assert_eq!(
            outcome(claimed.clone(), "identity.employer/7"),
            Ok(claimed.clone())
        );
        assert_eq!(outcome(claimed, "x"), Err(FileRefusal::InUse));
        let ready = file(State::Ready(content()));
        assert_eq!(
            ready
                .clone()
                .claimed(Uuid::from_u128(2), Purpose::Evidence, &claim()),
            Err(FileRefusal::NotTheirs)
        );
        assert_eq!(
            ready.claimed(UPLOADER, Purpose::Roster, &claim()),
            Err(FileRefusal::WrongPurpose)
        );
    }

    #[test]
    fn only_the_uploader_and_those_named_by_the_claim_see_a_file() {
        let school = |role, code: &str, department: Option<&str>| Principal {
            school_code: Some(code.to_owned()),
            department: department.map(str::to_owned),
            ..principal(role)
        };
        let employer = |id| Principal {
            employer_id: Some(Uuid::from_u128(id)),
            ..principal(Role::Employer)
        };
        let student = |id| Principal {
            student_id: Some(Uuid::from_u128(id)),
            ..principal(Role::Student)
        };
        let seen = [
            principal(Role::Province),
            school(Role::School, "10213", None),
            school(Role::Department, "10213", Some("D1")),
            employer(7),
            student(8),
        ];
        let unseen = [
            school(Role::School, "10214", None),
            school(Role::Department, "10213", Some("D2")),
            school(Role::Department, "10213", None),
            school(Role::Department, "10214", Some("D1")),
            employer(8),
            student(7),
            principal(Role::Student),
            principal(Role::Employer),
            principal(Role::Service),
        ];
        for state in states() {
            let claimed = matches!(state, State::Claimed(..));
            let file = file(state);
            assert!(file.is_visible_to(&Principal {
                account_id: UPLOADER,
                ..principal(Role::Student)
            }));
            assert!(
                seen.iter()
                    .all(|principal| file.is_visible_to(principal) == claimed)
            );
            assert!(!unseen.iter().any(|principal| file.is_visible_to(principal)));
        }
        let nobody = file(State::Claimed(
            content(),
            Claim {
                owner: "x".to_owned(),
                ..Claim::default()
            },
        ));
        assert!(
            !seen[1..]
                .iter()
                .chain(&unseen)
                .any(|principal| nobody.is_visible_to(principal))
        );
    }

    #[test]
    fn staff_of_some_classes_sees_files_of_theirs_alone() {
        let of = |classes: &[&str]| Principal {
            school_code: Some("10213".to_owned()),
            department: Some("D1".to_owned()),
            classes: classes.iter().map(|name| (*name).to_owned()).collect(),
            ..principal(Role::Department)
        };
        let claimed = file(State::Claimed(content(), claim()));
        assert!(claimed.is_visible_to(&of(&["C0", "C1"])));
        assert!(!claimed.is_visible_to(&of(&["C2"])));
        let unknown = file(State::Claimed(
            content(),
            Claim {
                class_name: None,
                ..claim()
            },
        ));
        assert!(!unknown.is_visible_to(&of(&["C1"])));
        assert!(unknown.is_visible_to(&of(&[])), "the whole department does");
    }
}
