//! Ids and random tokens, injected so that no other code reaches for randomness.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use uuid::Uuid;

/// Makes ids and tokens.
#[derive(Clone, Debug)]
pub struct Ids(());

impl Ids {
    /// Ids from the operating system's randomness.
    #[must_use]
    pub fn random() -> Self {
        Self(())
    }

    /// A new UUIDv7: random, and rising with time so that indexes stay compact.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
        Uuid::now_v7()
    }

    /// Random bytes for keys, nonces and salts.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }

    /// A secret of `length` random bytes as base64url without padding.
    #[must_use]
    pub fn token(&self, length: usize) -> String {
        let mut bytes = vec![0; length];
        rand::rng().fill_bytes(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}
