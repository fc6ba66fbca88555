//! Whose signatures count as ours.

use der::{Decode, Encode, asn1::ObjectIdentifier};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use time::OffsetDateTime;
use x509_cert::{Certificate, ext::pkix::BasicConstraints};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

/// The certificates that seals are accepted from: our own, retired ones, and authorities that issue nothing else.
#[derive(Debug, Clone, Default)]
pub struct TrustList {
    certificates: Vec<Certificate>,
}

impl TrustList {
    /// A list of one certificate.
    ///
    /// # Errors
    ///
    /// When `der` is not a certificate.
    pub fn of(der: &[u8]) -> Result<Self, der::Error> {
        Ok(Self {
            certificates: vec![Certificate::from_der(der)?],
        })
    }

    /// Adds every certificate of a PEM text.
    ///
    /// # Errors
    ///
    /// When it holds something else, or nothing.
    pub fn add_pem(&mut self, pem: &str) -> Result<(), der::Error> {
        for certificate in read_chain(pem)? {
            self.certificates.push(Certificate::from_der(&certificate)?);
        }
        Ok(())
    }

    /// Whether `certificate` counted as ours at that time.
    #[must_use]
    pub fn accepts(&self, certificate: &Certificate, at: OffsetDateTime) -> bool {
        valid_at(certificate, at)
            && self.certificates.iter().any(|listed| {
                listed == certificate
                    || (is_authority(listed) && valid_at(listed, at) && has_issued(listed, certificate))
            })
    }
}

/// Reads PEM certificates into DER, in their order.
pub(super) fn read_chain(pem: &str) -> Result<Vec<Vec<u8>>, der::Error> {
    let certificates = Certificate::load_pem_chain(pem.as_bytes())?;
    if certificates.is_empty() {
        return Err(der::Tag::Sequence.value_error().into());
    }
    certificates.iter().map(Encode::to_der).collect()
}

/// True for a certificate that names itself as its issuer.
pub(super) fn is_root(der: &[u8]) -> bool {
    Certificate::from_der(der).is_ok_and(|certificate| {
        let body = certificate.tbs_certificate();
        body.issuer() == body.subject()
    })
}

/// The certificate's P-256 point; nothing for another kind of key.
pub(super) fn public_key(certificate: &Certificate) -> Option<&[u8]> {
    let info = certificate.tbs_certificate().subject_public_key_info();
    if info.algorithm.oid != EC_PUBLIC_KEY {
        return None;
    }
    info.subject_public_key.as_bytes()
}

fn is_authority(certificate: &Certificate) -> bool {
    matches!(certificate.tbs_certificate().get_extension::<BasicConstraints>(), Ok(Some((_, rule))) if rule.ca)
}

fn valid_at(certificate: &Certificate, at: OffsetDateTime) -> bool {
    let validity = certificate.tbs_certificate().validity();
    let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
    u64::try_from(at.unix_timestamp())
        .is_ok_and(|at| seconds(validity.not_before) <= at && at <= seconds(validity.not_after))
}

fn has_issued(authority: &Certificate, certificate: &Certificate) -> bool {
    let body = certificate.tbs_certificate();
    if body.issuer() != authority.tbs_certificate().subject()
        || certificate.signature_algorithm().oid != ECDSA_WITH_SHA256
    {
        return false;
    }
    let (Some(key), Ok(body), Some(signature)) = (
        public_key(authority),
        body.to_der(),
        certificate.signature().as_bytes(),
    ) else {
        return false;
    };
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
        .verify(&body, signature)
        .is_ok()
}
