//! Changes of code tables that the province published, laid over the tables of the binary.
//!
//! A process has one set of tables. Who knows of changes installs them; readers keep what they hold. Tables are leaked
//! when they change, which is a few times a year, so that readers may hold their texts for ever.

use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::{Dictionary, Entry, FILES};

/// What a code means from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table's name.
    pub table: String,
    /// The entry.
    pub entry: Entry,
}

/// The tables in force, by name, and what they were made of.
struct Installed {
    tables: Vec<&'static Dictionary>,
    changes: Vec<Change>,
}

static INSTALLED: LazyLock<RwLock<Arc<Installed>>> = LazyLock::new(|| {
    RwLock::new(Arc::new(Installed {
        tables: super::BASE.iter().collect(),
        changes: Vec::new(),
    }))
});

fn installed() -> Arc<Installed> {
    INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Every table in force, by name.
pub(super) fn tables() -> Vec<&'static Dictionary> {
    installed().tables.clone()
}

/// The table in force of a name.
pub(super) fn table(name: &str) -> Option<&'static Dictionary> {
    installed()
        .tables
        .iter()
        .copied()
        .find(|table| table.name == name)
}

/// Lays these changes, and no others, over the tables of the binary; true when that was another set than before.
pub fn install(changes: &[Change]) -> bool {
    let before = installed();
    if before.changes == changes {
        return false;
    }
    let tables = FILES.iter().filter_map(|(name, _)| {
        let of = |changes: &[Change]| -> Vec<Change> {
            let mine = changes.iter().filter(|change| change.table == *name);
            mine.cloned().collect()
        };
        let (old, new) = (of(&before.changes), of(changes));
        if old == new {
            return table(name);
        }
        let base = super::base(name)?;
        if new.is_empty() {
            return Some(base);
        }
        Some(&*Box::leak(Box::new(changed(base, new))))
    });
    let next = Arc::new(Installed {
        tables: tables.collect(),
        changes: changes.to_vec(),
    });
    *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = next;
    true
}

/// A table with changes: an entry of a known code takes its place, others come after.
fn changed(base: &Dictionary, changes: Vec<Change>) -> Dictionary {
    let mut entries = base.entries.clone();
    for Change { entry, .. } in changes {
        match entries.iter_mut().find(|known| known.code == entry.code) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }
    Dictionary::new(base.name, base.title.clone(), base.version.clone(), entries)
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};

    fn change(table: &str, code: &str, name: &str, ended: bool) -> Change {
        Change {
            table: table.to_owned(),
            entry: Entry {
                code: code.to_owned(),
                name: name.to_owned(),
                parent: None,
                attributes: Vec::new(),
                ended,
            },
        }
    }

    /// One test: the tables belong to the process.
    #[test]
    fn changes_are_laid_over_the_tables_and_taken_off_again() {
        let held = dictionary("ethnic").unwrap();
        let changes = [
            change("ethnic", "77", "新民族", false),
            change("ethnic", "02", "蒙古族", true),
            change("gender", "1", "男性", false),
        ];
        assert!(install(&changes));
        assert!(!install(&changes));
        assert!(in_force("ethnic", "77") && in_force("ethnic", "01"));
        assert_eq!(code_of("ethnic", "新民族"), Some("77"));
        // What has ended is not taken any more, and old records still say what it means.
        assert!(!in_force("ethnic", "02"));
        assert_eq!(code_of("ethnic", "蒙古族"), None);
        assert_eq!(name("ethnic", "02"), Some("蒙古族"));
        assert_eq!(name("gender", "1"), Some("男性"));
        assert_eq!(code_of("gender", "男"), None);
        assert!(held.entry("77").is_none(), "a table that is held stays as it was");
        let training = dictionary("training_mode").unwrap();
        assert!(install(&changes[..1]));
        assert!(std::ptr::eq(training, dictionary("training_mode").unwrap()));
        assert!(in_force("ethnic", "02"));
        assert!(install(&[]));
        assert!(!in_force("ethnic", "77"));
    }
}
