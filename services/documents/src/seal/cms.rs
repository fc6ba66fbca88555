//! The little of CMS (RFC 5652) and CAdES (RFC 5035) that a detached P-256 signature needs, both ways.

use der::{
    Any, Encode, Sequence, Tag, ValueOrd,
    asn1::{ObjectIdentifier, OctetString, SetOfVec},
};
use x509_cert::{
    Certificate, attr::Attribute, der::Decode, name::Name, serial_number::SerialNumber,
    spki::AlgorithmIdentifierOwned,
};

use super::SealError;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

#[derive(Sequence)]
struct ContentInfo {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: SignedData,
}

#[derive(Sequence)]
struct SignedData {
    version: u8,
    digest_algorithms: SetOfVec<AlgorithmIdentifierOwned>,
    encapsulated: EncapsulatedContent,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    certificates: Option<SetOfVec<Certificate>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    revocation: Option<SetOfVec<Any>>,
    signers: SetOfVec<SignerInfo>,
}

#[derive(Sequence)]
struct EncapsulatedContent {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    content: Option<OctetString>,
}

#[derive(Clone, Sequence, ValueOrd)]
struct SignerInfo {
    version: u8,
    signer: IssuerAndSerial,
    digest_algorithm: AlgorithmIdentifierOwned,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    signed_attributes: Option<SetOfVec<Attribute>>,
    signature_algorithm: AlgorithmIdentifierOwned,
    signature: OctetString,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    unsigned_attributes: Option<SetOfVec<Attribute>>,
}

#[derive(Clone, Sequence, ValueOrd)]
struct IssuerAndSerial {
    issuer: Name,
    serial: SerialNumber,
}

#[derive(Sequence)]
struct SigningCertificateV2 {
    certificates: Vec<CertificateId>,
}

#[derive(Sequence)]
struct CertificateId {
    /// Absent means SHA-256.
    #[asn1(optional = "true")]
    algorithm: Option<AlgorithmIdentifierOwned>,
    hash: OctetString,
    /// Optional in RFC 5035 and not needed: the hash names the certificate already.
    #[asn1(optional = "true")]
    issuer_serial: Option<Any>,
}

fn algorithm(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: None,
    }
}

fn attribute(oid: ObjectIdentifier, value: Any) -> Result<Attribute, der::Error> {
    Ok(Attribute {
        oid,
        values: SetOfVec::try_from(vec![value])?,
    })
}

fn sha256(bytes: &[u8]) -> ring::digest::Digest {
    ring::digest::digest(&ring::digest::SHA256, bytes)
}

/// What is signed: content type, digest of the file, hash of the certificate. PAdES forbids signing-time here; the time
/// stands in the signature dictionary.
pub(super) fn signed_attributes(
    digest: &[u8],
    certificate: &[u8],
) -> Result<SetOfVec<Attribute>, der::Error> {
    let hash = OctetString::new(sha256(certificate).as_ref())?;
    let used = SigningCertificateV2 {
        certificates: vec![CertificateId {
            algorithm: None,
            hash,
            issuer_serial: None,
        }],
    };
    SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, Any::encode_from(&DATA)?)?,
        attribute(MESSAGE_DIGEST, Any::encode_from(&OctetString::new(digest)?)?)?,
        attribute(SIGNING_CERTIFICATE_V2, Any::encode_from(&used)?)?,
    ])
}

/// The whole detached signature, DER.
pub(super) fn signed_data(
    signed_attributes: SetOfVec<Attribute>,
    signature: &[u8],
    chain: &[Vec<u8>],
) -> Result<Vec<u8>, SealError> {
    let certificates = chain
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect::<Result<Vec<_>, _>>()?;
    let own = certificates
        .first()
        .ok_or(SealError::Certificate)?
        .tbs_certificate();
    let signer = SignerInfo {
        version: 1,
        signer: IssuerAndSerial {
            issuer: own.issuer().clone(),
            serial: own.serial_number().clone(),
        },
        digest_algorithm: algorithm(SHA256),
        signed_attributes: Some(signed_attributes),
        signature_algorithm: algorithm(ECDSA_WITH_SHA256),
        signature: OctetString::new(signature)?,
        unsigned_attributes: None,
    };
    let content = SignedData {
        version: 1,
        digest_algorithms: SetOfVec::try_from(vec![algorithm(SHA256)])?,
        encapsulated: EncapsulatedContent {
            content_type: DATA,
            content: None,
        },
        certificates: Some(SetOfVec::try_from(certificates)?),
        revocation: None,
        signers: SetOfVec::try_from(vec![signer])?,
    };
    Ok(ContentInfo {
        content_type: SIGNED_DATA,
        content,
    }
    .to_der()?)
}

/// What a signature says, read from its DER and not yet believed.
pub(super) struct Parsed {
    /// The certificate that it says made it.
    pub(super) certificate: Certificate,
    /// Digest of the file.
    pub(super) digest: Vec<u8>,
    /// Hash of the certificate within what is signed.
    pub(super) certificate_hash: Vec<u8>,
    /// The bytes that are signed.
    pub(super) signed_bytes: Vec<u8>,
    /// The signature over them.
    pub(super) signature: Vec<u8>,
}

/// Reads a detached signature of our profile; anything else is an error.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, der::Error> {
    let malformed = || der::Error::from(Tag::Sequence.value_error());
    let info = ContentInfo::from_der(bytes)?;
    let data = info.content;
    let [signer] = data.signers.as_slice() else {
        return Err(malformed());
    };
    let profile = info.content_type == SIGNED_DATA
        && data.encapsulated.content_type == DATA
        && data.encapsulated.content.is_none()
        && signer.digest_algorithm.oid == SHA256
        && signer.signature_algorithm.oid == ECDSA_WITH_SHA256;
    if !profile {
        return Err(malformed());
    }
    let attributes = signer.signed_attributes.as_ref().ok_or_else(malformed)?;
    let content_type: ObjectIdentifier = single(attributes, CONTENT_TYPE)?.decode_as()?;
    if content_type != DATA {
        return Err(malformed());
    }
    let digest: OctetString = single(attributes, MESSAGE_DIGEST)?.decode_as()?;
    let used: SigningCertificateV2 = single(attributes, SIGNING_CERTIFICATE_V2)?.decode_as()?;
    let used = used.certificates.first().ok_or_else(malformed)?;
    if used
        .algorithm
        .as_ref()
        .is_some_and(|algorithm| algorithm.oid != SHA256)
    {
        return Err(malformed());
    }
    let certificate = data
        .certificates
        .as_ref()
        .map_or(&[][..], SetOfVec::as_slice)
        .iter()
        .find(|certificate| {
            let certified = certificate.tbs_certificate();
            *certified.issuer() == signer.signer.issuer && *certified.serial_number() == signer.signer.serial
        })
        .ok_or_else(malformed)?;
    // Versions, names of algorithms and the like are in no digest: they are what we write, or somebody has been at them.
    let mut chain = vec![certificate.to_der()?];
    for other in data.certificates.iter().flat_map(SetOfVec::iter) {
        if other != certificate {
            chain.push(other.to_der()?);
        }
    }
    let written = signed_data(attributes.clone(), signer.signature.as_bytes(), &chain);
    if written.map_err(|_error| malformed())? != bytes {
        return Err(malformed());
    }
    Ok(Parsed {
        certificate: certificate.clone(),
        digest: digest.as_bytes().to_vec(),
        certificate_hash: used.hash.as_bytes().to_vec(),
        signed_bytes: attributes.to_der()?,
        signature: signer.signature.as_bytes().to_vec(),
    })
}

/// The one value of the one attribute of that kind.
fn single(attributes: &SetOfVec<Attribute>, oid: ObjectIdentifier) -> Result<&Any, der::Error> {
    let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
    let malformed = || der::Error::from(Tag::Set.value_error());
    match (found.next(), found.next()) {
        (Some(attribute), None) => match attribute.values.as_slice() {
            [value] => Ok(value),
            _ => Err(malformed()),
        },
        _ => Err(malformed()),
    }
}
