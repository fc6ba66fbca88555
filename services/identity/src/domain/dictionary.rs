//! Code tables over time: the binary's entries, and the changes that the province published.

use std::collections::BTreeMap;

use qihang_kit::codes::{self, Entry};
use time::Date;

/// Tables that are not changed here: schools have calls of their own, and the prefixes of credit codes are arithmetic.
const FIXED: [&str; 3] = ["school_heilongjiang", "school_heilongjiang_detail", "uscc_prefix"];

/// A change of one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) table: String,
    /// What the code means; `ended` is decided by the day.
    pub(crate) entry: Entry,
    /// First day.
    pub(crate) from: Date,
    /// Last day, if any.
    pub(crate) to: Option<Date>,
}

/// What a change does to the table on its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The code was not in force.
    Added,
    /// It is, and goes on with other words.
    Changed,
    /// It is, and ends.
    Ended,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The table is not changed here.
    Fixed,
    /// The first day is over.
    Past,
    /// The last day comes before the first.
    Order,
    /// The code above is not in force.
    Parent,
    /// The code would stand below itself.
    Circle,
    /// Another code in force has the name, below the same code.
    NameTaken,
    /// Codes below it are in force.
    Children,
    /// It would change nothing.
    Nothing,
}

/// The entries that a table has on a day, ended ones included. Changes are in the order of their publication; of those that
/// have begun the one with the latest first day counts, and of these the last.
pub(crate) fn on_day(table: &codes::Dictionary, changes: &[Change], day: Date) -> Vec<Entry> {
    let mut entries = table.entries.clone();
    for entry in overlay(changes, table.name, day) {
        match entries.iter_mut().find(|known| known.code == entry.code) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }
    entries
}

/// What changes make of a table on a day, in the order of their first appearance.
pub(crate) fn overlay(changes: &[Change], table: &str, day: Date) -> Vec<Entry> {
    let mut counting: BTreeMap<&str, (usize, &Change)> = BTreeMap::new();
    let begun = changes
        .iter()
        .filter(|change| change.table == table && change.from <= day);
    for (place, change) in begun.enumerate() {
        counting
            .entry(change.entry.code.as_str())
            .and_modify(|(_, known)| {
                if known.from <= change.from {
                    *known = change;
                }
            })
            .or_insert((place, change));
    }
    let mut found: Vec<(usize, &Change)> = counting.into_values().collect();
    found.sort_by_key(|(place, _)| *place);
    let entry = |(_, change): (usize, &Change)| Entry {
        ended: change.to.is_some_and(|to| to < day),
        ..change.entry.clone()
    };
    found.into_iter().map(entry).collect()
}

/// Judges a change against the table as it will be on the change's first day.
///
/// # Errors
/// Why not.
pub(crate) fn judge(
    table: &codes::Dictionary,
    changes: &[Change],
    wanted: &Change,
    today: Date,
) -> Result<Kind, Refusal> {
    if FIXED.contains(&table.name) {
        return Err(Refusal::Fixed);
    }
    if wanted.to.is_some_and(|to| to < wanted.from) {
        return Err(Refusal::Order);
    }
    if wanted.from < today {
        return Err(Refusal::Past);
    }
    let entries = on_day(table, changes, wanted.from);
    let (code, parent) = (&wanted.entry.code, wanted.entry.parent.as_deref());
    let known = entries.iter().find(|entry| entry.code == *code);
    let before = known.filter(|entry| !entry.ended);
    // Some tables stand below another one: what such an entry had above it, it keeps.
    let kept = known.is_some_and(|entry| entry.parent.as_deref() == parent);
    if let Some(parent) = parent.filter(|_| !kept) {
        stands(&entries, code, parent)?;
    }
    let sibling = |entry: &&Entry| {
        !entry.ended
            && entry.code != *code
            && entry.name == wanted.entry.name
            && entry.parent.as_deref() == parent
    };
    if entries.iter().any(|entry| sibling(&entry)) {
        return Err(Refusal::NameTaken);
    }
    let children = |entry: &&Entry| !entry.ended && entry.parent.as_deref() == Some(code.as_str());
    if wanted.to.is_some() && entries.iter().any(|entry| children(&entry)) {
        return Err(Refusal::Children);
    }
    match before {
        None => Ok(Kind::Added),
        Some(_) if wanted.to.is_some() => Ok(Kind::Ended),
        Some(before) if *before == wanted.entry => Err(Refusal::Nothing),
        Some(_) => Ok(Kind::Changed),
    }
}

/// Whether a code may stand below another.
fn stands(entries: &[Entry], code: &str, parent: &str) -> Result<(), Refusal> {
    let mut above = Some(parent);
    for depth in 0..entries.len() {
        let Some(next) = above else { break };
        if next == code {
            return Err(Refusal::Circle);
        }
        let found = entries.iter().find(|entry| entry.code == next && !entry.ended);
        if depth == 0 && found.is_none() {
            return Err(Refusal::Parent);
        }
        above = found.and_then(|entry| entry.parent.as_deref());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2026 - 03 - 01);

    fn table() -> &'static codes::Dictionary {
        codes::base("industry_moe").unwrap()
    }

    fn regions() -> &'static codes::Dictionary {
        codes::base("region_gbt2260").unwrap()
    }

    fn change(table: &codes::Dictionary, code: &str, name: &str, (from, to): (Date, Option<Date>)) -> Change {
        Change {
            table: table.name.to_owned(),
            entry: Entry {
                code: code.to_owned(),
                name: name.to_owned(),
                parent: None,
                attributes: Vec::new(),
                ended: false,
            },
            from,
            to,
        }
    }

    fn below(change: Change, parent: &str) -> Change {
        Change {
            entry: Entry {
                parent: Some(parent.to_owned()),
                ..change.entry
            },
            ..change
        }
    }

    fn state(changes: &[Change], code: &str, day: Date) -> Option<(String, bool)> {
        let entries = on_day(table(), changes, day);
        let found = entries.into_iter().find(|entry| entry.code == code)?;
        Some((found.name, found.ended))
    }

    #[test]
    fn the_last_change_that_has_begun_counts() {
        let changes = [
            change(table(), "ZZ", "新行业", (date!(2026 - 04 - 01), None)),
            change(table(), "ZZ", "新行业二", (date!(2026 - 06 - 01), None)),
            change(
                table(),
                "ZZ",
                "新行业",
                (date!(2026 - 08 - 01), Some(date!(2026 - 08 - 31))),
            ),
        ];
        let named = |name: &str, ended| Some((name.to_owned(), ended));
        assert_eq!(state(&changes, "ZZ", TODAY), None);
        assert_eq!(
            state(&changes, "ZZ", date!(2026 - 04 - 01)),
            named("新行业", false)
        );
        assert_eq!(
            state(&changes, "ZZ", date!(2026 - 06 - 01)),
            named("新行业二", false)
        );
        assert_eq!(
            state(&changes, "ZZ", date!(2026 - 08 - 31)),
            named("新行业", false)
        );
        assert_eq!(
            state(&changes, "ZZ", date!(2026 - 09 - 01)),
            named("新行业", true)
        );
        // Of two with the same first day the one that was published later.
        let again = [
            change(table(), "ZZ", "甲", (date!(2026 - 04 - 01), None)),
            change(table(), "ZZ", "乙", (date!(2026 - 04 - 01), None)),
        ];
        assert_eq!(state(&again, "ZZ", date!(2026 - 04 - 01)), named("乙", false));
    }

    #[test]
    fn what_a_change_does_is_told() {
        let known = table().entries[0].clone();
        let judged = |change: Change| judge(table(), &[], &change, TODAY);
        assert_eq!(
            judged(change(table(), "ZZ", "新行业", (TODAY, None))),
            Ok(Kind::Added)
        );
        assert_eq!(
            judged(change(table(), &known.code, "新名称", (TODAY, None))),
            Ok(Kind::Changed)
        );
        let ends = change(table(), &known.code, &known.name, (TODAY, Some(TODAY)));
        assert_eq!(judged(ends), Ok(Kind::Ended));
        let same = Change {
            entry: known.clone(),
            ..change(table(), &known.code, &known.name, (TODAY, None))
        };
        assert_eq!(judged(same), Err(Refusal::Nothing));
    }

    #[test]
    fn what_would_harm_the_table_is_refused() {
        let judged = |table: &codes::Dictionary, change: Change| judge(table, &[], &change, TODAY);
        let yesterday = date!(2026 - 02 - 28);
        let past = change(table(), "ZZ", "新行业", (yesterday, None));
        assert_eq!(judged(table(), past), Err(Refusal::Past));
        let order = change(table(), "ZZ", "新行业", (TODAY, Some(yesterday)));
        assert_eq!(judged(table(), order), Err(Refusal::Order));
        let taken = change(table(), "ZZ", &table().entries[0].name, (TODAY, None));
        assert_eq!(judged(table(), taken), Err(Refusal::NameTaken));
        let orphan = below(change(regions(), "230199", "新区", (TODAY, None)), "999999");
        assert_eq!(judged(regions(), orphan), Err(Refusal::Parent));
        let circle = below(change(regions(), "230000", "黑龙江省", (TODAY, None)), "230100");
        assert_eq!(judged(regions(), circle), Err(Refusal::Circle));
        let with_children = change(regions(), "230000", "黑龙江省", (TODAY, Some(TODAY)));
        assert_eq!(judged(regions(), with_children), Err(Refusal::Children));
        let schools = codes::base("school_heilongjiang_detail").unwrap();
        let school = change(schools, "4123099999", "新学校", (TODAY, None));
        assert_eq!(judged(schools, school), Err(Refusal::Fixed));
        let fine = below(change(regions(), "230199", "新区", (TODAY, None)), "230100");
        assert_eq!(judged(regions(), fine), Ok(Kind::Added));
    }
}
