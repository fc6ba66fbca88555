//! Uploaded tables: workbooks whose container is what it says, and text.

use super::Refusal;

const DAMAGED: Refusal = Refusal::Damaged { kind: "XLSX " };
const MAX_ENTRIES: u64 = 4096;
const MAX_UNPACKED_BYTES: u64 = 768 * 1024 * 1024;
const MAX_RATIO: u64 = 200;
/// Small parts may compress well without being a bomb.
const RATIO_COUNTS_FROM: u64 = 8 * 1024 * 1024;

/// Where a ZIP archive's directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndOfArchive {
    at: usize,
    entries: u64,
    directory: usize,
    directory_size: usize,
}

/// Checks the container of a workbook by its central directory. Nothing is unpacked.
pub(super) fn check_workbook(bytes: &[u8]) -> Result<(), Refusal> {
    let end = end_of_archive(bytes).ok_or(DAMAGED)?;
    // No byte may stand before, between or after: that is where another file would hide.
    if !bytes.starts_with(b"PK\x03\x04") || end.directory.checked_add(end.directory_size) != Some(end.at) {
        return Err(Refusal::Polyglot);
    }
    if end.entries > MAX_ENTRIES {
        return Err(Refusal::Bomb);
    }
    let mut rest = bytes.get(end.directory..end.at).ok_or(DAMAGED)?;
    let (mut has_types, mut has_workbook, mut packed, mut unpacked) = (false, false, 0_u64, 0_u64);
    for _ in 0..end.entries {
        let (entry, after) = Entry::read(rest).ok_or(DAMAGED)?;
        rest = after;
        entry.check()?;
        has_types |= entry.name == "[Content_Types].xml";
        has_workbook |= entry.name == "xl/workbook.xml";
        packed += entry.packed;
        unpacked += entry.unpacked;
    }
    if !rest.is_empty() || !has_types || !has_workbook {
        return Err(DAMAGED);
    }
    let too_dense = unpacked > RATIO_COUNTS_FROM && unpacked > packed.saturating_mul(MAX_RATIO);
    if unpacked > MAX_UNPACKED_BYTES || too_dense {
        Err(Refusal::Bomb)
    } else {
        Ok(())
    }
}

struct Entry {
    name: String,
    encrypted: bool,
    method: u16,
    packed: u64,
    unpacked: u64,
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        if !bytes.starts_with(b"PK\x01\x02") {
            return None;
        }
        let name_length = usize::from(short(bytes, 28)?);
        let length = 46 + name_length + usize::from(short(bytes, 30)?) + usize::from(short(bytes, 32)?);
        let name = String::from_utf8_lossy(bytes.get(46..46 + name_length)?).into_owned();
        let entry = Self {
            name,
            encrypted: short(bytes, 8)? & 1 != 0,
            method: short(bytes, 10)?,
            packed: u64::from(long(bytes, 20)?),
            unpacked: u64::from(long(bytes, 24)?),
        };
        Some((entry, bytes.get(length..)?))
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.encrypted {
            return Err(Refusal::Encrypted);
        }
        // Stored or deflated; sizes beyond 4 GiB are no roster.
        if !matches!(self.method, 0 | 8) || self.unpacked >= u64::from(u32::MAX) {
            return Err(DAMAGED);
        }
        let name = self.name.to_ascii_lowercase();
        let unsafe_path = name.starts_with('/') || name.contains("..") || name.contains('\\');
        if unsafe_path {
            return Err(DAMAGED);
        }
        const ACTIVE: [&str; 6] = [
            "vbaproject",
            "xl/macrosheets/",
            "xl/dialogsheets/",
            "activex/",
            "embeddings/",
            "xl/externallinks/",
        ];
        if ACTIVE.iter().any(|part| name.contains(part)) {
            Err(Refusal::Macros)
        } else {
            Ok(())
        }
    }
}

/// Finds the record that ends a ZIP archive, only where it ends the file too.
pub(super) fn end_of_archive(bytes: &[u8]) -> Option<EndOfArchive> {
    const SIZE: usize = 22;
    let from = bytes.len().saturating_sub(SIZE + usize::from(u16::MAX));
    let last = bytes.len().checked_sub(SIZE)?;
    (from..=last).rev().find_map(|at| {
        let record = bytes.get(at..)?;
        let comment = record.starts_with(b"PK\x05\x06").then(|| short(record, 20))??;
        if at + SIZE + usize::from(comment) != bytes.len() {
            return None;
        }
        Some(EndOfArchive {
            at,
            entries: u64::from(short(record, 10)?),
            directory_size: usize::try_from(long(record, 12)?).ok()?,
            directory: usize::try_from(long(record, 16)?).ok()?,
        })
    })
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Whether the beginning could be text of a table.
pub(super) fn looks_like_text(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let first = start.trim_ascii_start();
    !start.iter().any(|byte| is_control(*byte)) && !first.starts_with(b"<") && !first.starts_with(b"#!")
}

/// Checks that all of it is text in one of the encodings that Chinese spreadsheets write.
pub(super) fn check_text(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.iter().any(|byte| is_control(*byte)) {
        return Err(Refusal::Encoding);
    }
    if std::str::from_utf8(bytes).is_ok() {
        return Ok(());
    }
    let decoded = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    if decoded.is_some() {
        Ok(())
    } else {
        Err(Refusal::Encoding)
    }
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\r' | b'\n') || byte == 0x7F
}
