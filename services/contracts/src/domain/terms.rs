//! What employer and student agree on, and what the law says of it (domain reference 3.2 and 3.3).

use serde::{Deserialize, Serialize};
use time::{Date, macros::format_description};

use super::refusal::Refusal;

/// Who receives the student's file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Receiving organisation.
    pub receiver: String,
    /// Its address.
    pub address: String,
    /// Its postcode.
    pub postcode: String,
    /// Contact person.
    pub contact: String,
    /// Telephone.
    pub phone: String,
}

/// Where the registration goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Household {
    /// Address or unit.
    pub address: String,
}

/// The terms of one revision. Salaries are yuan a month before tax.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Position.
    pub position: String,
    /// Code of `job_category_moe`.
    pub job_category_code: String,
    /// GB/T 2260 code.
    pub work_region_code: String,
    /// Address.
    pub work_address: String,
    /// Months; 0 for no fixed term.
    pub contract_months: u32,
    /// Months.
    pub probation_months: u32,
    /// In probation.
    pub probation_salary: u32,
    /// Afterwards.
    pub salary: u32,
    /// yyyy-MM-dd.
    pub report_by: String,
    /// Lodging.
    pub lodging: String,
    /// Insurance and housing fund.
    pub insurance: String,
    /// Other benefits.
    pub benefits: String,
    /// Yuan.
    pub employer_penalty: u32,
    /// Yuan.
    pub student_penalty: u32,
    /// When either may leave without breach.
    pub release: String,
    /// Other terms.
    pub other: String,
    /// The employer takes the file.
    pub accepts_archive: bool,
    /// Where.
    pub archive: Archive,
    /// The employer takes the registration.
    pub accepts_household: bool,
    /// Where.
    pub household: Household,
}

/// Something that is worth a second look and stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Field.
    pub field: &'static str,
    /// Stable reason.
    pub code: &'static str,
    /// Chinese.
    pub message: String,
}

/// Words that no agreement may hold: money or papers taken from the student (Labour Contract Law, article 9).
const FORBIDDEN: [&str; 9] = [
    "押金",
    "保证金",
    "服装费",
    "培训费由乙方",
    "扣押身份证",
    "扣押毕业证",
    "扣留证件",
    "风险金",
    "集资",
];

/// Penalty from which both are warned; some provinces recommend a limit, none is law.
const PENALTY_HINT: u32 = 5_000;

/// A date as forms write it.
pub fn parse_date(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

/// What must be right before an offer is sent. Length limits are the contract's.
///
/// # Errors
/// The first thing missing, forbidden or impossible.
pub fn check(terms: &Terms, today: Date) -> Result<(), Refusal> {
    let required = [
        (terms.position.is_empty(), "terms.position", "工作岗位"),
        (
            terms.job_category_code.is_empty(),
            "terms.jobCategoryCode",
            "工作职位类别",
        ),
        (
            terms.work_region_code.is_empty(),
            "terms.workRegionCode",
            "工作地点",
        ),
        (terms.salary == 0, "terms.salary", "转正月薪"),
        (terms.report_by.is_empty(), "terms.reportBy", "报到期限"),
        (
            terms.accepts_archive && terms.archive.receiver.is_empty(),
            "terms.archive.receiver",
            "档案接收单位",
        ),
        (
            terms.accepts_archive && terms.archive.address.is_empty(),
            "terms.archive.address",
            "档案接收地址",
        ),
        (
            terms.accepts_household && terms.household.address.is_empty(),
            "terms.household.address",
            "户口迁移地址",
        ),
        (
            terms.probation_months > 0 && terms.probation_salary == 0,
            "terms.probationSalary",
            "试用期月薪",
        ),
    ];
    if let Some((_, field, label)) = required.into_iter().find(|(missing, ..)| *missing) {
        return Err(Refusal::TermsIncomplete { field, label });
    }
    match parse_date(&terms.report_by) {
        None => return Err(wrong("terms.reportBy", "报到期限应为日期，例如 2026-07-15")),
        Some(day) if day < today => return Err(wrong("terms.reportBy", "报到期限不能早于今天")),
        Some(_) => {}
    }
    if terms.probation_months > longest_probation(terms.contract_months) {
        return Err(wrong(
            "terms.probationMonths",
            &format!(
                "试用期过长：这样的合同期限最多 {} 个月（劳动合同法第十九条）",
                longest_probation(terms.contract_months)
            ),
        ));
    }
    if terms.probation_months > 0 && u64::from(terms.probation_salary) * 100 < u64::from(terms.salary) * 80 {
        return Err(wrong(
            "terms.probationSalary",
            "试用期月薪不得低于转正月薪的 80%（劳动合同法第二十条）",
        ));
    }
    forbidden(terms)
}

/// Labour Contract Law, article 19: months of probation by months of contract; 0 is no fixed term.
fn longest_probation(contract_months: u32) -> u32 {
    match contract_months {
        0 | 36.. => 6,
        1..3 => 0,
        3..12 => 1,
        12..36 => 2,
    }
}

fn forbidden(terms: &Terms) -> Result<(), Refusal> {
    let texts = [
        ("terms.other", &terms.other),
        ("terms.benefits", &terms.benefits),
        ("terms.release", &terms.release),
        ("terms.lodging", &terms.lodging),
        ("terms.insurance", &terms.insurance),
    ];
    for (field, text) in texts {
        allowed(field, text)?;
    }
    Ok(())
}

/// Whether a text is free of what no agreement may hold.
///
/// # Errors
/// The first words that it must not have.
pub fn allowed(field: &'static str, text: &str) -> Result<(), Refusal> {
    // Blanks between the characters hide a word from a plain search.
    let text: String = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect();
    match FORBIDDEN.into_iter().find(|words| text.contains(words)) {
        Some(words) => Err(Refusal::TermsForbidden { field, words }),
        None => Ok(()),
    }
}

fn wrong(field: &'static str, problem: &str) -> Refusal {
    Refusal::TermsWrong {
        field,
        problem: problem.to_owned(),
    }
}

/// What both should look at twice.
#[must_use]
pub fn hints(terms: &Terms) -> Vec<Hint> {
    let mut hints = Vec::new();
    let mut add = |field, code, message: &str| {
        hints.push(Hint {
            field,
            code,
            message: message.to_owned(),
        })
    };
    for (field, penalty) in [
        ("terms.employerPenalty", terms.employer_penalty),
        ("terms.studentPenalty", terms.student_penalty),
    ] {
        if penalty > PENALTY_HINT {
            add(
                field,
                "PENALTY_HIGH",
                "违约金较高，请双方确认；国家没有统一上限，部分省份有惯例上限",
            );
        }
    }
    if terms.student_penalty > terms.employer_penalty {
        add(
            "terms.studentPenalty",
            "PENALTY_UNEQUAL",
            "乙方违约金高于甲方，建议双方对等",
        );
    }
    if terms.insurance.is_empty() {
        add(
            "terms.insurance",
            "INSURANCE_MISSING",
            "未填写社会保险与公积金；用人单位应依法为劳动者缴纳社会保险",
        );
    }
    if terms.release.is_empty() {
        add(
            "terms.release",
            "RELEASE_MISSING",
            "未约定升学、入伍、录用为公务员等可解除协议的情形",
        );
    }
    hints
}

#[cfg(test)]
pub(crate) mod tests {
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2026 - 06 - 01);

    pub(crate) fn good() -> Terms {
        Terms {
            position: "软件工程师".into(),
            job_category_code: "13".into(),
            work_region_code: "230102".into(),
            contract_months: 36,
            probation_months: 3,
            probation_salary: 6_400,
            salary: 8_000,
            report_by: "2026-07-15".into(),
            ..Terms::default()
        }
    }

    fn refused(change: impl FnOnce(&mut Terms)) -> Option<&'static str> {
        let mut terms = good();
        change(&mut terms);
        check(&terms, TODAY).err().and_then(|refusal| refusal.field())
    }

    #[test]
    fn probation_follows_the_law() {
        assert_eq!(refused(|_| {}), None);
        assert_eq!(
            refused(|terms| terms.probation_months = 7),
            Some("terms.probationMonths")
        );
        for (contract, longest) in [(0, 6), (2, 0), (3, 1), (11, 1), (12, 2), (35, 2), (36, 6)] {
            assert_eq!(longest_probation(contract), longest, "{contract} months");
        }
        assert_eq!(
            refused(|terms| terms.probation_salary = 6_399),
            Some("terms.probationSalary")
        );
    }

    #[test]
    fn what_is_missing_or_impossible_is_named() {
        assert_eq!(refused(|terms| terms.position.clear()), Some("terms.position"));
        assert_eq!(
            refused(|terms| terms.accepts_archive = true),
            Some("terms.archive.receiver")
        );
        assert_eq!(
            refused(|terms| terms.accepts_household = true),
            Some("terms.household.address")
        );
        assert_eq!(
            refused(|terms| terms.report_by = "2026-02-30".into()),
            Some("terms.reportBy")
        );
        assert_eq!(
            refused(|terms| terms.report_by = "2026-05-31".into()),
            Some("terms.reportBy")
        );
    }

    #[test]
    fn taking_money_from_students_is_refused_even_with_blanks() {
        assert_eq!(
            refused(|terms| terms.other = "入职须交押金".into()),
            Some("terms.other")
        );
        assert_eq!(
            refused(|terms| terms.other = "须交 押 金 500 元".into()),
            Some("terms.other")
        );
    }

    #[test]
    fn hints_stop_nothing() {
        let terms = Terms {
            student_penalty: 9_000,
            ..good()
        };
        assert!(check(&terms, TODAY).is_ok());
        assert!(hints(&terms).iter().any(|hint| hint.code == "PENALTY_UNEQUAL"));
    }
}
