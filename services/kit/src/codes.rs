//! The reference data that forms, imports and reports speak in: national and provincial code tables.
//!
//! The tables are part of the binary, so that every service of one version agrees. `data/codes/index.csv` gives each its
//! title and version, the date and the first digits of the file's SHA-256; a test keeps that true.

mod overlay;

use std::{collections::HashMap, sync::LazyLock};

pub use overlay::{Change, install};

use crate::status::Fault;

/// One table of codes.
#[derive(Debug)]
pub struct Dictionary {
    /// The table's name, the stem of its file.
    pub name: &'static str,
    /// What it is, in Chinese.
    pub title: String,
    /// Date and content of this version, `yyyyMMdd-<hash>`.
    pub version: String,
    /// The codes in the table's own order.
    pub entries: Vec<Entry>,
    by_code: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

/// One code of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: String,
    /// What it means.
    pub name: String,
    /// The code above, of the same table, or of the table that its reference names.
    pub parent: Option<String>,
    /// Further columns by their header, only those that are filled.
    pub attributes: Vec<(String, String)>,
    /// True when the code is no longer given; records that have it still say what it means.
    pub ended: bool,
}

/// A school of the province.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct School {
    /// Ten-digit code.
    pub code: &'static str,
    /// Name.
    pub name: &'static str,
    /// GB/T 2260 code of its city.
    pub region_code: &'static str,
    /// The five-digit code that roster files may use.
    pub short_code: &'static str,
    /// 本科 or 专科.
    pub level: &'static str,
    /// Who runs it, 公办 or 民办.
    pub run_by: &'static str,
}

impl School {
    fn of(entry: &'static Entry) -> Self {
        let text = |name: &str| entry.attribute(name).unwrap_or_default();
        Self {
            code: &entry.code,
            name: &entry.name,
            region_code: entry.parent.as_deref().unwrap_or_default(),
            short_code: text("school_code5"),
            level: text("level"),
            run_by: text("run_by"),
        }
    }
}

impl Entry {
    /// One further column by its header.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Dictionary {
    fn new(name: &'static str, title: String, version: String, entries: Vec<Entry>) -> Self {
        let (mut by_code, mut by_name) = (HashMap::new(), HashMap::new());
        for (position, entry) in entries.iter().enumerate() {
            by_code.entry(entry.code.clone()).or_insert(position);
            if !entry.ended {
                by_name.entry(entry.name.clone()).or_insert(position);
            }
        }
        Self {
            name,
            title,
            version,
            entries,
            by_code,
            by_name,
        }
    }

    /// The entry of a code.
    #[must_use]
    pub fn entry(&self, code: &str) -> Option<&Entry> {
        self.by_code.get(code).and_then(|index| self.entries.get(*index))
    }

    /// The first entry of a name that is in force.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name).and_then(|index| self.entries.get(*index))
    }
}

const INDEX: &str = include_str!("../data/codes/index.csv");

macro_rules! tables {
    ($($name:literal),* $(,)?) => {
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../data/codes/", $name, ".csv")))),*];
    };
}

tables![
    "degree",
    "destination",
    "destination_branch",
    "destination_detail",
    "discipline",
    "education_gbt4658",
    "education_moe",
    "employer_nature",
    "employer_scale",
    "ethnic",
    "gender",
    "hardship",
    "household_origin",
    "industry_gbt4754",
    "industry_moe",
    "job_category_moe",
    "normal_student",
    "occupation_major_2022",
    "political",
    "region_gbt2260",
    "region_heilongjiang",
    "region_province",
    "review_reason",
    "school_heilongjiang",
    "school_heilongjiang_detail",
    "training_mode",
    "uscc_prefix",
];

static BASE: LazyLock<Vec<Dictionary>> = LazyLock::new(load);

/// The table of schools: identity lays over it what the province keeps in its list of schools.
pub const SCHOOLS: &str = "school_heilongjiang_detail";

/// The table of regions that addresses and places of origin use.
const REGIONS: &str = "region_gbt2260";

/// Longest chain of regions, against a table that would point in a circle.
const REGION_DEPTH: usize = 4;

/// Every table, by name.
#[must_use]
pub fn dictionaries() -> Vec<&'static Dictionary> {
    overlay::tables()
}

/// A table as the binary has it, without changes.
#[must_use]
pub fn base(name: &str) -> Option<&'static Dictionary> {
    BASE.iter().find(|dictionary| dictionary.name == name)
}

/// True for a code that may be given now.
#[must_use]
pub fn in_force(table: &str, code: &str) -> bool {
    dictionary(table)
        .and_then(|dictionary| dictionary.entry(code))
        .is_some_and(|entry| !entry.ended)
}

/// The words of a reason that a review of a kind may be refused for now; the table says of which kind each is.
///
/// # Errors
/// `REASON_UNKNOWN` when the dictionary has it not, not any longer, or for other kinds.
pub fn review_reason(kind: &str, code: &str) -> Result<&'static str, Fault> {
    dictionary("review_reason")
        .and_then(|reasons| reasons.entry(code))
        .filter(|entry| !entry.ended && entry.attribute("kind").is_none_or(|of| of == kind))
        .map(|entry| entry.name.as_str())
        .ok_or_else(|| {
            let message = "审核不通过的原因不在字典中或已停用，请刷新后重新选择";
            Fault::invalid("reasonCode", "REASON_UNKNOWN", message)
        })
}

/// The table of a name.
#[must_use]
pub fn dictionary(name: &str) -> Option<&'static Dictionary> {
    overlay::table(name)
}

/// What a code of a table means.
#[must_use]
pub fn name(table: &str, code: &str) -> Option<&'static str> {
    dictionary(table)?.entry(code).map(|entry| entry.name.as_str())
}

/// The code of a name in a table.
#[must_use]
pub fn code_of(table: &str, name: &str) -> Option<&'static str> {
    dictionary(table)?.named(name).map(|entry| entry.code.as_str())
}

/// A region in words, from the province down, e.g. 黑龙江省哈尔滨市道里区; empty when the code is unknown.
#[must_use]
pub fn region_path(code: &str) -> String {
    let Some(regions) = dictionary(REGIONS) else {
        return String::new();
    };
    let mut names = Vec::new();
    let mut next = regions.entry(code);
    while let Some(entry) = next {
        names.push(entry.name.as_str());
        if names.len() == REGION_DEPTH {
            break;
        }
        next = entry.parent.as_deref().and_then(|parent| regions.entry(parent));
    }
    names.reverse();
    names.concat()
}

/// The schools of the province, closed ones included.
pub fn schools() -> impl Iterator<Item = School> {
    dictionary(SCHOOLS)
        .into_iter()
        .flat_map(|table| &table.entries)
        .map(School::of)
}

/// The schools that the binary knows, by code.
pub fn base_schools() -> impl Iterator<Item = School> {
    base(SCHOOLS)
        .into_iter()
        .flat_map(|table| &table.entries)
        .map(School::of)
}

/// The school of a ten-digit code.
#[must_use]
pub fn school(code: &str) -> Option<School> {
    dictionary(SCHOOLS)?.entry(code).map(School::of)
}

fn load() -> Vec<Dictionary> {
    let index: HashMap<String, (String, String)> = rows(INDEX)
        .filter_map(|row| {
            Some((
                row.first()?.1.clone(),
                (row.get(1)?.1.clone(), row.get(2)?.1.clone()),
            ))
        })
        .collect();
    FILES
        .iter()
        .map(|(name, text)| {
            let (title, version) = index.get(*name).cloned().unwrap_or_default();
            parse(name, title, version, text)
        })
        .collect()
}

fn parse(name: &'static str, title: String, version: String, text: &str) -> Dictionary {
    let mut entries = Vec::new();
    for row in rows(text) {
        let mut entry = Entry {
            code: String::new(),
            name: String::new(),
            parent: None,
            attributes: Vec::new(),
            ended: false,
        };
        for (header, value) in row {
            match header.as_str() {
                "code" => entry.code = value,
                "name" => entry.name = value,
                _ if value.is_empty() => {}
                "parent" => entry.parent = Some(value),
                _ => entry.attributes.push((header, value)),
            }
        }
        entries.push(entry);
    }
    Dictionary::new(name, title, version, entries)
}

/// Rows as (header, value) pairs. A row that cannot be read is left out; the tests count every table's rows.
fn rows(text: &str) -> impl Iterator<Item = Vec<(String, String)>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers: Vec<String> = reader
        .headers()
        .map(|headers| headers.iter().map(str::to_owned).collect())
        .unwrap_or_default();
    reader.into_records().filter_map(Result::ok).map(move |record| {
        headers
            .iter()
            .cloned()
            .zip(record.iter().map(|value| value.trim().to_owned()))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn every_table_is_whole_and_its_version_names_its_content() {
        for (name, text) in FILES {
            let dictionary = dictionary(name).unwrap();
            assert_eq!(
                dictionary.entries.len(),
                text.trim_end().lines().count() - 1,
                "{name}"
            );
            assert!(
                dictionary
                    .entries
                    .iter()
                    .all(|entry| !entry.code.is_empty() && !entry.name.is_empty()),
                "{name}"
            );
            assert!(!dictionary.title.is_empty(), "{name}");
            let hash = hex::encode(Sha256::digest(text.as_bytes()));
            let (date, prefix) = dictionary.version.split_once('-').unwrap();
            assert_eq!(date.len(), 8, "{name}");
            assert!(
                hash.starts_with(prefix) && prefix.len() == 8,
                "{name}: the file changed, so its version must"
            );
        }
        assert_eq!(rows(INDEX).count(), FILES.len());
    }

    #[test]
    fn a_review_is_refused_for_reasons_of_its_kind() {
        assert_eq!(review_reason("AGREEMENT", "TERMS_UNCLEAR").unwrap(), "约定不清");
        assert_eq!(review_reason("AGREEMENT", "OTHER").unwrap(), "其他");
        for (kind, code) in [("ORIGIN", "TERMS_UNCLEAR"), ("ORIGIN", "MOOD"), ("ORIGIN", "")] {
            assert_eq!(review_reason(kind, code).unwrap_err().reason(), "REASON_UNKNOWN");
        }
    }

    #[test]
    fn codes_of_a_table_are_unique() {
        for dictionary in dictionaries() {
            assert_eq!(
                dictionary.by_code.len(),
                dictionary.entries.len(),
                "{}",
                dictionary.name
            );
        }
    }

    #[test]
    fn names_and_codes_find_each_other() {
        assert_eq!(name("gender", "1"), Some("男"));
        assert_eq!(code_of("gender", "女"), Some("2"));
        assert_eq!(name("ethnic", "01"), Some("汉族"));
        assert_eq!(name("ethnic", "77"), None);
        assert_eq!(name("no_such_table", "1"), None);
    }

    #[test]
    fn regions_read_from_the_province_down() {
        assert_eq!(region_path("230102"), "黑龙江省哈尔滨市道里区");
        assert_eq!(region_path("230000"), "黑龙江省");
        assert_eq!(region_path("000000"), "");
    }

    #[test]
    fn the_province_has_its_schools() {
        assert_eq!(schools().count(), 81);
        let school = school("4123010212").unwrap();
        assert_eq!((school.name, school.short_code), ("黑龙江大学", "10212"));
        assert!(schools().all(|school| school.code.ends_with(school.short_code)));
    }
}
