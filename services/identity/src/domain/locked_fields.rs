//! The fields of a record that only the school may change.

use serde::{Deserialize, Serialize};

/// Kinds of identity document, as `zjlx` in roster files.
pub(crate) const IDENTITY_KINDS: [(&str, &str); 4] = [
    ("1", "居民身份证"),
    ("2", "港澳台居民居住证"),
    ("3", "护照"),
    ("4", "外国人永久居留身份证"),
];

/// Locked fields beside those that have columns of their own. Codes are codes, dates are yyyy-MM-dd or yyyy-MM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Details {
    pub(crate) examination_number: String,
    pub(crate) gender: String,
    pub(crate) birth_date: String,
    pub(crate) identity_kind: String,
    pub(crate) ethnic: String,
    pub(crate) political: String,
    pub(crate) education: String,
    pub(crate) major_code: String,
    pub(crate) major: String,
    pub(crate) major_direction: String,
    pub(crate) training_mode: String,
    pub(crate) commissioning_unit: String,
    pub(crate) household_origin: String,
    pub(crate) schooling_years: String,
    pub(crate) enrolment: String,
    pub(crate) graduation: String,
    pub(crate) normal_student: String,
    pub(crate) hardship: String,
    pub(crate) former_file_unit: String,
    pub(crate) file_moved: String,
    pub(crate) former_police_station: String,
    pub(crate) household_moved: String,
}

/// All locked fields of a student.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Locked {
    pub(crate) student_number: String,
    pub(crate) cohort: i32,
    pub(crate) name: String,
    pub(crate) department: String,
    pub(crate) class_name: String,
    pub(crate) identity_number: String,
    pub(crate) details: Details,
}

/// A locked field: its name on the wire and its title.
pub(crate) struct LockedField {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// True when its value is masked in previews.
    pub(crate) personal: bool,
}

const fn field(name: &'static str, title: &'static str) -> LockedField {
    LockedField {
        name,
        title,
        personal: false,
    }
}

const fn personal(name: &'static str, title: &'static str) -> LockedField {
    LockedField {
        name,
        title,
        personal: true,
    }
}

/// The fields, in the order of [`Locked::values`].
pub(crate) const FIELDS: [LockedField; 28] = [
    field("studentNumber", "学号"),
    field("cohort", "届"),
    field("name", "姓名"),
    field("department", "院系"),
    field("className", "班级"),
    personal("identityNumber", "证件号"),
    personal("examinationNumber", "考生号"),
    field("genderCode", "性别"),
    personal("birthDate", "出生日期"),
    field("identityKind", "证件类型"),
    field("ethnicCode", "民族"),
    field("politicalCode", "政治面貌"),
    field("educationCode", "学历"),
    field("majorCode", "专业代码"),
    field("major", "专业"),
    field("majorDirection", "专业方向"),
    field("trainingModeCode", "培养方式"),
    field("commissioningUnit", "定向或委培单位"),
    field("householdOrigin", "城乡生源"),
    field("schoolingYears", "学制"),
    field("enrolment", "入学时间"),
    field("graduation", "毕业时间"),
    field("normalStudentCode", "师范生类别"),
    personal("hardshipCode", "困难生类别"),
    field("formerFileUnit", "入学前档案所在单位"),
    field("fileMoved", "档案是否转入学校"),
    field("formerPoliceStation", "入学前户口所在地派出所"),
    field("householdMoved", "户口是否转入学校"),
];

/// Fields that identify the person: a correction needs evidence and a second person.
pub(crate) const IDENTITY_KEYS: [&str; 3] = ["name", "identityNumber", "examinationNumber"];

/// The field of a name; the words beside the codes (`gender`, `ethnic` …) are the same fields.
pub(crate) fn field_named(name: &str) -> Option<&'static LockedField> {
    let words = |field: &&LockedField| field.name.strip_suffix("Code") == Some(name);
    FIELDS
        .iter()
        .find(|field| field.name == name)
        .or_else(|| FIELDS.iter().find(words))
}

impl Locked {
    /// The values in the order of [`FIELDS`].
    pub(crate) fn values(&self) -> [String; 28] {
        let details = self.details.clone();
        [
            self.student_number.clone(),
            self.cohort.to_string(),
            self.name.clone(),
            self.department.clone(),
            self.class_name.clone(),
            self.identity_number.clone(),
            details.examination_number,
            details.gender,
            details.birth_date,
            details.identity_kind,
            details.ethnic,
            details.political,
            details.education,
            details.major_code,
            details.major,
            details.major_direction,
            details.training_mode,
            details.commissioning_unit,
            details.household_origin,
            details.schooling_years,
            details.enrolment,
            details.graduation,
            details.normal_student,
            details.hardship,
            details.former_file_unit,
            details.file_moved,
            details.former_police_station,
            details.household_moved,
        ]
    }

    /// The value of a field by its name.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let wanted = field_named(name)?.name;
        FIELDS
            .iter()
            .zip(self.values())
            .find(|(field, _)| field.name == wanted)
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_has_its_own_value() {
        let names: BTreeSet<&str> = FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), FIELDS.len());
        let locked = Locked {
            details: Details {
                household_moved: "是".into(),
                major: "软件工程".into(),
                ..Details::default()
            },
            ..Locked::default()
        };
        assert_eq!(locked.value("householdMoved").as_deref(), Some("是"));
        assert_eq!(locked.value("major").as_deref(), Some("软件工程"));
        assert_eq!(locked.value("mobile"), None);
        assert_eq!(field_named("gender").unwrap().name, "genderCode");
    }
}
