//! Checks the last seal of a PDF, from its bytes and our trust list alone.

use der::{Encode, Reader, SliceReader};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use time::{Date, Month, OffsetDateTime, Time};

use super::{TrustList, cms, trust};

/// A good seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealReport {
    /// Subject of the signer's certificate, RFC 4514.
    pub signer: String,
    /// When it was sealed, as the file says within the sealed bytes.
    pub time: OffsetDateTime,
}

/// What is wrong with a seal. The text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// Not a PDF.
    #[error("文件不是可读取的 PDF，请上传从本平台下载的原文件")]
    NotPdf,
    /// No signature at all.
    #[error("文件没有数字签名，不是本平台签发的原文件")]
    Unsealed,
    /// The signature does not cover the whole file.
    #[error("文件在签名之后被追加或截断，签名没有覆盖整个文件")]
    NotWhole,
    /// The signature cannot be read or is of another kind.
    #[error("数字签名的格式不正确，不是本平台签发的原文件")]
    Malformed,
    /// The bytes were changed.
    #[error("文件内容在签名之后被改动")]
    Changed,
    /// The signature was not made by the certificate's key.
    #[error("数字签名与签名证书不符")]
    Forged,
    /// Somebody else signed.
    #[error("文件不是由本平台的签名证书签发")]
    Foreign {
        /// Subject of their certificate, RFC 4514.
        signer: String,
    },
}

/// Checks that the last signature covers the whole of `pdf`, is right, and is by somebody on the trust list.
///
/// # Errors
///
/// [`SealFault`] says what is wrong.
pub fn verify(pdf: &[u8], trusted: &TrustList) -> Result<SealReport, SealFault> {
    let seal = last_seal(pdf)?;
    let digest = digest_around(pdf, seal.gap);
    // The place is larger than the signature: the rest is zeros.
    let parsed = cms::parse(without_padding(&seal.contents)?).map_err(|_error| SealFault::Malformed)?;
    if parsed.digest != digest {
        return Err(SealFault::Changed);
    }
    let certificate = parsed
        .certificate
        .to_der()
        .map_err(|_error| SealFault::Malformed)?;
    let hash = ring::digest::digest(&ring::digest::SHA256, &certificate);
    let key = trust::public_key(&parsed.certificate).ok_or(SealFault::Malformed)?;
    if parsed.certificate_hash != hash.as_ref() {
        return Err(SealFault::Forged);
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
        .verify(&parsed.signed_bytes, &parsed.signature)
        .map_err(|_unspecified| SealFault::Forged)?;
    let signer = parsed.certificate.tbs_certificate().subject().to_string();
    if !trusted.accepts(&parsed.certificate, seal.time) {
        return Err(SealFault::Foreign { signer });
    }
    Ok(SealReport {
        signer,
        time: seal.time,
    })
}

struct Seal {
    /// Offsets of the signature's `<` and just after its `>`.
    gap: (usize, usize),
    contents: Vec<u8>,
    time: OffsetDateTime,
}

/// Finds the signature that reaches the file's end. Only the bytes are looked at and nothing is unpacked, so that nobody can
/// make the check costly; and once the digest over all bytes is ours, there is nothing left that a parser could add.
fn last_seal(pdf: &[u8]) -> Result<Seal, SealFault> {
    if !pdf.starts_with(b"%PDF-") {
        return Err(SealFault::NotPdf);
    }
    let ranges = byte_ranges(pdf).ok_or(SealFault::Malformed)?;
    let last = ranges
        .into_iter()
        .max_by_key(|[_, _, start, length]| start.saturating_add(*length));
    let [zero, gap_start, gap_end, rest] = last.ok_or(SealFault::Unsealed)?;
    if zero != 0 || gap_start >= gap_end || gap_end.checked_add(rest) != Some(pdf.len()) {
        return Err(SealFault::NotWhole);
    }
    // The gap must be exactly the signature in hexadecimal, or something could hide in it.
    let gap = pdf.get(gap_start..gap_end).ok_or(SealFault::NotWhole)?;
    let inner = gap.strip_prefix(b"<").and_then(|gap| gap.strip_suffix(b">"));
    let contents = inner
        .and_then(|inner| hex::decode(inner).ok())
        .ok_or(SealFault::Malformed)?;
    let time = pdf
        .get(gap_end..)
        .and_then(sealing_time)
        .ok_or(SealFault::Malformed)?;
    Ok(Seal {
        gap: (gap_start, gap_end),
        contents,
        time,
    })
}

/// Every `/ByteRange` of the file; nothing when one cannot be read.
fn byte_ranges(pdf: &[u8]) -> Option<Vec<[usize; 4]>> {
    const KEY: &[u8] = b"/ByteRange";
    let starts = pdf
        .windows(KEY.len())
        .enumerate()
        .filter(|(_, window)| *window == KEY);
    starts
        .map(|(start, _)| byte_range(pdf.get(start + KEY.len()..)?))
        .collect()
}

/// Four numbers in brackets.
fn byte_range(text: &[u8]) -> Option<[usize; 4]> {
    let text = text
        .get(..text.len().min(80))?
        .trim_ascii_start()
        .strip_prefix(b"[")?;
    let end = text.iter().position(|byte| *byte == b']')?;
    let numbers = std::str::from_utf8(text.get(..end)?).ok()?;
    let numbers: Option<Vec<usize>> = numbers
        .split_ascii_whitespace()
        .map(|number| number.parse().ok())
        .collect();
    numbers?.try_into().ok()
}

/// The date that follows the signature in its dictionary; what stands before it there is hexadecimal.
fn sealing_time(after: &[u8]) -> Option<OffsetDateTime> {
    const OPENING: &[u8] = b"(D:";
    let start = after
        .windows(OPENING.len())
        .position(|window| window == OPENING)?;
    let text = after.get(start + 1..)?;
    let end = text.iter().position(|byte| *byte == b')')?;
    parse_date(text.get(..end)?)
}

/// Digest of all but the gap.
fn digest_around(pdf: &[u8], (start, end): (usize, usize)) -> Vec<u8> {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(pdf.get(..start).unwrap_or_default());
    context.update(pdf.get(end..).unwrap_or_default());
    context.finish().as_ref().to_vec()
}

fn without_padding(contents: &[u8]) -> Result<&[u8], SealFault> {
    let mut reader = SliceReader::new(contents).map_err(|_error| SealFault::Malformed)?;
    let signature = reader.tlv_bytes().map_err(|_error| SealFault::Malformed)?;
    let padding = contents.get(signature.len()..).unwrap_or_default();
    if padding.iter().any(|byte| *byte != 0) {
        return Err(SealFault::Malformed);
    }
    Ok(signature)
}

/// `D:20260521064500Z`, the only form that we write.
fn parse_date(text: &[u8]) -> Option<OffsetDateTime> {
    let text = std::str::from_utf8(text)
        .ok()?
        .strip_prefix("D:")?
        .strip_suffix('Z')?;
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    let month = Month::try_from(part(4, 6)?).ok()?;
    let date = Date::from_calendar_date(text.get(..4)?.parse().ok()?, month, part(6, 8)?).ok()?;
    let time = Time::from_hms(part(8, 10)?, part(10, 12)?, part(12, 14)?).ok()?;
    Some(date.with_time(time).assume_utc())
}
