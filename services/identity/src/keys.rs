//! The key that signs access tokens, and the set of public keys that verify them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use qihang_kit::{auth::Claims, crypto::Sealer, db, ids::Ids};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::json;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::{
    App,
    domain::signing_keys::{self, Key, State, Step},
    error::Error,
    store::signing_keys::{self as store, KeyRow},
};

/// For so long a process signs with the key that it knows, before it looks again.
const LOOK_AGAIN: Duration = Duration::seconds(30);

/// The signing key as this process knows it.
#[derive(Clone, Default)]
pub(crate) struct KeyRing(Arc<ArcSwapOption<Signer>>);

struct Signer {
    id: String,
    key: EncodingKey,
    load_time: OffsetDateTime,
}

impl KeyRing {
    /// Signs claims with the active key.
    ///
    /// # Errors
    /// The database's; INTERNAL when there is no key.
    pub(crate) async fn sign(
        &self,
        app: &App,
        conn: &mut PgConnection,
        claims: &Claims,
    ) -> Result<String, Error> {
        let signer = self.signer(app, conn).await?;
        let header = Header {
            kid: Some(signer.id.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, &signer.key).map_err(|_| Error::Inconsistent("signing key"))
    }

    /// Looks again at once, after a change by this process.
    pub(crate) fn forget(&self) {
        self.0.store(None);
    }

    async fn signer(&self, app: &App, conn: &mut PgConnection) -> Result<Arc<Signer>, Error> {
        let now = app.ctx.clock.now();
        if let Some(signer) = self
            .0
            .load_full()
            .filter(|signer| (now - signer.load_time).abs() < LOOK_AGAIN)
        {
            return Ok(signer);
        }
        let row = store::active(conn)
            .await?
            .ok_or(Error::Inconsistent("no signing key"))?;
        let der = app.sealer.open(&row.private_sealed, &tie(&row.id))?;
        let signer = Arc::new(Signer {
            id: row.id,
            key: EncodingKey::from_ed_der(&der),
            load_time: now,
        });
        self.0.store(Some(signer.clone()));
        Ok(signer)
    }
}

/// The public keys as a JSON Web Key Set: those that will sign, do sign, and whose tokens may still live.
///
/// # Errors
/// The database's.
pub(crate) async fn jwks(app: &App) -> Result<String, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let rows = store::list(&mut conn).await?;
    let key = |row: &KeyRow| {
        let x = URL_SAFE_NO_PAD.encode(&row.public_key);
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": row.id, "x": x})
    };
    Ok(json!({"keys": rows.iter().map(key).collect::<Vec<_>>()}).to_string())
}

/// Takes the steps that are due in the life of the keys.
///
/// # Errors
/// The database's; INTERNAL when a key cannot be made.
pub(crate) async fn rotate(app: &App) -> Result<(), Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    store::lock(&mut transaction).await?;
    let now = db::now(&mut transaction).await?;
    let rows = store::list(&mut transaction).await?;
    let keys = rows.iter().map(Key::try_from).collect::<Result<Vec<_>, _>>()?;
    let steps = signing_keys::plan(&keys, now, app.config.key_policy());
    for step in &steps {
        match step {
            Step::CreateActive => store::insert(&mut transaction, &new_key(app, State::Active, now)?).await?,
            Step::CreateNext => store::insert(&mut transaction, &new_key(app, State::Next, now)?).await?,
            Step::Promote(id) => store::promote(&mut transaction, id, now).await?,
            Step::Delete(id) => store::delete(&mut transaction, id).await?,
        }
    }
    transaction.commit().await?;
    if !steps.is_empty() {
        app.keys.forget();
        tracing::info!(steps = steps.len(), "signing keys changed");
    }
    Ok(())
}

fn new_key(app: &App, state: State, now: OffsetDateTime) -> Result<KeyRow, Error> {
    make(&app.sealer, &app.ctx.ids, state, now)
}

fn make(sealer: &Sealer, ids: &Ids, state: State, now: OffsetDateTime) -> Result<KeyRow, Error> {
    let id = ids.token(12);
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| Error::Inconsistent("key generation"))?;
    let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).map_err(|_| Error::Inconsistent("key generation"))?;
    Ok(KeyRow {
        private_sealed: sealer.seal(der.as_ref(), &tie(&id))?,
        public_key: pair.public_key().as_ref().to_vec(),
        state: state.as_str().to_owned(),
        create_time: now,
        activate_time: (state == State::Active).then_some(now),
        retire_time: None,
        id,
    })
}

fn tie(id: &str) -> Vec<u8> {
    [b"identity.signing_keys.private", id.as_bytes()].concat()
}
