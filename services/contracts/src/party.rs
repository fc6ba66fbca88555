//! The parties as an agreement keeps them: a copy, so that later corrections never change what was signed.

use qihang_kit::crypto::{
    Sealer,
    reseal::{Column, Tie},
};
use qihang_proto::identity::v1::{DirectoryEmployer, DirectorySchool, DirectoryStudent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Error;

/// The sealed copies, each tied to its agreement.
pub(crate) const COLUMN: Column = Column {
    table: "agreements",
    key: "id",
    column: "student_sealed",
    prefix: "contracts.agreements.student_sealed/",
    tie: Tie::Text,
};

/// The student. Sealed at rest: it holds the identity number.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Student {
    pub(crate) name: String,
    pub(crate) school_code: String,
    pub(crate) school_name: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) number: String,
    pub(crate) gender: String,
    pub(crate) ethnic: String,
    pub(crate) political: String,
    pub(crate) birth_date: String,
    pub(crate) identity_number: String,
    pub(crate) education: String,
    pub(crate) schooling_years: String,
    pub(crate) training_mode: String,
    pub(crate) major: String,
    pub(crate) origin: String,
    pub(crate) graduation: String,
    pub(crate) mobile: String,
    pub(crate) email: String,
    pub(crate) home_address: String,
}

/// The employer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Employer {
    pub(crate) name: String,
    pub(crate) credit_code: String,
    pub(crate) nature: String,
    pub(crate) industry: String,
    pub(crate) region: String,
    pub(crate) address: String,
    pub(crate) postcode: String,
    pub(crate) contact: String,
    pub(crate) phone: String,
    pub(crate) email: String,
}

/// The school.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct School {
    pub(crate) name: String,
    pub(crate) office: String,
    pub(crate) contact: String,
    pub(crate) phone: String,
    pub(crate) address: String,
    pub(crate) postcode: String,
}

impl From<DirectoryStudent> for Student {
    fn from(student: DirectoryStudent) -> Self {
        Self {
            name: student.name,
            school_code: student.school_code,
            school_name: student.school_name,
            department: student.department,
            class_name: student.class_name,
            number: student.student_number,
            gender: student.gender,
            ethnic: student.ethnic,
            political: student.political,
            birth_date: student.birth_date,
            identity_number: student.identity_number,
            education: student.education,
            schooling_years: student.schooling_years,
            training_mode: student.training_mode,
            major: student.major,
            origin: student.origin_region,
            graduation: student.graduation,
            mobile: student.mobile,
            email: student.email,
            home_address: student.home_address,
        }
    }
}

impl From<DirectoryEmployer> for Employer {
    fn from(employer: DirectoryEmployer) -> Self {
        Self {
            name: employer.name,
            credit_code: employer.credit_code,
            nature: employer.nature,
            industry: employer.industry,
            region: employer.region,
            address: employer.address,
            postcode: employer.postcode,
            contact: employer.contact_name,
            phone: employer.contact_phone,
            email: employer.contact_email,
        }
    }
}

impl From<DirectorySchool> for School {
    fn from(school: DirectorySchool) -> Self {
        Self {
            name: school.name,
            office: school.office_name,
            contact: school.office_contact,
            phone: school.office_phone,
            address: school.address,
            postcode: school.postcode,
        }
    }
}

/// Seals the student for one agreement; the bytes open under no other.
pub(crate) fn seal(sealer: &Sealer, agreement: Uuid, student: &Student) -> Result<Vec<u8>, Error> {
    let plain = serde_json::to_vec(student).map_err(Error::Json)?;
    sealer
        .seal(&plain, aad(agreement).as_bytes())
        .map_err(Error::Crypto)
}

/// Opens the student of an agreement.
pub(crate) fn open(sealer: &Sealer, agreement: Uuid, sealed: &[u8]) -> Result<Student, Error> {
    let plain = sealer
        .open(sealed, aad(agreement).as_bytes())
        .map_err(Error::Crypto)?;
    serde_json::from_slice(&plain).map_err(Error::Json)
}

fn aad(agreement: Uuid) -> String {
    format!("{}{agreement}", COLUMN.prefix)
}

/// A stored copy, or its empty form when it cannot be read.
pub(crate) fn read<T: for<'a> Deserialize<'a> + Default>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_default()
}
