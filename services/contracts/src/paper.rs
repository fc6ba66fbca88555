//! The data of the printed agreement, in the words of template `agreement-2026`.

use prost_types::{ListValue, Struct, Value, value::Kind};
use qihang_kit::codes;
use sqlx::PgConnection;
use time::{OffsetDateTime, macros::format_description};

use crate::{
    App,
    domain::{
        agreement::State,
        terms::{Terms, parse_date},
    },
    error::Error,
    party,
    store::{
        agreements::Record,
        history,
        revisions::{self, Signed},
    },
    view,
};

/// Everything the template wants of one revision.
pub(crate) async fn data(
    app: &App,
    conn: &mut PgConnection,
    record: &Record,
    revision: i32,
) -> Result<Struct, Error> {
    let terms = revisions::terms(&mut *conn, record.rules.id, revision)
        .await?
        .ok_or(Error::RevisionNotFound)?;
    let student = party::open(&app.sealer, record.rules.id, &record.student_sealed)?;
    let signatures = revisions::signatures(&mut *conn, record.rules.id, revision).await?;
    let decisions = decisions(&mut *conn, record, revision).await?;
    let serial = record.serial.clone().unwrap_or_default();
    let code = record.verify_code.clone().unwrap_or_default();
    let verify_url = if serial.is_empty() {
        String::new()
    } else {
        format!(
            "{}/verify/{serial}?code={code}",
            app.config.signing.public_url.trim_end_matches('/')
        )
    };
    let signatures = signatures
        .iter()
        .map(|signed| signature(signed, &student.name, record))
        .chain(decisions)
        .collect();
    Ok(object([
        ("serial", text(serial)),
        ("verify_url", text(verify_url)),
        ("verify_code", text(code)),
        ("revision", text(format!("第 {revision} 版"))),
        ("employer", employer(record)),
        ("archive", archive(record, &terms)),
        ("household", household(record, &terms)),
        ("student", person(&student)),
        ("school", school(record)),
        ("terms", conditions(&terms)),
        ("signatures", list(signatures)),
    ]))
}

/// The mark across the pages of a state; none once it is in force.
pub(crate) fn watermark(state: State) -> &'static str {
    match state {
        State::Draft | State::PendingStudent => "待应约",
        State::PendingReview | State::AmendPendingStudent => "待学校审核",
        State::Effective | State::Terminating => "",
        State::Terminated => "已解约",
        _ => "已作废",
    }
}

/// The reviewers' decisions on this revision.
async fn decisions(conn: &mut PgConnection, record: &Record, revision: i32) -> Result<Vec<Value>, Error> {
    let links = history::list(conn, record.rules.id).await?;
    let school: party::School = party::read(&record.school);
    Ok(links
        .iter()
        .filter(|link| link.step.revision == revision)
        .filter_map(|link| {
            let (party, name) = match link.step.event.as_str() {
                "passLevel" => ("DEPARTMENT", record.department.clone()),
                "approve" => ("SCHOOL", format!("{}{}", school.name, school.office)),
                _ => return None,
            };
            Some(entry([
                ("party", text(party)),
                ("name", text(name)),
                ("opinion", text("同意")),
                ("time", text(moment(link.step.create_time))),
                ("hash", text(hex::encode(&link.hash))),
            ]))
        })
        .collect())
}

fn signature(signed: &Signed, student: &str, record: &Record) -> Value {
    let employer: party::Employer = party::read(&record.employer);
    let by_employer = signed.party == "EMPLOYER";
    entry([
        ("party", text(&signed.party)),
        (
            "name",
            text(if by_employer {
                employer.name
            } else {
                student.to_owned()
            }),
        ),
        (
            "handler",
            text(if by_employer {
                employer.contact
            } else {
                String::new()
            }),
        ),
        ("opinion", text(if by_employer { "" } else { "同意应约" })),
        ("time", text(moment(signed.create_time))),
        ("hash", text(hex::encode(&signed.hash))),
    ])
}

fn employer(record: &Record) -> Value {
    let employer: party::Employer = party::read(&record.employer);
    entry([
        ("name", text(employer.name)),
        ("credit_code", text(employer.credit_code)),
        ("nature", text(employer.nature)),
        ("industry", text(employer.industry)),
        ("region", text(employer.region)),
        ("address", text(employer.address)),
        ("postcode", text(employer.postcode)),
        ("contact", text(employer.contact)),
        ("phone", text(employer.phone)),
        ("email", text(employer.email)),
    ])
}

fn person(student: &party::Student) -> Value {
    entry([
        ("name", text(&student.name)),
        ("gender", text(&student.gender)),
        ("ethnic", text(&student.ethnic)),
        ("politics", text(&student.political)),
        ("birth_date", text(day(&student.birth_date))),
        ("identity_number", text(&student.identity_number)),
        ("education", text(&student.education)),
        ("duration", text(years(&student.schooling_years))),
        ("training_mode", text(&student.training_mode)),
        ("department", text(&student.department)),
        ("major", text(&student.major)),
        ("number", text(&student.number)),
        ("origin", text(&student.origin)),
        ("graduation_date", text(month(&student.graduation))),
        ("mobile", text(&student.mobile)),
        ("email", text(&student.email)),
        ("address", text(&student.home_address)),
    ])
}

fn school(record: &Record) -> Value {
    let school: party::School = party::read(&record.school);
    entry([
        ("name", text(school.name)),
        ("office", text(school.office)),
        ("contact", text(school.contact)),
        ("phone", text(school.phone)),
        ("address", text(school.address)),
        ("postcode", text(school.postcode)),
    ])
}

fn archive(record: &Record, terms: &Terms) -> Value {
    let place = view::archive(record, terms).unwrap_or_default();
    entry([
        (
            "accepted",
            Value {
                kind: Some(Kind::BoolValue(terms.accepts_archive)),
            },
        ),
        ("receiver", text(place.receiver)),
        ("address", text(place.address)),
        ("postcode", text(place.postcode)),
        ("contact", text(place.contact)),
        ("phone", text(place.phone)),
    ])
}

fn household(record: &Record, terms: &Terms) -> Value {
    let place = view::household(record, terms).unwrap_or_default();
    entry([
        (
            "accepted",
            Value {
                kind: Some(Kind::BoolValue(terms.accepts_household)),
            },
        ),
        ("address", text(place.address)),
    ])
}

fn conditions(terms: &Terms) -> Value {
    let region = codes::region_path(&terms.work_region_code);
    entry([
        ("position", text(&terms.position)),
        (
            "job_type",
            text(codes::name("job_category_moe", &terms.job_category_code).unwrap_or_default()),
        ),
        ("work_place", text(format!("{region}{}", terms.work_address))),
        ("period", text(months(terms.contract_months, "无固定期限"))),
        ("probation", text(months(terms.probation_months, "无"))),
        ("probation_salary", text(yuan(terms.probation_salary, "每月"))),
        ("salary", text(yuan(terms.salary, "每月"))),
        ("report_by", text(day(&terms.report_by))),
        ("lodging", text(&terms.lodging)),
        ("insurance", text(&terms.insurance)),
        ("benefits", text(&terms.benefits)),
        ("employer_penalty", text(yuan(terms.employer_penalty, ""))),
        ("student_penalty", text(yuan(terms.student_penalty, ""))),
        ("release", text(&terms.release)),
        ("other", text(&terms.other)),
    ])
}

fn months(number: u32, none: &str) -> String {
    match number {
        0 => none.to_owned(),
        number if number % 12 == 0 => format!("{} 年", number / 12),
        number => format!("{number} 个月"),
    }
}

fn years(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{text} 年")
    }
}

fn yuan(amount: u32, per: &str) -> String {
    if amount == 0 {
        "无".to_owned()
    } else {
        format!("{per}{amount} 元")
    }
}

/// `2026-07-15` as `2026年7月15日`; anything else as it is.
fn day(text: &str) -> String {
    parse_date(text)
        .map(|date| format!("{}年{}月{}日", date.year(), u8::from(date.month()), date.day()))
        .unwrap_or_else(|| text.to_owned())
}

/// `2026-07` as `2026年7月`.
fn month(text: &str) -> String {
    match text.split_once('-') {
        Some((year, month)) => format!("{year}年{}月", month.trim_start_matches('0')),
        None => text.to_owned(),
    }
}

/// A moment in Beijing time, where seconds count.
pub(crate) fn moment_to_the_second(time: OffsetDateTime) -> String {
    shanghai(time)
        .format(format_description!(
            "[year]-[month]-[day] [hour]:[minute]:[second]"
        ))
        .unwrap_or_default()
}

fn shanghai(time: OffsetDateTime) -> OffsetDateTime {
    time.to_offset(time::UtcOffset::from_hms(8, 0, 0).unwrap_or(time::UtcOffset::UTC))
}

fn moment(time: OffsetDateTime) -> String {
    shanghai(time)
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]"))
        .unwrap_or_default()
}

/// A leaf.
pub(crate) fn text(text: impl Into<String>) -> Value {
    Value {
        kind: Some(Kind::StringValue(text.into())),
    }
}

/// Several.
pub(crate) fn list(values: Vec<Value>) -> Value {
    Value {
        kind: Some(Kind::ListValue(ListValue { values })),
    }
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Struct {
    Struct {
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

/// A group.
pub(crate) fn entry<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value {
        kind: Some(Kind::StructValue(object(fields))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_lengths_are_written_as_people_write_them() {
        assert_eq!(day("2026-07-05"), "2026年7月5日");
        assert_eq!(day(""), "");
        assert_eq!(month("2026-07"), "2026年7月");
        assert_eq!(months(36, "-"), "3 年");
        assert_eq!(months(18, "-"), "18 个月");
        assert_eq!(months(0, "无固定期限"), "无固定期限");
    }
}
