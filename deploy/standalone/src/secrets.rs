//! Secrets of this machine, made at the first start and kept for its owner alone.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use qihang_kit::{
    ids::Ids,
    totp::{SECRET_LENGTH, Totp},
};

/// The secrets that a suite needs.
#[derive(Clone)]
pub struct Secrets {
    folder: PathBuf,
    /// By which the services know each other.
    pub service: String,
    /// Seals personal data, 32 bytes in base64.
    pub crypto_key: String,
    /// Computes blind indexes, 32 bytes in base64.
    pub index_key: String,
    /// Password of the first administrator of the province.
    pub bootstrap_password: String,
    /// Secret of its one-time codes, in base32.
    pub bootstrap_totp: String,
}

impl Secrets {
    /// Reads the secrets in a folder; makes those that are missing.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        if !folder.is_dir() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(Self {
            service: kept(folder, "service", token)?,
            crypto_key: kept(folder, "crypto-key", key)?,
            index_key: kept(folder, "index-key", key)?,
            bootstrap_password: kept(folder, "bootstrap-password", || {
                format!("Qh-{}", token().chars().take(16).collect::<String>())
            })?,
            bootstrap_totp: kept(folder, "bootstrap-totp", totp)?,
            folder: folder.to_owned(),
        })
    }

    /// A password of its own for something of this machine, e.g. a database role.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub fn password(&self, name: &str) -> anyhow::Result<String> {
        kept(&self.folder, name, token)
    }

    /// The file of a secret, for programs that read it themselves.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn kept(folder: &Path, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<String> {
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let value = make();
            // Whole or not at all: a half-written key would lock its owner out.
            let draft = folder.join(format!(".{name}"));
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&draft)
                .with_context(|| format!("cannot write {}", draft.display()))?;
            file.write_all(value.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            Ok(value)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn key() -> String {
    STANDARD.encode(Ids::random().bytes::<32>())
}

fn totp() -> String {
    let totp = Totp::new(&Ids::random().bytes::<SECRET_LENGTH>());
    totp.map(|totp| totp.base32()).unwrap_or_default()
}

fn token() -> String {
    Ids::random().token(32)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_are_for_the_owner_alone() {
        let folder = std::env::temp_dir().join(format!("qihang-secrets-{}", std::process::id()));
        let first = Secrets::open(&folder).unwrap();
        let second = Secrets::open(&folder).unwrap();
        assert_eq!(first.crypto_key, second.crypto_key);
        assert_eq!(first.password("x").unwrap(), second.password("x").unwrap());
        assert_ne!(first.crypto_key, first.index_key);
        assert!(first.service.len() >= 32);
        let mode = fs::metadata(first.file("service")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }
}
