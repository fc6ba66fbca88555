//! Personal data at rest: sealed with AES-256-GCM-SIV under a named key, found by a keyed blind index.
//!
//! A sealed value carries the name of its key, so that keys can be changed: new values take the active key, old ones open
//! with theirs as long as it is in the settings. What a value belongs to goes in as associated data, so that a value moved
//! to another place does not open.

use std::{collections::BTreeMap, fmt};

use aes_gcm_siv::{
    Aes256GcmSiv, Nonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Length of every key, in bytes.
const KEY_LENGTH: usize = 32;
/// Length of a nonce, in bytes.
const NONCE_LENGTH: usize = 12;
/// Version of a sealed value's layout.
const LAYOUT: u8 = 1;
/// Name of the key that development runs on.
const DEVELOPMENT_KEY: &str = "development";

/// The master keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CryptoSettings {
    /// Allows the built-in key when no other is given. Everybody knows that key: never for real data.
    pub development: bool,
    /// Name of the key that seals; may be empty when there is only one.
    pub active: String,
    /// Keys by name, each 32 bytes in base64.
    pub keys: BTreeMap<String, SecretString>,
    /// Key of the blind indexes and tokens, 32 bytes in base64. It cannot be changed without computing the indexes anew.
    pub index_key: Option<SecretString>,
}

/// Why sealing or opening failed, or why the keys are no good.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CryptoError {
    /// No keys, and the built-in one is not allowed.
    #[error("crypto.keys and crypto.index_key are required unless crypto.development is true")]
    NoKeys,
    /// A key is not 32 bytes in base64, or is the built-in one.
    #[error("the key {0} must be 32 random bytes in base64")]
    BadKey(String),
    /// The active key is not among the keys.
    #[error("crypto.active must name one of crypto.keys")]
    NoActiveKey,
    /// The value's key is not in the settings.
    #[error("the value is sealed with a key that is not in crypto.keys")]
    UnknownKey,
    /// The value was changed, moved, or is none of ours.
    #[error("the value does not open")]
    Broken,
}

/// Seals and opens values, and computes blind indexes.
#[derive(Clone)]
pub struct Sealer {
    active: String,
    keys: BTreeMap<String, Aes256GcmSiv>,
    index_key: [u8; KEY_LENGTH],
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sealer")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer with the keys of the settings.
    ///
    /// # Errors
    /// When keys are missing or malformed, or the built-in key is used outside development.
    pub fn from_settings(settings: &CryptoSettings) -> Result<Self, CryptoError> {
        let mut keys = BTreeMap::new();
        for (name, secret) in &settings.keys {
            let key = read_key(name, secret, settings.development)?;
            keys.insert(name.clone(), cipher(&key)?);
        }
        if keys.is_empty() && settings.development {
            keys.insert(DEVELOPMENT_KEY.to_owned(), cipher(&development_key())?);
        }
        let index_key = match &settings.index_key {
            Some(secret) if !secret.expose_secret().is_empty() => {
                read_key("index_key", secret, settings.development)?
            }
            _ if settings.development => development_key(),
            _ => return Err(CryptoError::NoKeys),
        };
        let active = match (settings.active.as_str(), keys.keys().next()) {
            (_, None) => return Err(CryptoError::NoKeys),
            ("", Some(only)) if keys.len() == 1 => only.clone(),
            (name, _) if keys.contains_key(name) => name.to_owned(),
            _ => return Err(CryptoError::NoActiveKey),
        };
        Ok(Self {
            active,
            keys,
            index_key,
        })
    }

    /// Seals a value. `aad` says what it belongs to; the same must be given to open it.
    ///
    /// # Errors
    /// When the value is too long for the cipher; never for a record's field.
    pub fn seal(&self, plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let cipher = self.keys.get(&self.active).ok_or(CryptoError::UnknownKey)?;
        let name = self.active.as_bytes();
        let mut nonce = [0; NONCE_LENGTH];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = vec![
            LAYOUT,
            u8::try_from(name.len()).map_err(|_| CryptoError::NoActiveKey)?,
        ];
        sealed.extend_from_slice(name);
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

    /// Opens a sealed value.
    ///
    /// # Errors
    /// When its key is gone, or the value was changed or belongs elsewhere.
    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (name, nonce, text, head) = split(sealed).ok_or(CryptoError::Broken)?;
        let cipher = self.keys.get(name).ok_or(CryptoError::UnknownKey)?;
        let payload = Payload {
            msg: text,
            aad: &bind(head, aad),
        };
        cipher
            .decrypt(&Nonce::from(nonce), payload)
            .map_err(|_| CryptoError::Broken)
    }

    /// True when the value is sealed with another key than the active one, and should be sealed again.
    #[must_use]
    pub fn is_stale(&self, sealed: &[u8]) -> bool {
        split(sealed).is_none_or(|(name, ..)| name != self.active)
    }

    /// A keyed hash that finds equal values without showing them. `purpose` keeps indexes of different columns apart.
    #[must_use]
    pub fn blind_index(&self, purpose: &str, value: &str) -> Vec<u8> {
        let mut mac = self.mac();
        mac.update(&u64::try_from(purpose.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    fn mac(&self) -> Hmac<Sha256> {
        // HMAC takes keys of any length, so the key of a fixed length cannot be refused.
        use hmac::KeyInit as _;
        Hmac::<Sha256>::new(&self.index_key_block())
    }

    /// The index key padded to the block of SHA-256, as HMAC does it itself with short keys.
    fn index_key_block(&self) -> hmac::digest::Key<Hmac<Sha256>> {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        for (to, from) in block.iter_mut().zip(self.index_key) {
            *to = from;
        }
        block
    }
}

/// Name of the key, nonce, ciphertext, and the head before the nonce.
type Parts<'a> = (&'a str, [u8; NONCE_LENGTH], &'a [u8], &'a [u8]);

/// Splits a sealed value.
fn split(sealed: &[u8]) -> Option<Parts<'_>> {
    let (layout, rest) = sealed.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (nonce, text) = rest.split_at_checked(NONCE_LENGTH)?;
    let head = sealed.get(..2 + name.len())?;
    (*layout == LAYOUT).then_some(())?;
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

fn cipher(key: &[u8; KEY_LENGTH]) -> Result<Aes256GcmSiv, CryptoError> {
    Aes256GcmSiv::new_from_slice(key).map_err(|_| CryptoError::BadKey(String::new()))
}

fn read_key(name: &str, secret: &SecretString, development: bool) -> Result<[u8; KEY_LENGTH], CryptoError> {
    let bytes = STANDARD.decode(secret.expose_secret().trim()).ok();
    let key: Option<[u8; KEY_LENGTH]> = bytes.and_then(|bytes| bytes.try_into().ok());
    match key {
        Some(key) if development || key != development_key() => Ok(key),
        _ => Err(CryptoError::BadKey(name.to_owned())),
    }
}

fn development_key() -> [u8; KEY_LENGTH] {
    Sha256::digest(b"qihang development key: not for real data").into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> SecretString {
        STANDARD.encode([byte; KEY_LENGTH]).into()
    }

    fn settings(active: &str, names: &[(&str, u8)]) -> CryptoSettings {
        let keys = names
            .iter()
            .map(|(name, byte)| ((*name).to_owned(), key(*byte)))
            .collect();
        CryptoSettings {
            active: active.to_owned(),
            keys,
            index_key: Some(key(9)),
            ..CryptoSettings::default()
        }
    }

    #[test]
    fn old_values_open_after_a_change_of_key_and_not_without_it() {
        let old = Sealer::from_settings(&settings("", &[("a", 1)])).unwrap();
        let both = Sealer::from_settings(&settings("b", &[("a", 1), ("b", 2)])).unwrap();
        let new = Sealer::from_settings(&settings("", &[("b", 2)])).unwrap();
        let sealed = old.seal(b"230102", b"students.identity").unwrap();
        assert_eq!(both.open(&sealed, b"students.identity").unwrap(), b"230102");
        assert!(both.is_stale(&sealed));
        assert!(!both.is_stale(&both.seal(b"230102", b"").unwrap()));
        assert_eq!(
            new.open(&sealed, b"students.identity"),
            Err(CryptoError::UnknownKey)
        );
    }

    #[test]
    fn the_built_in_key_is_refused_outside_development() {
        assert_eq!(
            Sealer::from_settings(&CryptoSettings::default()).unwrap_err(),
            CryptoError::NoKeys
        );
        let development = CryptoSettings {
            development: true,
            ..CryptoSettings::default()
        };
        assert!(Sealer::from_settings(&development).is_ok());
        let mut copied = settings("a", &[("a", 1)]);
        copied
            .keys
            .insert("a".to_owned(), STANDARD.encode(development_key()).into());
        assert_eq!(
            Sealer::from_settings(&copied).unwrap_err(),
            CryptoError::BadKey("a".to_owned())
        );
        let two = settings("", &[("a", 1), ("b", 2)]);
        assert_eq!(Sealer::from_settings(&two).unwrap_err(), CryptoError::NoActiveKey);
    }

    #[test]
    fn an_index_depends_on_purpose_value_and_key() {
        let sealer = Sealer::from_settings(&settings("", &[("a", 1)])).unwrap();
        let index = sealer.blind_index("mobile", "13800000000");
        assert_eq!(index.len(), 32);
        assert_eq!(index, sealer.blind_index("mobile", "13800000000"));
        assert_ne!(index, sealer.blind_index("email", "13800000000"));
        assert_ne!(sealer.blind_index("ab", "c"), sealer.blind_index("a", "bc"));
    }

    /// The padding of the key is HMAC's own.
    #[test]
    fn the_padded_key_gives_plain_hmac() {
        use hmac::KeyInit as _;
        let sealer = Sealer::from_settings(&settings("", &[("a", 1)])).unwrap();
        let mut plain = Hmac::<Sha256>::new_from_slice(&[9; KEY_LENGTH]).unwrap();
        plain.update(&1_u64.to_be_bytes());
        plain.update(b"pv");
        assert_eq!(
            sealer.blind_index("p", "v"),
            plain.finalize().into_bytes().to_vec()
        );
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_only_in_its_place(plain in any::<Vec<u8>>(), aad in "[a-z.]{0,20}", at in any::<prop::sample::Index>()) {
            let sealer = Sealer::from_settings(&settings("", &[("a", 1)])).unwrap();
            let sealed = sealer.seal(&plain, aad.as_bytes()).unwrap();
            prop_assert_eq!(sealer.open(&sealed, aad.as_bytes()).unwrap(), plain);
            let elsewhere = [aad.as_bytes(), b"x"].concat();
            prop_assert!(sealer.open(&sealed, &elsewhere).is_err());
            let mut changed = sealed.clone();
            changed[at.index(sealed.len())] ^= 1;
            prop_assert!(sealer.open(&changed, aad.as_bytes()).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let sealer = Sealer::from_settings(&settings("", &[("a", 1)])).unwrap();
            prop_assert!(sealer.open(&bytes, b"").is_err());
        }
    }
}
