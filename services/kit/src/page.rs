//! Keyset pages: a token holds the last row's key and a hash of the filters, and never any authority.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::status::Fault;

/// Rows a page has when the caller does not say.
pub const DEFAULT_SIZE: i32 = 20;
/// Most rows a page may have; more is cut to this.
pub const MAX_SIZE: i32 = 100;

/// Version of the token's layout.
const LAYOUT: u8 = 1;
/// Bytes of the filters' hash in a token.
const HASH_LENGTH: usize = 8;
/// Longest token taken, in characters.
const MAX_TOKEN: usize = 2048;

/// One page as the caller asked for it.
#[derive(Debug)]
pub struct Query {
    size: usize,
    filters: [u8; HASH_LENGTH],
    after: Option<Vec<u8>>,
}

impl Query {
    /// Reads size and token. The filters must be those of the first page.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a negative size, a broken token, or a token of other filters.
    pub fn new(size: i32, token: &str, filters: &impl Serialize) -> Result<Self, Fault> {
        if size < 0 {
            return Err(Fault::invalid(
                "pageSize",
                "PAGE_SIZE_INVALID",
                "每页条数不能为负数",
            ));
        }
        let size = if size == 0 {
            DEFAULT_SIZE
        } else {
            size.min(MAX_SIZE)
        };
        let filters = hash(filters)?;
        let after = if token.is_empty() {
            None
        } else {
            Some(open(token, filters)?)
        };
        Ok(Self {
            size: usize::try_from(size).unwrap_or_default(),
            filters,
            after,
        })
    }

    /// The key of the last row of the page before; `None` for the first page.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the key in the token has another shape.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Fault> {
        self.after
            .as_deref()
            .map(|key| serde_json::from_slice(key).map_err(|_| invalid()))
            .transpose()
    }

    /// Rows to fetch: one more than the page, to know whether there is a next.
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::from(MAX_SIZE)) + 1
    }

    /// Cuts the extra row off and makes the next page's token; empty when this was the last page.
    #[must_use]
    pub fn finish<T, K: Serialize>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> (Vec<T>, String) {
        if rows.len() <= self.size {
            return (rows, String::new());
        }
        rows.truncate(self.size);
        let token = rows.last().map(|row| self.token(&key(row))).unwrap_or_default();
        (rows, token)
    }

    fn token(&self, key: &impl Serialize) -> String {
        let mut bytes = vec![LAYOUT];
        bytes.extend_from_slice(&self.filters);
        // A key is numbers and text of our own rows; it always serialises.
        bytes.extend_from_slice(&serde_json::to_vec(key).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn hash(filters: &impl Serialize) -> Result<[u8; HASH_LENGTH], Fault> {
    let text = serde_json::to_vec(filters).map_err(|error| Fault::internal(&error))?;
    let mut short = [0; HASH_LENGTH];
    for (to, from) in short.iter_mut().zip(Sha256::digest(text)) {
        *to = from;
    }
    Ok(short)
}

fn open(token: &str, filters: [u8; HASH_LENGTH]) -> Result<Vec<u8>, Fault> {
    if token.len() > MAX_TOKEN {
        return Err(invalid());
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let (layout, rest) = bytes.split_first().ok_or_else(invalid)?;
    let (hash, key) = rest.split_at_checked(HASH_LENGTH).ok_or_else(invalid)?;
    if *layout != LAYOUT {
        return Err(invalid());
    }
    if hash != filters {
        return Err(Fault::invalid(
            "pageToken",
            "PAGE_TOKEN_MISMATCH",
            "筛选条件已改变，请从第一页重新查询",
        ));
    }
    Ok(key.to_vec())
}

fn invalid() -> Fault {
    Fault::invalid(
        "pageToken",
        "PAGE_TOKEN_INVALID",
        "翻页标记无效，请从第一页重新查询",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_page_starts_after_the_last_row() {
        let first = Query::new(2, "", &"all").unwrap();
        let (rows, token) = first.finish(vec![1, 2, 3], |row| *row);
        assert_eq!(rows, [1, 2]);
        let second = Query::new(2, &token, &"all").unwrap();
        assert_eq!(second.after::<i32>().unwrap(), Some(2));
        assert_eq!(second.finish(vec![3], |row| *row), (vec![3], String::new()));
    }

    #[test]
    fn a_token_of_other_filters_is_refused() {
        let (_, token) = Query::new(1, "", &"a").unwrap().finish(vec![1, 2], |row| *row);
        assert_eq!(
            Query::new(1, &token, &"b").unwrap_err().reason(),
            "PAGE_TOKEN_MISMATCH"
        );
        assert!(Query::new(-1, "", &"a").is_err());
    }

    proptest! {
        #[test]
        fn no_token_panics(token in "\\PC{0,80}") {
            if let Ok(query) = Query::new(1, &token, &"a") {
                drop(query.after::<(String, i64)>());
            }
        }

        #[test]
        fn any_key_comes_back(key in any::<(String, i64)>()) {
            let (_, token) = Query::new(1, "", &"a").unwrap().finish(vec![key.clone(), key.clone()], Clone::clone);
            prop_assert_eq!(Query::new(1, &token, &"a").unwrap().after::<(String, i64)>().unwrap(), Some(key));
        }
    }
}
