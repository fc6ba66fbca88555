//! Checks access tokens: EdDSA only, by a key of identity's set, with every time judged by the injected clock.

use std::{collections::HashMap, fmt, sync::Arc};

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind, jwk::JwkSet};
use moka::future::Cache;
use qihang_proto::identity::v1::{GetJwksRequest, directory_service_client::DirectoryServiceClient};
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::{Claims, Principal, expired, invalid};
use crate::{client::Channels, clock::Clock, settings::AuthSettings, status::Fault};

/// An unknown key id makes us ask again, but not more often than this.
const ASK_AGAIN: Duration = Duration::seconds(10);
/// The same while we have no keys at all.
const ASK_AGAIN_EMPTY: Duration = Duration::milliseconds(500);
/// Keys are asked for again after this, so that a withdrawn one stops working.
const RENEW: Duration = Duration::seconds(300);
/// Clocks of machines differ: leeway for `nbf` and `iat`. None for `exp`.
const LEEWAY: i64 = 5;
/// No access token is this long.
const LONGEST: usize = 4096;
/// Verified tokens that are remembered, since a signature costs more than all other checks together.
const REMEMBERED: u64 = 20_000;

/// Where the public keys come from.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The present key set.
    async fn fetch(&self) -> anyhow::Result<JwkSet>;
}

/// Keys that never change; for tests.
pub struct FixedKeys(pub JwkSet);

/// Keys of identity.
pub struct DirectoryKeys(pub Channels);

/// Checks access tokens.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    source: Box<dyn KeySource>,
    clock: Clock,
    validation: Validation,
    keys: ArcSwapOption<Keys>,
    asked: Mutex<Option<OffsetDateTime>>,
    verified: Cache<String, Arc<Verified>>,
}

struct Keys {
    by_id: HashMap<String, DecodingKey>,
    fetched: OffsetDateTime,
}

struct Verified {
    principal: Principal,
    not_before: i64,
    expires: i64,
}

#[async_trait]
impl KeySource for FixedKeys {
    async fn fetch(&self) -> anyhow::Result<JwkSet> {
        Ok(self.0.clone())
    }
}

#[async_trait]
impl KeySource for DirectoryKeys {
    async fn fetch(&self) -> anyhow::Result<JwkSet> {
        let mut client = DirectoryServiceClient::new(self.0.get("identity"));
        let answer = client
            .get_jwks(GetJwksRequest {})
            .await
            .context("identity did not answer")?;
        serde_json::from_str(&answer.into_inner().jwks_json).context("identity answered no key set")
    }
}

impl Verifier {
    /// A verifier with its source of keys, which is asked when the first token comes.
    #[must_use]
    pub fn new(source: impl KeySource, settings: &AuthSettings, clock: Clock) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Time is judged by the injected clock below.
        validation.validate_exp = false;
        Self(Arc::new(Inner {
            source: Box::new(source),
            clock,
            validation,
            keys: ArcSwapOption::empty(),
            asked: Mutex::new(None),
            verified: Cache::new(REMEMBERED),
        }))
    }

    /// Who a token is for.
    ///
    /// # Errors
    /// UNAUTHENTICATED with TOKEN_INVALID or TOKEN_EXPIRED; UNAVAILABLE while there are no keys.
    pub async fn verify(&self, token: &str) -> Result<Principal, Fault> {
        if token.len() > LONGEST {
            return Err(invalid());
        }
        self.renew().await;
        let verified = match self.0.verified.get(token).await {
            Some(verified) => verified,
            None => {
                let verified = Arc::new(self.check(token).await?);
                self.0.verified.insert(token.to_owned(), verified.clone()).await;
                verified
            }
        };
        let now = self.0.clock.now().unix_timestamp();
        if now >= verified.expires {
            self.0.verified.invalidate(token).await;
            return Err(expired());
        }
        if now + LEEWAY < verified.not_before {
            return Err(invalid());
        }
        Ok(verified.principal.clone())
    }

    /// The time that tokens are judged by.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.0.clock.now()
    }

    async fn check(&self, token: &str) -> Result<Verified, Fault> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
        if header.alg != Algorithm::EdDSA {
            return Err(invalid());
        }
        let key_id = header.kid.ok_or_else(invalid)?;
        let keys = self.keys_with(&key_id).await?;
        let key = keys.by_id.get(&key_id).ok_or_else(invalid)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.0.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => expired(),
                _ => invalid(),
            })?
            .claims;
        let (not_before, expires) = (claims.nbf.max(claims.iat), claims.exp);
        // Only the suite itself calls as a service, and by another token.
        if claims.role == super::Role::Service {
            return Err(invalid());
        }
        Ok(Verified {
            principal: claims.into(),
            not_before,
            expires,
        })
    }

    /// The keys, asked for again when this id is not among them.
    async fn keys_with(&self, key_id: &str) -> Result<Arc<Keys>, Fault> {
        let knows = |keys: &Arc<Keys>| keys.by_id.contains_key(key_id);
        if let Some(keys) = self.0.keys.load_full().filter(knows) {
            return Ok(keys);
        }
        self.ask().await;
        let none = || Fault::unavailable("KEYS_UNAVAILABLE", "暂时无法验证登录信息，请稍后再试。");
        self.0.keys.load_full().ok_or_else(none)
    }

    /// Asks for old keys again; the old ones stay when nobody answers.
    async fn renew(&self) {
        if self
            .0
            .keys
            .load()
            .as_ref()
            .is_some_and(|keys| self.0.clock.now() - keys.fetched > RENEW)
        {
            self.ask().await;
        }
    }

    async fn ask(&self) {
        // One asks, the others wait for the answer.
        let mut asked = self.0.asked.lock().await;
        let pause = if self.0.keys.load().is_some() {
            ASK_AGAIN
        } else {
            ASK_AGAIN_EMPTY
        };
        let now = self.0.clock.now();
        if asked.is_some_and(|asked| now - asked < pause) {
            return;
        }
        match self.0.source.fetch().await {
            Ok(set) => {
                self.0.keys.store(Some(Arc::new(Keys {
                    by_id: decoding_keys(&set),
                    fetched: now,
                })));
                self.0.verified.invalidate_all();
            }
            Err(error) => tracing::warn!(error = %format!("{error:#}"), "no keys for access tokens"),
        }
        *asked = Some(now);
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Verifier")
    }
}

/// Keys of a set that are Ed25519 and have an id; others are not ours.
fn decoding_keys(set: &JwkSet) -> HashMap<String, DecodingKey> {
    let keys = set.keys.iter().filter_map(|key| {
        let id = key.common.key_id.clone()?;
        let decoding = DecodingKey::from_jwk(key).ok()?;
        matches!(
            key.algorithm,
            jsonwebtoken::jwk::AlgorithmParameters::OctetKeyPair(_)
        )
        .then_some((id, decoding))
    });
    keys.collect()
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
