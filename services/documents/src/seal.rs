//! Seals PDF files: PAdES baseline B-B signatures (ETSI EN 319 142-1) by the suite's own key, and their check.
//!
//! A seal is an incremental update: the bytes before it stay as they were, so earlier seals stay valid.

mod cms;
mod development;
mod pdf;
mod trust;
mod verify;

pub use development::create_development_key;
pub use trust::TrustList;
pub use verify::{SealFault, SealReport, verify};

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use time::OffsetDateTime;
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
};

/// Why a file was not sealed, or a key not read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key is not a P-256 key in PKCS #8.
    #[error("signing key is not an unencrypted PKCS #8 P-256 key")]
    Key,
    /// The certificate file is not PEM with a certificate for the key first.
    #[error("signing certificate is not PEM, or does not belong to the signing key")]
    Certificate,
    /// The PDF cannot be extended.
    #[error("PDF cannot be sealed: {0}")]
    Pdf(String),
    /// The signature is larger than the place kept for it.
    #[error("signature of {0} bytes does not fit into its place")]
    TooLarge(usize),
    /// Encoding failed.
    #[error("signature cannot be encoded")]
    Encoding(#[from] der::Error),
    /// The key refused to sign.
    #[error("signing failed")]
    Signing,
    /// Files of the development key cannot be made.
    #[error("development key cannot be made: {0}")]
    Development(String),
}

/// What stands in the signature beside the file's digest.
#[derive(Debug, Clone)]
pub struct SealNote {
    /// Who seals, as shown by readers.
    pub name: String,
    /// Why, e.g. 学校审核通过; empty for none.
    pub reason: String,
    /// When.
    pub time: OffsetDateTime,
}

/// The suite's signing key with its certificate.
pub struct SealKey {
    key: EcdsaKeyPair,
    random: SystemRandom,
    /// DER: the key's certificate first, then those between it and the authority at the root, who is known to whoever trusts
    /// it and not part of the path (RFC 5280, 6.1).
    chain: Vec<Vec<u8>>,
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SealKey").finish_non_exhaustive()
    }
}

impl SealKey {
    /// Reads a PKCS #8 P-256 key and its certificate chain, both PEM.
    ///
    /// # Errors
    ///
    /// [`SealError`] when they are not that, or do not belong together.
    pub fn from_pem(key: &str, certificates: &str) -> Result<Self, SealError> {
        let (label, document) = der::SecretDocument::from_pem(key).map_err(|_error| SealError::Key)?;
        if label != "PRIVATE KEY" {
            return Err(SealError::Key);
        }
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_bytes(), &random)
            .map_err(|_error| SealError::Key)?;
        let mut chain = trust::read_chain(certificates).map_err(|_error| SealError::Certificate)?;
        let own = chain.first().cloned();
        chain.retain(|der| Some(der) == own.as_ref() || !trust::is_root(der));
        let first = chain.first().ok_or(SealError::Certificate)?;
        let certificate = Certificate::from_der(first).map_err(|_error| SealError::Certificate)?;
        let certified = trust::public_key(&certificate).ok_or(SealError::Certificate)?;
        if certified != key.public_key().as_ref() {
            return Err(SealError::Certificate);
        }
        Ok(Self { key, random, chain })
    }

    /// The certificate's subject, RFC 4514.
    #[must_use]
    pub fn subject(&self) -> String {
        self.chain
            .first()
            .and_then(|der| Certificate::from_der(der).ok())
            .map(|certificate| certificate.tbs_certificate().subject().to_string())
            .unwrap_or_default()
    }

    /// The key's own certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }

    /// Seals `pdf`: returns its bytes with one signature more.
    ///
    /// # Errors
    ///
    /// [`SealError`] when the file cannot be extended or signed.
    pub fn seal(&self, pdf: Vec<u8>, note: &SealNote) -> Result<Vec<u8>, SealError> {
        let mut prepared = pdf::prepare(pdf, note)?;
        let digest = prepared.digest();
        let attributes = cms::signed_attributes(&digest, self.certificate())?;
        let signature = self
            .key
            .sign(&self.random, &attributes.to_der()?)
            .map_err(|_error| SealError::Signing)?;
        let signed = cms::signed_data(attributes, signature.as_ref(), &self.chain)?;
        prepared.fill(&signed)?;
        Ok(prepared.into_bytes())
    }
}

#[cfg(test)]
mod tests;
