//! What files are for: who may upload which kinds, and how large.

use qihang_kit::auth::Role;

use super::content::Kind;

const MEBIBYTE: u64 = 1024 * 1024;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Roster file of a school.
    Roster,
    /// Employer's licence.
    EmployerLicence,
    /// Employer's letter of authorisation.
    EmployerAuthorisation,
    /// Picture of the contact's identity card.
    ContactIdentity,
    /// Evidence for a request of a student.
    Evidence,
    /// A document that the suite made itself.
    Issued,
    /// Portrait of an account's owner.
    Avatar,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Roster,
        Self::EmployerLicence,
        Self::EmployerAuthorisation,
        Self::ContactIdentity,
        Self::Evidence,
        Self::Issued,
        Self::Avatar,
    ];

    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Roster => "ROSTER",
            Self::EmployerLicence => "EMPLOYER_LICENCE",
            Self::EmployerAuthorisation => "EMPLOYER_AUTHORISATION",
            Self::ContactIdentity => "CONTACT_IDENTITY",
            Self::Evidence => "EVIDENCE",
            Self::Issued => "ISSUED",
            Self::Avatar => "AVATAR",
        }
    }

    /// What it is for, in Chinese.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Roster => "生源名册",
            Self::EmployerLicence => "单位证照",
            Self::EmployerAuthorisation => "单位授权书",
            Self::ContactIdentity => "经办人身份证",
            Self::Evidence => "证明材料",
            Self::Issued => "签发的文件",
            Self::Avatar => "头像",
        }
    }

    /// Reads what [`Purpose::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// True for what a reviewer looks at.
    #[must_use]
    pub fn is_reviewed(self) -> bool {
        matches!(
            self,
            Self::EmployerLicence | Self::EmployerAuthorisation | Self::ContactIdentity | Self::Evidence
        )
    }

    /// Most bytes of an upload.
    #[must_use]
    pub fn max_bytes(self) -> u64 {
        match self {
            Self::Roster => 64 * MEBIBYTE,
            Self::Issued => 0,
            Self::Avatar => 2 * MEBIBYTE,
            _ => 10 * MEBIBYTE,
        }
    }

    /// The kinds of content allowed.
    #[must_use]
    pub fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Roster => &[Kind::Xlsx, Kind::Csv],
            Self::EmployerLicence | Self::EmployerAuthorisation | Self::Evidence => {
                &[Kind::Pdf, Kind::Png, Kind::Jpeg]
            }
            Self::ContactIdentity | Self::Avatar => &[Kind::Png, Kind::Jpeg],
            Self::Issued => &[],
        }
    }

    /// Whether somebody of that role may upload such a file.
    #[must_use]
    pub fn may_upload(self, role: Role) -> bool {
        match self {
            Self::Roster => matches!(role, Role::School | Role::Province),
            Self::EmployerLicence | Self::EmployerAuthorisation | Self::ContactIdentity => {
                matches!(role, Role::Employer)
            }
            Self::Evidence => matches!(role, Role::Student),
            Self::Issued => false,
            Self::Avatar => role != Role::Service,
        }
    }

    /// The kinds allowed, for people.
    #[must_use]
    pub fn kinds_in_words(self) -> String {
        self.kinds()
            .iter()
            .map(|kind| kind.in_words())
            .collect::<Vec<_>>()
            .join("、")
    }
}
