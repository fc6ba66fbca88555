//! Tokens by which services know each other: HS256 under a shared secret, good for a minute.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::invalid;
use crate::{clock::Clock, settings::Secret, status::Fault};

const ISSUER: &str = "qihang";
const AUDIENCE: &str = "qihang-services";
const LIFETIME: i64 = 60;
/// A token is used again while it is good for at least this long.
const REUSE: i64 = 30;
/// Clocks of machines differ.
const LEEWAY: i64 = 10;

/// Makes and checks the tokens of services.
#[derive(Clone)]
pub struct PeerTokens(Arc<Inner>);

struct Inner {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    clock: Clock,
    latest: Mutex<Option<Latest>>,
}

struct Latest {
    subject: String,
    expires: i64,
    token: String,
}

#[derive(Serialize, Deserialize)]
struct PeerClaims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
}

impl PeerTokens {
    /// Tokens under a secret.
    #[must_use]
    pub fn new(secret: &Secret, clock: Clock) -> Self {
        let secret = secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Time is judged by the injected clock below.
        validation.validate_exp = false;
        Self(Arc::new(Inner {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            clock,
            latest: Mutex::new(None),
        }))
    }

    /// A token that says "I am `subject`".
    ///
    /// # Errors
    /// INTERNAL when it cannot be signed.
    pub fn issue(&self, subject: &str) -> Result<String, Fault> {
        let now = self.0.clock.now().unix_timestamp();
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let good = |latest: &&Latest| {
            latest.subject == subject && (REUSE..=LIFETIME).contains(&(latest.expires - now))
        };
        if let Some(latest) = latest.as_ref().filter(good) {
            return Ok(latest.token.clone());
        }
        let expires = now + LIFETIME;
        let claims = PeerClaims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: subject.into(),
            iat: now,
            exp: expires,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0.encoding)
            .map_err(|error| Fault::internal(&error))?;
        *latest = Some(Latest {
            subject: subject.to_owned(),
            expires,
            token: token.clone(),
        });
        Ok(token)
    }

    /// The service that a token names.
    ///
    /// # Errors
    /// UNAUTHENTICATED for a token that is false. UNAVAILABLE for one of another time: clocks differ, and nobody who is signed
    /// in should be told that they are not; a caller that meets it everywhere is not ready.
    pub fn verify(&self, token: &str) -> Result<String, Fault> {
        let claims = jsonwebtoken::decode::<PeerClaims>(token, &self.0.decoding, &self.0.validation)
            .map_err(|_| invalid())?
            .claims;
        let now = self.0.clock.now().unix_timestamp();
        if claims.exp - claims.iat > LIFETIME {
            return Err(invalid());
        }
        if claims.exp + LEEWAY < now || claims.iat - LEEWAY > now {
            tracing::warn!(
                peer = claims.sub,
                seconds = claims.iat - now,
                "a token of another time: clocks differ"
            );
            return Err(Fault::unavailable(
                "CLOCKS_DIFFER",
                "系统时间不一致，请稍后再试。",
            ));
        }
        Ok(claims.sub)
    }
}

impl fmt::Debug for PeerTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PeerTokens")
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    #[test]
    fn a_token_names_its_service_for_a_minute_under_the_same_secret() {
        let (clock, time) = Clock::fake(datetime!(2026-06-01 08:00 UTC));
        let tokens = PeerTokens::new(&Secret::from("a".repeat(32)), clock.clone());
        let token = tokens.issue("contracts").unwrap();
        assert_eq!(tokens.verify(&token).unwrap(), "contracts");
        assert_eq!(tokens.issue("contracts").unwrap(), token);
        assert_ne!(tokens.issue("identity").unwrap(), token);
        assert!(
            PeerTokens::new(&Secret::from("b".repeat(32)), clock)
                .verify(&token)
                .is_err()
        );
        time.advance(Duration::seconds(LIFETIME + LEEWAY + 1));
        assert_eq!(tokens.verify(&token).unwrap_err().reason(), "CLOCKS_DIFFER");
        assert_ne!(tokens.issue("identity").unwrap(), token);
    }
}
