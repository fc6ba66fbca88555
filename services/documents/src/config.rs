//! Settings of this service; `defaults.toml` has each with a comment.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of the documents service.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The key that seals documents.
    pub signing: Signing,
    /// CPU-heavy work.
    pub work: Work,
}

/// The key that seals documents.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// PEM: the certificate, then its issuers. Empty for the development key.
    pub certificate_file: PathBuf,
    /// PEM: the unencrypted PKCS #8 P-256 key. Empty for the development key.
    pub key_file: PathBuf,
    /// PEM files of retired certificates, and of authorities that issue nothing but our seals.
    pub trusted_files: Vec<PathBuf>,
    /// Where a development key is made when none is given; empty forbids that.
    pub development_folder: PathBuf,
    /// Name within the seals.
    pub name: String,
}

/// CPU-heavy work.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Work {
    /// Pieces of work at once; 0 means one a processor.
    pub parallel: usize,
    /// How long a piece may wait for its turn, in milliseconds.
    pub wait_ms: u64,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            certificate_file: PathBuf::new(),
            key_file: PathBuf::new(),
            trusted_files: Vec::new(),
            development_folder: PathBuf::from(".qihang/seal"),
            name: "启航就业服务平台".to_owned(),
        }
    }
}

impl Default for Work {
    fn default() -> Self {
        Self {
            parallel: 0,
            wait_ms: 10_000,
        }
    }
}
