//! Keys by name, and the layout of what they seal: layout, length of the key's name, name, nonce, ciphertext.

use std::collections::BTreeMap;

use aes_gcm_siv::{
    Aes256GcmSiv, Nonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use rand::Rng as _;

use super::CryptoError;

/// Length of every key, in bytes.
pub(super) const KEY_LENGTH: usize = 32;
/// Length of a nonce, in bytes.
const NONCE_LENGTH: usize = 12;

/// The bytes of a key.
pub(super) type Key = [u8; KEY_LENGTH];

/// What kind of key sealed a value: its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// A master key of the settings.
    Master = 1,
    /// A data key.
    Data = 2,
}

/// The layout of a sealed value; none when it is none of ours.
pub(super) fn layout(sealed: &[u8]) -> Option<Layout> {
    match sealed.first() {
        Some(1) => Some(Layout::Master),
        Some(2) => Some(Layout::Data),
        _ => None,
    }
}

/// How a value begins that a key of this name seals.
pub(super) fn head(layout: Layout, name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    [&[layout as u8, length], name.as_bytes()].concat()
}

/// A new key from the system's randomness.
pub(super) fn new_key() -> Key {
    let mut key = [0; KEY_LENGTH];
    rand::rng().fill_bytes(&mut key);
    key
}

/// Ciphers by the names of their keys, one of which seals.
#[derive(Default)]
pub(super) struct NamedKeys {
    active: String,
    ciphers: BTreeMap<String, Aes256GcmSiv>,
}

impl NamedKeys {
    /// Adds a key.
    pub(super) fn add(&mut self, name: &str, key: &Key) -> Result<(), CryptoError> {
        let bad = || CryptoError::BadKey(name.to_owned());
        if name.is_empty() || name.len() > usize::from(u8::MAX) {
            return Err(bad());
        }
        let cipher = Aes256GcmSiv::new_from_slice(key).map_err(|_| bad())?;
        self.ciphers.insert(name.to_owned(), cipher);
        Ok(())
    }

    /// Lets a key seal.
    pub(super) fn activate(&mut self, name: &str) -> Result<(), CryptoError> {
        if !self.ciphers.contains_key(name) {
            return Err(CryptoError::NoActiveKey);
        }
        name.clone_into(&mut self.active);
        Ok(())
    }

    /// Name of the key that seals.
    pub(super) fn active(&self) -> &str {
        &self.active
    }

    /// The one key's name, when there is one only.
    pub(super) fn only(&self) -> Option<String> {
        let mut names = self.ciphers.keys();
        let first = names.next()?;
        names.next().is_none().then(|| first.clone())
    }

    pub(super) fn seal(&self, layout: Layout, plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let cipher = self.ciphers.get(&self.active).ok_or(CryptoError::UnknownKey)?;
        let mut nonce = [0; NONCE_LENGTH];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = head(layout, &self.active);
        let bound = bind(&sealed, aad);
        sealed.extend_from_slice(&nonce);
        let payload = Payload {
            msg: plain,
            aad: &bound,
        };
        sealed.extend(
            cipher
                .encrypt(&Nonce::from(nonce), payload)
                .map_err(|_| CryptoError::Broken)?,
        );
        Ok(sealed)
    }

    pub(super) fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (name, nonce, text, head) = split(sealed).ok_or(CryptoError::Broken)?;
        let cipher = self.ciphers.get(name).ok_or(CryptoError::UnknownKey)?;
        let payload = Payload {
            msg: text,
            aad: &bind(head, aad),
        };
        cipher
            .decrypt(&Nonce::from(nonce), payload)
            .map_err(|_| CryptoError::Broken)
    }
}

/// Name of the key, nonce, ciphertext, and the head before the nonce.
type Parts<'a> = (&'a str, [u8; NONCE_LENGTH], &'a [u8], &'a [u8]);

/// Splits a sealed value.
fn split(sealed: &[u8]) -> Option<Parts<'_>> {
    let (_, rest) = sealed.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (nonce, text) = rest.split_at_checked(NONCE_LENGTH)?;
    let head = sealed.get(..2 + name.len())?;
    Some((
        std::str::from_utf8(name).ok()?,
        nonce.try_into().ok()?,
        text,
        head,
    ))
}

/// Head and place together; the head's length is in itself, so that no two pairs give the same bytes.
fn bind(head: &[u8], aad: &[u8]) -> Vec<u8> {
    [head, aad].concat()
}
