//! A signing key of one's own for development: made at the first start and kept.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use time::{Duration, OffsetDateTime};

use super::SealError;

/// Makes `key.pem`, `certificate.pem` and the authority's `authority.pem` in `folder`, unless it exists already.
/// The authority's key is not kept.
///
/// # Errors
///
/// [`SealError::Development`] when the files cannot be made.
pub fn create_development_key(folder: &Path, now: OffsetDateTime) -> Result<(), SealError> {
    if folder.join("key.pem").exists() {
        return Ok(());
    }
    let (key, certificate, authority) = generate(now).map_err(failed)?;
    // Made beside and renamed whole, so that two processes at once end with one key.
    let parent = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed)?;
    let mut name = folder.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let draft = Path::new(&name);
    fs::DirBuilder::new().mode(0o700).create(draft).map_err(failed)?;
    write(&draft.join("key.pem"), &key, 0o600).map_err(failed)?;
    write(&draft.join("certificate.pem"), &certificate, 0o644).map_err(failed)?;
    write(&draft.join("authority.pem"), &authority, 0o644).map_err(failed)?;
    if let Err(error) = fs::rename(draft, folder) {
        fs::remove_dir_all(draft).map_err(failed)?;
        if !folder.join("key.pem").exists() {
            return Err(failed(error));
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn generate(now: OffsetDateTime) -> Result<(String, String, String), rcgen::Error> {
    let from = now - Duration::days(1);
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::OrganizationName, "Qihang");
    authority
        .distinguished_name
        .push(DnType::CommonName, "Qihang Development Authority");
    authority.not_before = from;
    authority.not_after = now + Duration::days(3660);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)?;

    let mut params = CertificateParams::default();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::ContentCommitment,
    ];
    params.use_authority_key_identifier_extension = true;
    params.distinguished_name.push(DnType::OrganizationName, "Qihang");
    params
        .distinguished_name
        .push(DnType::CommonName, "Qihang Development Seal");
    params.not_before = from;
    params.not_after = now + Duration::days(3650);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.signed_by(&key, &authority)?;
    let chain = format!("{}{}", certificate.pem(), authority.pem());
    Ok((key.serialize_pem(), chain, authority.pem()))
}

fn failed(error: impl std::fmt::Display) -> SealError {
    SealError::Development(error.to_string())
}
