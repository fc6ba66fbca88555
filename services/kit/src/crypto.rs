//! Personal data at rest: sealed with AES-256-GCM-SIV, found by a keyed blind index.
//!
//! The keys are in an envelope. Values are sealed under a data key of the service's own table, and each data key is sealed
//! ("wrapped") under a master key of the settings. A sealed value carries the name of its key, so that both kinds can be
//! changed: a new master key means wrapping a few data keys anew, a new data key means that [`reseal`] goes over the rows.
//! What a value belongs to goes in as associated data, so that a value moved to another place does not open.

mod cipher;
pub mod data_keys;
pub mod reseal;

use std::{collections::BTreeMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use self::cipher::{KEY_LENGTH, Key, Layout, NamedKeys};

/// Name of the key that development runs on.
const DEVELOPMENT_KEY: &str = "development";

/// The master keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CryptoSettings {
    /// Allows the built-in key when no other is given. Everybody knows that key: never for real data.
    pub development: bool,
    /// Name of the key that wraps; may be empty when there is only one.
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
    /// The value's key is neither in the settings nor among the data keys.
    #[error("the value is sealed with a key that is not there")]
    UnknownKey,
    /// The value was changed, moved, or is none of ours.
    #[error("the value does not open")]
    Broken,
}

/// Seals and opens values, and computes blind indexes. Clones share the data keys.
#[derive(Clone)]
pub struct Sealer {
    masters: Arc<NamedKeys>,
    data: Arc<ArcSwap<NamedKeys>>,
    index_key: Key,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sealer")
            .field("active", &self.data.load().active())
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer with the master keys of the settings and the data keys of the service's table; the first one makes the
    /// first data key.
    ///
    /// # Errors
    /// When master keys are missing or malformed, or the built-in key is used outside development; when a data key does
    /// not open with any of them; the database's.
    pub async fn load(settings: &CryptoSettings, pool: &sqlx::PgPool) -> anyhow::Result<Self> {
        let sealer = Self::with(settings, NamedKeys::default())?;
        data_keys::begin(&sealer, pool).await?;
        Ok(sealer)
    }

    /// A sealer whose one data key is kept nowhere.
    ///
    /// # Errors
    /// As [`Sealer::load`], but for the database's.
    #[cfg(any(test, feature = "testing"))]
    pub fn in_memory(settings: &CryptoSettings) -> Result<Self, CryptoError> {
        let mut data = NamedKeys::default();
        data.add("memory", &cipher::new_key())?;
        data.activate("memory")?;
        Self::with(settings, data)
    }

    fn with(settings: &CryptoSettings, data: NamedKeys) -> Result<Self, CryptoError> {
        let index_key = match &settings.index_key {
            Some(secret) if !secret.expose_secret().is_empty() => {
                read_key("index_key", secret, settings.development)?
            }
            _ if settings.development => development_key(),
            _ => return Err(CryptoError::NoKeys),
        };
        Ok(Self {
            masters: Arc::new(master_keys(settings)?),
            data: Arc::new(ArcSwap::from_pointee(data)),
            index_key,
        })
    }

    /// Seals a value. `aad` says what it belongs to; the same must be given to open it.
    ///
    /// # Errors
    /// When the value is too long for the cipher; never for a record's field.
    pub fn seal(&self, plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.data.load().seal(Layout::Data, plain, aad)
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// When its key is gone, or the value was changed or belongs elsewhere.
    pub fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match cipher::layout(sealed) {
            Some(Layout::Data) => self.data.load().open(sealed, aad),
            // From before there were data keys.
            Some(Layout::Master) => self.masters.open(sealed, aad),
            None => Err(CryptoError::Broken),
        }
    }

    /// True when the value is sealed with another key than the active one, and should be sealed again.
    #[must_use]
    pub fn is_stale(&self, sealed: &[u8]) -> bool {
        !sealed.starts_with(&self.head())
    }

    /// How values begin that are sealed with the active key.
    fn head(&self) -> Vec<u8> {
        cipher::head(Layout::Data, self.data.load().active())
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

fn master_keys(settings: &CryptoSettings) -> Result<NamedKeys, CryptoError> {
    let mut keys = NamedKeys::default();
    for (name, secret) in &settings.keys {
        keys.add(name, &read_key(name, secret, settings.development)?)?;
    }
    if settings.keys.is_empty() && settings.development {
        keys.add(DEVELOPMENT_KEY, &development_key())?;
    }
    match (settings.active.as_str(), keys.only()) {
        ("", Some(only)) => keys.activate(&only)?,
        ("", None) if settings.keys.is_empty() => return Err(CryptoError::NoKeys),
        (name, _) => keys.activate(name)?,
    }
    Ok(keys)
}

fn read_key(name: &str, secret: &SecretString, development: bool) -> Result<Key, CryptoError> {
    let bytes = STANDARD.decode(secret.expose_secret().trim()).ok();
    let key: Option<Key> = bytes.and_then(|bytes| bytes.try_into().ok());
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

    /// What a master key sealed before there were data keys.
    #[test]
    fn old_values_open_with_their_master_key_and_not_without_it() {
        let old = master_keys(&settings("", &[("a", 1)])).unwrap();
        let sealed = old.seal(Layout::Master, b"230102", b"students.identity").unwrap();
        let both = Sealer::in_memory(&settings("b", &[("a", 1), ("b", 2)])).unwrap();
        assert_eq!(both.open(&sealed, b"students.identity").unwrap(), b"230102");
        assert!(both.is_stale(&sealed));
        assert!(!both.is_stale(&both.seal(b"230102", b"").unwrap()));
        let new = Sealer::in_memory(&settings("", &[("b", 2)])).unwrap();
        assert_eq!(
            new.open(&sealed, b"students.identity"),
            Err(CryptoError::UnknownKey)
        );
    }

    #[test]
    fn the_built_in_key_is_refused_outside_development() {
        assert_eq!(
            Sealer::in_memory(&CryptoSettings::default()).unwrap_err(),
            CryptoError::NoKeys
        );
        let development = CryptoSettings {
            development: true,
            ..CryptoSettings::default()
        };
        assert!(Sealer::in_memory(&development).is_ok());
        let mut copied = settings("a", &[("a", 1)]);
        copied
            .keys
            .insert("a".to_owned(), STANDARD.encode(development_key()).into());
        assert_eq!(
            Sealer::in_memory(&copied).unwrap_err(),
            CryptoError::BadKey("a".to_owned())
        );
        let two = settings("", &[("a", 1), ("b", 2)]);
        assert_eq!(Sealer::in_memory(&two).unwrap_err(), CryptoError::NoActiveKey);
    }

    #[test]
    fn an_index_depends_on_purpose_value_and_key() {
        let sealer = Sealer::in_memory(&settings("", &[("a", 1)])).unwrap();
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
        let sealer = Sealer::in_memory(&settings("", &[("a", 1)])).unwrap();
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
            let sealer = Sealer::in_memory(&settings("", &[("a", 1)])).unwrap();
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
            let sealer = Sealer::in_memory(&settings("", &[("a", 1)])).unwrap();
            prop_assert!(sealer.open(&bytes, b"").is_err());
        }
    }
}
