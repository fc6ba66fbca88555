//! A signing key as identity has one, for tests of the others.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::JwkSet};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use time::{Duration, OffsetDateTime};

use crate::{
    auth::{Claims, Principal},
    ids::Ids,
};

/// What stands before the seed in an unencrypted PKCS#8 document of an Ed25519 key (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A key pair and its published half.
#[derive(Clone)]
pub struct TestKeys {
    id: String,
    signing: Arc<EncodingKey>,
    set: JwkSet,
}

impl Default for TestKeys {
    fn default() -> Self {
        Self::new("test")
    }
}

impl TestKeys {
    /// A fresh key with this id.
    ///
    /// # Panics
    /// Never: every seed is a key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "tests")]
    pub fn new(id: &str) -> Self {
        let seed: [u8; 32] = Ids::random().bytes();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("any seed is a key");
        let key = serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": id,
            "x": URL_SAFE_NO_PAD.encode(pair.public_key()),
        });
        let set = serde_json::from_value(serde_json::json!({ "keys": [key] })).expect("a key set");
        let signing = Arc::new(EncodingKey::from_ed_der(&[PKCS8.as_slice(), &seed].concat()));
        Self {
            id: id.to_owned(),
            signing,
            set,
        }
    }

    /// The published half.
    #[must_use]
    pub fn set(&self) -> JwkSet {
        self.set.clone()
    }

    /// An access token, good for 15 minutes from `now`.
    #[must_use]
    pub fn token(&self, principal: &Principal, now: OffsetDateTime) -> String {
        self.sign(&Claims::new(
            principal,
            "qihang",
            "qihang",
            now,
            Duration::minutes(15),
        ))
    }

    /// A token with any claims.
    ///
    /// # Panics
    /// When the claims are no JSON.
    #[must_use]
    #[expect(clippy::expect_used, reason = "tests")]
    pub fn sign(&self, claims: &impl serde::Serialize) -> String {
        let header = Header {
            kid: Some(self.id.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, &self.signing).expect("claims are JSON")
    }
}
