//! Hash chains: each step of a record's history carries a hash over itself and the step before, so that a change made
//! behind the service's back shows.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

/// Length of a link, in bytes.
pub const LENGTH: usize = 32;

/// SHA-256 over the hash before (none for the first step) and the canonical JSON of the step: keys sorted, no blanks.
#[must_use]
pub fn next_hash(previous: Option<&[u8]>, step: &impl Serialize) -> [u8; LENGTH] {
    let mut hasher = Sha256::new();
    hasher.update(previous.unwrap_or_default());
    hasher.update(canonical(step).as_bytes());
    hasher.finalize().into()
}

/// The canonical JSON of a value.
#[must_use]
pub fn canonical(value: &impl Serialize) -> String {
    let mut value = serde_json::to_value(value).unwrap_or(Value::Null);
    value.sort_all_objects();
    value.to_string()
}

/// One kind of chains that a service keeps.
#[async_trait]
pub trait Chains: Send + Sync + 'static {
    /// The table that they are in.
    fn name(&self) -> &'static str;

    /// Checks all of them, as they are at one instant.
    ///
    /// # Errors
    /// The database's; a break is no error but part of the report.
    async fn verify(&self, pool: &PgPool) -> anyhow::Result<Report>;
}

/// Checks the chains of a service: a line for each kind, and whether all are whole.
///
/// # Errors
/// The database's.
pub async fn verify(chains: &[Arc<dyn Chains>], pool: &PgPool) -> anyhow::Result<(Vec<String>, bool)> {
    let (mut lines, mut whole) = (Vec::new(), true);
    for chains in chains {
        let report = chains.verify(pool).await?;
        whole &= report.first_break.is_none();
        lines.push(format!("{}: {report}", chains.name()));
    }
    Ok((lines, whole))
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Links that fit.
    pub links: u64,
    /// The first that does not, in words; the check ends there.
    pub first_break: Option<String>,
    /// The last link of a chain that is one for all.
    pub head: Option<String>,
}

/// A link as it is kept.
#[derive(Debug, Clone)]
pub struct Link<'a> {
    /// What tells chains of one table apart.
    pub chain: String,
    /// Its number in the chain, from 1.
    pub sequence: i64,
    /// The hash beside it.
    pub hash: &'a [u8],
}

/// Checks links, chain after chain, each in the order of its numbers.
#[derive(Debug, Default)]
pub struct Checker {
    chain: Option<String>,
    sequence: i64,
    hash: Option<Vec<u8>>,
    report: Report,
}

impl Checker {
    /// A check of one chain whose links up to a number were deleted when their time was over.
    #[must_use]
    pub fn after(sequence: i64, hash: Option<&[u8]>) -> Self {
        Self {
            sequence,
            hash: hash.map(<[u8]>::to_vec),
            ..Self::default()
        }
    }

    /// Checks the next link; false when it does not fit the one before.
    pub fn check(&mut self, link: &Link<'_>, step: &impl Serialize) -> bool {
        if self.chain.as_ref().is_some_and(|chain| *chain != link.chain) {
            (self.sequence, self.hash) = (0, None);
        }
        self.chain = Some(link.chain.clone());
        let due = self.sequence + 1;
        if link.sequence != due {
            return self.fail(format!("{}: link {due} is missing", link.chain));
        }
        if next_hash(self.hash.as_deref(), step) != link.hash {
            return self.fail(format!("{}: link {due} is not as it was written", link.chain));
        }
        self.sequence = due;
        self.hash = Some(link.hash.to_vec());
        self.report.links += 1;
        true
    }

    /// Compares the end of a chain with the head that is kept apart from it.
    pub fn end(&mut self, chain: &str, sequence: i64, hash: &[u8]) {
        let fits = self.sequence == sequence && self.hash.as_deref().unwrap_or_default() == hash;
        if fits {
            self.report.head = Some(format!("{sequence} {}", hex::encode(hash)));
        } else {
            self.fail(format!(
                "{chain}: ends at link {} and not at its head, {sequence}",
                self.sequence
            ));
        }
    }

    /// What was found.
    #[must_use]
    pub fn report(self) -> Report {
        self.report
    }

    fn fail(&mut self, what: String) -> bool {
        self.report.first_break.get_or_insert(what);
        false
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} links verified", self.links)?;
        if let Some(head) = &self.head {
            write!(formatter, ", head {head}")?;
        }
        match &self.first_break {
            Some(found) => write!(formatter, ", BROKEN at {found}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter_and_every_value_does() {
        let first = next_hash(None, &json!({"a": 1, "b": {"d": 2, "c": 3}}));
        assert_eq!(first, next_hash(None, &json!({"b": {"c": 3, "d": 2}, "a": 1})));
        assert_ne!(first, next_hash(None, &json!({"b": {"c": 3, "d": 4}, "a": 1})));
        assert_ne!(
            first,
            next_hash(Some(&first), &json!({"a": 1, "b": {"d": 2, "c": 3}}))
        );
    }

    /// Hashes of steps, as a chain keeps them.
    fn chain(steps: &[&str]) -> Vec<[u8; LENGTH]> {
        let mut hashes = Vec::<[u8; LENGTH]>::new();
        for step in steps {
            hashes.push(next_hash(hashes.last().map(<[u8; LENGTH]>::as_slice), step));
        }
        hashes
    }

    fn check(links: &[(&str, i64, &str, [u8; LENGTH])]) -> Report {
        let mut checker = Checker::default();
        let _ = links.iter().all(|(chain, sequence, step, hash)| {
            let link = Link {
                chain: (*chain).to_owned(),
                sequence: *sequence,
                hash,
            };
            checker.check(&link, step)
        });
        checker.report()
    }

    #[test]
    fn whole_chains_verify_one_after_another() {
        let (a, b) = (chain(&["x", "y"]), chain(&["z"]));
        let report = check(&[("a", 1, "x", a[0]), ("a", 2, "y", a[1]), ("b", 1, "z", b[0])]);
        assert_eq!((report.links, report.first_break), (3, None));
    }

    #[test]
    fn a_changed_a_deleted_and_a_swapped_link_show() {
        let a = chain(&["x", "y", "z"]);
        let changed = check(&[("a", 1, "x", a[0]), ("a", 2, "?", a[1]), ("a", 3, "z", a[2])]);
        assert_eq!(changed.links, 1);
        assert_eq!(
            changed.first_break.as_deref(),
            Some("a: link 2 is not as it was written")
        );
        let deleted = check(&[("a", 1, "x", a[0]), ("a", 3, "z", a[2])]);
        assert_eq!(deleted.first_break.as_deref(), Some("a: link 2 is missing"));
        let renumbered = check(&[("a", 1, "x", a[0]), ("a", 2, "z", a[2])]);
        assert!(renumbered.first_break.is_some());
        let swapped = check(&[("a", 1, "y", a[1]), ("a", 2, "x", a[0])]);
        assert!(swapped.first_break.is_some());
    }

    #[test]
    fn a_purged_beginning_is_no_break_and_a_missing_end_is() {
        let a = chain(&["x", "y", "z"]);
        let rest = |end: usize| {
            let mut checker = Checker::after(1, Some(&a[0]));
            let link = Link {
                chain: "a".to_owned(),
                sequence: 2,
                hash: &a[1],
            };
            assert!(checker.check(&link, &"y"));
            checker.end("a", i64::try_from(end).unwrap() + 1, &a[end]);
            checker.report()
        };
        assert_eq!(rest(1).first_break, None);
        assert!(rest(1).head.is_some());
        assert!(rest(2).first_break.is_some());
    }
}
