//! Hash chains: each step of a record's history carries a hash over itself and the step before, so that a change made
//! behind the service's back shows.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

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
}
