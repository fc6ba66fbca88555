//! The eight fields of a record that the student keeps: their formats, which must be filled, what changed.

use qihang_kit::{codes, validators};
use serde::{Deserialize, Serialize};

/// The eight fields. Empty text means not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnFields {
    pub(crate) origin_region: String,
    pub(crate) mobile: String,
    pub(crate) email: String,
    pub(crate) qq: String,
    pub(crate) home_address: String,
    pub(crate) home_postcode: String,
    pub(crate) home_phone: String,
    pub(crate) family_contact: String,
}

/// New values; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnChanges {
    pub(crate) origin_region: Option<String>,
    pub(crate) mobile: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) qq: Option<String>,
    pub(crate) home_address: Option<String>,
    pub(crate) home_postcode: Option<String>,
    pub(crate) home_phone: Option<String>,
    pub(crate) family_contact: Option<String>,
}

/// A field that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldFault {
    /// Name of the field, lower camel case.
    pub(crate) field: &'static str,
    /// Stable reason.
    pub(crate) reason: &'static str,
    /// What is wrong and what to do, in Chinese.
    pub(crate) message: String,
}

/// One field of the eight: its name, its title, whether it must be filled before the record is sent.
pub(crate) struct OwnField {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) required: bool,
}

/// The fields in the manual's order.
pub(crate) const FIELDS: [OwnField; 8] = [
    OwnField {
        name: "originRegionCode",
        title: "生源所在地",
        required: true,
    },
    OwnField {
        name: "mobile",
        title: "本人手机",
        required: true,
    },
    OwnField {
        name: "email",
        title: "电子邮箱",
        required: true,
    },
    OwnField {
        name: "qq",
        title: "QQ号码",
        required: false,
    },
    OwnField {
        name: "homeAddress",
        title: "家庭地址",
        required: true,
    },
    OwnField {
        name: "homePostcode",
        title: "家庭邮编",
        required: true,
    },
    OwnField {
        name: "homePhone",
        title: "家庭电话",
        required: false,
    },
    OwnField {
        name: "familyContact",
        title: "家庭联系人",
        required: true,
    },
];

impl OwnFields {
    /// The values in the order of [`FIELDS`].
    pub(crate) fn values(&self) -> [&str; 8] {
        [
            &self.origin_region,
            &self.mobile,
            &self.email,
            &self.qq,
            &self.home_address,
            &self.home_postcode,
            &self.home_phone,
            &self.family_contact,
        ]
    }

    /// The fields with the changes written in.
    ///
    /// # Errors
    /// Every changed field whose format is wrong. Emptying a field is never wrong here.
    pub(crate) fn with(&self, changes: OwnChanges) -> Result<Self, Vec<FieldFault>> {
        let keep = |change: Option<String>, present: &String| {
            change.map_or_else(|| present.clone(), |text| text.trim().to_owned())
        };
        let next = Self {
            origin_region: keep(changes.origin_region, &self.origin_region),
            mobile: keep(changes.mobile, &self.mobile),
            email: keep(changes.email, &self.email),
            qq: keep(changes.qq, &self.qq),
            home_address: keep(changes.home_address, &self.home_address),
            home_postcode: keep(changes.home_postcode, &self.home_postcode),
            home_phone: keep(changes.home_phone, &self.home_phone),
            family_contact: keep(changes.family_contact, &self.family_contact),
        };
        let faults: Vec<FieldFault> = next
            .values()
            .iter()
            .zip(self.values())
            .zip(&FIELDS)
            .filter(|((new, old), _)| *new != old)
            .filter_map(|((new, _), field)| check(field, new))
            .collect();
        if faults.is_empty() { Ok(next) } else { Err(faults) }
    }

    /// Required fields that are empty, and filled fields whose format is wrong.
    pub(crate) fn faults(&self) -> Vec<FieldFault> {
        let missing = |field: &OwnField| FieldFault {
            field: field.name,
            reason: "REQUIRED",
            message: format!("请填写{}后再送审", field.title),
        };
        FIELDS
            .iter()
            .zip(self.values())
            .filter_map(|(field, value)| match value {
                "" if field.required => Some(missing(field)),
                value => check(field, value),
            })
            .collect()
    }

    /// Names of the required fields that are empty.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let empty = FIELDS
            .iter()
            .zip(self.values())
            .filter(|(field, value)| field.required && value.is_empty());
        empty.map(|(field, _)| field.name).collect()
    }

    /// Names of the fields that differ from the roster's; what the roster leaves out is no difference.
    pub(crate) fn differing(&self, roster: &Self) -> Vec<&'static str> {
        let pairs = FIELDS.iter().zip(self.values().into_iter().zip(roster.values()));
        pairs
            .filter(|(_, (own, roster))| !roster.is_empty() && own != roster)
            .map(|(field, _)| field.name)
            .collect()
    }
}

/// Checks one field's format; an empty one passes.
pub(crate) fn check(field: &OwnField, value: &str) -> Option<FieldFault> {
    if value.is_empty() {
        return None;
    }
    let fault = |reason, message: String| {
        Some(FieldFault {
            field: field.name,
            reason,
            message,
        })
    };
    let valid = match field.name {
        "originRegionCode" => return (!is_county(value)).then(|| region_fault(field)),
        "mobile" => validators::mobile(value),
        "email" => validators::email(value),
        "qq" => validators::qq(value),
        "homePostcode" => validators::postcode(value),
        "homePhone" => validators::telephone(value),
        "homeAddress" => {
            let length = value.chars().count();
            let fine = (5..=200).contains(&length);
            return if fine {
                None
            } else {
                fault(
                    "INVALID_LENGTH",
                    "家庭地址应为5至200个字，请写到街道门牌".to_owned(),
                )
            };
        }
        _ => {
            let fine = (2..=64).contains(&value.chars().count()) && !value.chars().any(char::is_control);
            return if fine {
                None
            } else {
                fault("INVALID_LENGTH", format!("{}应为2至64个字", field.title))
            };
        }
    };
    valid
        .err()
        .and_then(|invalid| fault(invalid.reason(), format!("{}：{invalid}", field.title)))
}

fn region_fault(field: &OwnField) -> FieldFault {
    FieldFault {
        field: field.name,
        reason: "UNKNOWN_REGION",
        message: format!("{}应为现行行政区划的6位代码，并选到区县", field.title),
    }
}

/// True for a region that has none below it: a county, or a city that has no counties.
pub(crate) fn is_county(code: &str) -> bool {
    let Some(regions) = codes::dictionary("region_gbt2260") else {
        return false;
    };
    let Some(entry) = regions.entry(code).filter(|entry| !entry.ended) else {
        return false;
    };
    let leaf = !code.ends_with("00");
    // Cities without counties (东莞 and the like), and Taiwan, Hong Kong and Macao, which the table does not divide.
    leaf || (entry.parent.is_some() && !has_children(code)) || matches!(code, "710000" | "810000" | "820000")
}

fn has_children(code: &str) -> bool {
    codes::dictionary("region_gbt2260").is_some_and(|regions| {
        regions
            .entries
            .iter()
            .any(|entry| !entry.ended && entry.parent.as_deref() == Some(code))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> OwnFields {
        OwnFields {
            origin_region: "230102".into(),
            mobile: "13812345678".into(),
            email: "li@hlju.edu.cn".into(),
            qq: "10001".into(),
            home_address: "哈尔滨市道里区中央大街1号".into(),
            home_postcode: "150010".into(),
            home_phone: "0451-86608114".into(),
            family_contact: "李建国".into(),
        }
    }

    #[test]
    fn a_full_record_has_no_fault() {
        assert_eq!(full().faults(), []);
        assert!(full().missing().is_empty());
    }

    #[test]
    fn required_fields_are_named_and_optional_ones_are_not() {
        let empty = OwnFields::default();
        let expected = [
            "originRegionCode",
            "mobile",
            "email",
            "homeAddress",
            "homePostcode",
            "familyContact",
        ];
        assert_eq!(empty.missing(), expected);
        assert_eq!(
            empty.faults().iter().map(|fault| fault.field).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn each_format_is_checked_by_field() {
        let wrong = OwnChanges {
            origin_region: Some("230100".into()),
            mobile: Some("123".into()),
            email: Some("x".into()),
            qq: Some("0".into()),
            home_address: Some("短".into()),
            home_postcode: Some("1".into()),
            home_phone: Some("1".into()),
            family_contact: Some("李".into()),
        };
        let faults = full().with(wrong).unwrap_err();
        assert_eq!(faults.len(), 8, "{faults:?}");
        assert!(faults.iter().all(|fault| !fault.message.is_empty()));
    }

    #[test]
    fn absent_fields_stay_and_present_ones_are_trimmed() {
        let changes = OwnChanges {
            qq: Some(" 20002 ".into()),
            ..OwnChanges::default()
        };
        let next = full().with(changes).unwrap();
        assert_eq!(next.qq, "20002");
        assert_eq!(next.differing(&full()), ["qq"]);
        let silent = OwnFields {
            qq: String::new(),
            family_contact: String::new(),
            ..full()
        };
        assert!(next.differing(&silent).is_empty(), "what the roster leaves out");
    }

    #[test]
    fn a_city_without_counties_counts_as_a_county() {
        assert!(is_county("230102"));
        assert!(!is_county("230000") && !is_county("230100") && !is_county("999999"));
    }
}
