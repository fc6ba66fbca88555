//! What an employer says of itself: formats, and what must be filled before it is sent.

use qihang_kit::{codes, validators};

use crate::domain::own_fields::{self, FieldFault};

/// What an employer says of itself. Empty text means not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Profile {
    pub(crate) nature_code: String,
    pub(crate) industry_code: String,
    pub(crate) scale_code: String,
    pub(crate) region_code: String,
    pub(crate) address: String,
    pub(crate) postcode: String,
    pub(crate) legal_person: String,
    pub(crate) contact_name: String,
    pub(crate) contact_phone: String,
    pub(crate) contact_email: String,
    pub(crate) website: String,
    pub(crate) introduction: String,
}

struct ProfileField {
    name: &'static str,
    title: &'static str,
    required: bool,
}

const fn required(name: &'static str, title: &'static str) -> ProfileField {
    ProfileField {
        name,
        title,
        required: true,
    }
}

const fn optional(name: &'static str, title: &'static str) -> ProfileField {
    ProfileField {
        name,
        title,
        required: false,
    }
}

const FIELDS: [ProfileField; 12] = [
    required("natureCode", "单位性质"),
    required("industryCode", "单位行业"),
    optional("scaleCode", "单位规模"),
    required("regionCode", "单位所在地"),
    required("address", "通讯地址"),
    required("postcode", "邮政编码"),
    required("legalPerson", "法定代表人或负责人"),
    required("contactName", "联系人"),
    required("contactPhone", "联系电话"),
    required("contactEmail", "联系邮箱"),
    optional("website", "单位网址"),
    optional("introduction", "单位简介"),
];

impl Profile {
    fn values(&self) -> [&str; 12] {
        [
            &self.nature_code,
            &self.industry_code,
            &self.scale_code,
            &self.region_code,
            &self.address,
            &self.postcode,
            &self.legal_person,
            &self.contact_name,
            &self.contact_phone,
            &self.contact_email,
            &self.website,
            &self.introduction,
        ]
    }

    /// Every field whose format is wrong.
    pub(crate) fn faults(&self) -> Vec<FieldFault> {
        FIELDS
            .iter()
            .zip(self.values())
            .filter_map(|(field, value)| check(field, value))
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

    pub(super) fn missing_faults(&self) -> Vec<FieldFault> {
        let empty = FIELDS
            .iter()
            .zip(self.values())
            .filter(|(field, value)| field.required && value.is_empty());
        empty
            .map(|(field, _)| FieldFault {
                field: field.name,
                reason: "REQUIRED",
                message: format!("请填写{}后再提交", field.title),
            })
            .collect()
    }
}

fn check(field: &ProfileField, value: &str) -> Option<FieldFault> {
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
    let coded = |table: &str| match codes::in_force(table, value) {
        true => None,
        false => fault(
            "UNKNOWN_CODE",
            format!("{}不在代码表内，请从列表中选择", field.title),
        ),
    };
    let checked = |result: Result<&str, validators::Invalid>| {
        result
            .err()
            .and_then(|invalid| fault(invalid.reason(), format!("{}：{invalid}", field.title)))
    };
    match field.name {
        "natureCode" => coded("employer_nature"),
        "industryCode" => coded("industry_moe"),
        "scaleCode" => coded("employer_scale"),
        "regionCode" if own_fields::is_county(value) => None,
        "regionCode" => fault(
            "UNKNOWN_REGION",
            "单位所在地应为现行行政区划的6位代码，并选到区县".to_owned(),
        ),
        "postcode" => checked(validators::postcode(value)),
        "contactPhone" => checked(validators::telephone(value)),
        "contactEmail" => checked(validators::email(value)),
        "website" if !value.starts_with("https://") && !value.starts_with("http://") => {
            fault("INVALID_URL", "单位网址应以 http:// 或 https:// 开头".to_owned())
        }
        "address" if value.chars().count() < 5 => {
            fault("INVALID_LENGTH", "通讯地址至少5个字，请写到门牌".to_owned())
        }
        _ => None,
    }
}
