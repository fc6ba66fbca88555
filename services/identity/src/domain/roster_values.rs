//! Values of a roster file: dates as people write them, and masks for reports.

use qihang_kit::validators;

use crate::domain::roster_columns::Column;

/// How exact a date must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    Day,
    Month,
}

/// Reads 20030415, 2003-4-15, 2003/04/15, 2003.4.15, 2003年4月15日, and months where they will do.
pub(super) fn read_date(text: &str, precision: Precision) -> Option<String> {
    let parts: Vec<&str> = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let day = text.get(6..).filter(|day| !day.is_empty());
        [text.get(..4), text.get(4..6), day]
            .into_iter()
            .flatten()
            .collect()
    } else {
        let date = text.split([' ', 'T']).next().unwrap_or(text);
        date.split(['-', '/', '.', '年', '月', '日'])
            .filter(|part| !part.is_empty())
            .collect()
    };
    let (year, month, day) = match (parts.as_slice(), precision) {
        ([year, month, day], _) => (year, month, Some(day)),
        ([year, month], Precision::Month) => (year, month, None),
        _ => return None,
    };
    let year: i32 = year.parse().ok().filter(|year| (1900..=2100).contains(year))?;
    let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    match day {
        Some(day) => time::Date::from_calendar_date(year, month, day.parse().ok()?)
            .ok()
            .map(|date| date.to_string()),
        None => Some(format!("{year:04}-{:02}", u8::from(month))),
    }
}

/// A value as a report may show it: personal ones masked, long ones cut.
pub(crate) fn masked(column: Column, value: &str) -> String {
    let value = match column {
        Column::Sfzh => validators::mask_identity(value),
        Column::Sjhm | Column::Jtdh => validators::mask_mobile(value),
        Column::Xm | Column::Jtlxr => validators::mask_name(value),
        Column::Dzyx => validators::mask_email(value),
        column if column.personal() => validators::mask_number(value),
        _ => value.to_owned(),
    };
    value.chars().filter(|c| !c.is_control()).take(64).collect()
}
