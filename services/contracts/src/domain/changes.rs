//! What differs between two revisions, field by field, in words.

use super::terms::Terms;

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Field, JSON name.
    pub field: &'static str,
    /// Chinese label.
    pub label: &'static str,
    /// Value before.
    pub before: String,
    /// Value after.
    pub after: String,
}

type Row = (&'static str, &'static str, String);

/// The fields of two revisions that differ, in the order of the form.
#[must_use]
pub fn compare(before: &Terms, after: &Terms) -> Vec<Change> {
    rows(before)
        .into_iter()
        .zip(rows(after))
        .filter(|(one, other)| one.2 != other.2)
        .map(|((field, label, before), (_, _, after))| Change {
            field,
            label,
            before,
            after,
        })
        .collect()
}

fn rows(terms: &Terms) -> Vec<Row> {
    let yes = |value: bool| if value { "接收" } else { "不接收" }.to_owned();
    vec![
        ("position", "工作岗位", terms.position.clone()),
        ("jobCategoryCode", "工作职位类别", terms.job_category_code.clone()),
        ("workRegionCode", "工作地点", terms.work_region_code.clone()),
        ("workAddress", "工作地址", terms.work_address.clone()),
        ("contractMonths", "聘期（月）", terms.contract_months.to_string()),
        (
            "probationMonths",
            "试用期（月）",
            terms.probation_months.to_string(),
        ),
        (
            "probationSalary",
            "试用期月薪（元）",
            terms.probation_salary.to_string(),
        ),
        ("salary", "转正月薪（元）", terms.salary.to_string()),
        ("reportBy", "报到期限", terms.report_by.clone()),
        ("lodging", "住宿", terms.lodging.clone()),
        ("insurance", "社会保险与公积金", terms.insurance.clone()),
        ("benefits", "其他福利", terms.benefits.clone()),
        (
            "employerPenalty",
            "甲方违约金（元）",
            terms.employer_penalty.to_string(),
        ),
        (
            "studentPenalty",
            "乙方违约金（元）",
            terms.student_penalty.to_string(),
        ),
        ("release", "可解除的情形", terms.release.clone()),
        ("other", "其他约定", terms.other.clone()),
        ("acceptsArchive", "档案", yes(terms.accepts_archive)),
        ("archive.receiver", "档案接收单位", terms.archive.receiver.clone()),
        ("archive.address", "档案接收地址", terms.archive.address.clone()),
        ("archive.postcode", "档案接收邮编", terms.archive.postcode.clone()),
        ("archive.contact", "档案接收联系人", terms.archive.contact.clone()),
        ("archive.phone", "档案接收电话", terms.archive.phone.clone()),
        ("acceptsHousehold", "户口", yes(terms.accepts_household)),
        (
            "household.address",
            "户口迁移地址",
            terms.household.address.clone(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::terms::tests::good;

    #[test]
    fn only_what_differs_is_told() {
        let after = Terms {
            salary: 9_000,
            accepts_archive: true,
            ..good()
        };
        let changes = compare(&good(), &after);
        assert_eq!(
            changes.iter().map(|change| change.field).collect::<Vec<_>>(),
            ["salary", "acceptsArchive"]
        );
        assert_eq!(
            (changes[0].before.as_str(), changes[0].after.as_str()),
            ("8000", "9000")
        );
        assert!(compare(&good(), &good()).is_empty());
    }
}
