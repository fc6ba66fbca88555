//! Tests of the verifier.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use time::macros::datetime;

use super::*;
use crate::{
    clock::FakeClock,
    settings::Common,
    testing::{TestKeys, student},
};

struct Changing {
    sets: Vec<JwkSet>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl KeySource for Changing {
    async fn fetch(&self) -> anyhow::Result<JwkSet> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        self.sets
            .get(turn.min(self.sets.len() - 1))
            .cloned()
            .context("no keys")
    }
}

fn verifier(source: impl KeySource) -> (Verifier, FakeClock) {
    let (clock, time) = Clock::fake(datetime!(2026-06-01 08:00 UTC));
    (
        Verifier::new(source, &Common::embedded().unwrap().auth, clock),
        time,
    )
}

async fn refusal(verifier: &Verifier, token: &str) -> &'static str {
    verifier.verify(token).await.unwrap_err().reason()
}

#[tokio::test]
async fn a_token_tells_who_is_signed_in_until_it_expires() {
    let keys = TestKeys::default();
    let (verifier, time) = verifier(FixedKeys(keys.set()));
    let who = student("4123010213", uuid::Uuid::nil());
    let token = keys.token(&who, time.now());
    assert_eq!(verifier.verify(&token).await.unwrap(), who);
    assert_eq!(verifier.verify(&token).await.unwrap(), who, "from memory");
    time.advance(time::Duration::minutes(15));
    assert_eq!(refusal(&verifier, &token).await, "TOKEN_EXPIRED");
    assert_eq!(refusal(&verifier, &token).await, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn tokens_that_are_not_wholly_ours_are_refused() {
    let keys = TestKeys::default();
    let (verifier, time) = verifier(FixedKeys(keys.set()));
    let claims = Claims::new(
        &student("4123010213", uuid::Uuid::nil()),
        "qihang",
        "qihang",
        time.now(),
        time::Duration::HOUR,
    );
    let good = serde_json::to_value(&claims).unwrap();
    let with = |key: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[key] = value;
        keys.sign(&claims)
    };
    let stranger = TestKeys::default().sign(&good);
    let secret = jsonwebtoken::EncodingKey::from_secret(b"x");
    let hs256 = jsonwebtoken::Header {
        kid: Some("test".into()),
        ..jsonwebtoken::Header::new(Algorithm::HS256)
    };
    let bad = [
        with("iss", json!("else")),
        with("aud", json!("else")),
        with("nbf", json!(time.now().unix_timestamp() + 60)),
        with("role", json!("SERVICE")),
        with("role", json!("ADMIN")),
        with("sub", json!("no uuid")),
        stranger,
        jsonwebtoken::encode(&hs256, &good, &secret).unwrap(),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(5000),
    ];
    for token in &bad {
        assert_eq!(refusal(&verifier, token).await, "TOKEN_INVALID", "{token}");
    }
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("exp");
    assert_eq!(refusal(&verifier, &keys.sign(&without)).await, "TOKEN_INVALID");
    assert!(verifier.verify(&keys.sign(&good)).await.is_ok());
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_at_most_every_ten_seconds() {
    let (old, new) = (TestKeys::new("old"), TestKeys::new("new"));
    let asked = Arc::new(AtomicUsize::new(0));
    let (verifier, time) = verifier(Changing {
        sets: vec![old.set(), new.set()],
        asked: asked.clone(),
    });
    let who = student("4123010213", uuid::Uuid::nil());
    assert!(verifier.verify(&old.token(&who, time.now())).await.is_ok());
    for _ in 0..5 {
        assert_eq!(
            refusal(&verifier, &new.token(&who, time.now())).await,
            "TOKEN_INVALID"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    time.advance(Duration::seconds(11));
    assert!(verifier.verify(&new.token(&who, time.now())).await.is_ok());
    // The withdrawn key's tokens are no longer good, not even from memory.
    assert_eq!(
        refusal(&verifier, &old.token(&who, time.now())).await,
        "TOKEN_INVALID"
    );
}

#[tokio::test]
async fn without_keys_it_is_not_the_callers_fault() {
    let (verifier, time) = verifier(Changing {
        sets: vec![JwkSet { keys: Vec::new() }],
        asked: Arc::default(),
    });
    let token = TestKeys::default().token(&student("4123010213", uuid::Uuid::nil()), time.now());
    assert_eq!(refusal(&verifier, &token).await, "TOKEN_INVALID");
    struct Down;
    #[async_trait]
    impl KeySource for Down {
        async fn fetch(&self) -> anyhow::Result<JwkSet> {
            anyhow::bail!("down")
        }
    }
    let (verifier, _) = self::verifier(Down);
    assert_eq!(refusal(&verifier, &token).await, "KEYS_UNAVAILABLE");
}
