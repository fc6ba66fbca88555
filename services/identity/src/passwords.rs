//! Argon2id off the async threads, so many at a time and no more.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use qihang_kit::ids::Ids;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::{config, error::Error};

/// Longest wait for a turn.
const WAIT: Duration = Duration::from_secs(5);
/// Bytes of a salt.
const SALT: usize = 16;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    argon: Argon2<'static>,
    turns: Arc<Semaphore>,
    ids: Ids,
    /// Verified when there is no account, so that both answers take the same time.
    dummy: Arc<str>,
}

impl Passwords {
    /// Reads the settings.
    ///
    /// # Errors
    /// When Argon2 refuses them.
    pub(crate) fn new(settings: &config::Passwords, ids: Ids) -> anyhow::Result<Self> {
        let params = Params::new(settings.memory_kib, settings.passes, 1, None)
            .map_err(|error| anyhow::anyhow!("passwords.memory_kib or passwords.passes: {error}"))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon, ids.token(16).as_bytes(), &ids.bytes::<SALT>())?;
        Ok(Self {
            argon,
            turns: Arc::new(Semaphore::new(settings.parallel)),
            ids,
            dummy: dummy.into(),
        })
    }

    /// Hashes a password into PHC form.
    ///
    /// # Errors
    /// PASSWORDS_BUSY when there is no turn in time.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Error> {
        let turn = self.turn().await?;
        let (argon, salt) = (self.argon.clone(), self.ids.bytes::<SALT>());
        let password = Zeroizing::new(password.to_owned());
        let work = move || {
            let _turn = turn;
            hash(&argon, password.as_bytes(), &salt).ok()
        };
        tokio::task::spawn_blocking(work)
            .await
            .ok()
            .flatten()
            .ok_or(Error::Inconsistent("password hash"))
    }

    /// Verifies a password. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// PASSWORDS_BUSY when there is no turn in time.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, Error> {
        let turn = self.turn().await?;
        let (argon, known) = (self.argon.clone(), hash.is_some());
        let hash = hash.unwrap_or(&self.dummy).to_owned();
        let password = Zeroizing::new(password.to_owned());
        let work = move || {
            let _turn = turn;
            // The hash names its own parameters, so that old ones verify after the settings change.
            PasswordHash::new(&hash)
                .is_ok_and(|hash| argon.verify_password(password.as_bytes(), &hash).is_ok())
        };
        let right = tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Error::Inconsistent("password hash"))?;
        Ok(right && known)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Error> {
        match tokio::time::timeout(WAIT, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Error::PasswordsBusy),
        }
    }
}

fn hash(argon: &Argon2<'_>, password: &[u8], salt: &[u8]) -> anyhow::Result<String> {
    let hash = argon
        .hash_password_with_salt(password, salt)
        .map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let settings = config::Passwords {
            memory_kib: 64,
            passes: 1,
            parallel: 1,
        };
        let passwords = Passwords::new(&settings, Ids::random()).unwrap();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert!(
            passwords
                .verify("correct horse battery", Some(&hash))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("correct horse batterx", Some(&hash))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("correct horse battery", None).await.unwrap());
        assert_ne!(
            hash,
            passwords.hash("correct horse battery").await.unwrap(),
            "salted"
        );
    }
}
