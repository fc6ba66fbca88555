//! Extends a PDF by a signature field and makes room for the signature in it.

use lopdf::{Dictionary, Document, IncrementalDocument, Object, ObjectId, StringFormat, dictionary};
use time::{OffsetDateTime, UtcOffset};

use super::{SealError, SealNote};

/// Room for the signature and its certificates, in bytes.
const ROOM: usize = 8192;

/// Placeholder for an offset of ten digits.
const OFFSET: i64 = 9_999_999_999;

/// A file whose signature is still to be filled in.
pub(super) struct Prepared {
    bytes: Vec<u8>,
    /// Where the signature's `<` stands.
    start: usize,
    /// Just after the signature's `>`.
    end: usize,
}

/// Appends the signature field to `pdf`.
pub(super) fn prepare(pdf: Vec<u8>, note: &SealNote) -> Result<Prepared, SealError> {
    let document = Document::load_mem(&pdf).map_err(refused)?;
    if document.is_encrypted() || document.was_encrypted() {
        return Err(SealError::Pdf("encrypted".to_owned()));
    }
    let old_length = pdf.len();
    let bytes = append_field(pdf, document, note).map_err(refused)?;
    let missing = || SealError::Pdf("placeholder lost".to_owned());

    let empty = format!("<{}>", "00".repeat(ROOM));
    let start = find(&bytes, old_length, empty.as_bytes()).ok_or_else(missing)?;
    let end = start + empty.len();
    let range_start = find(&bytes, old_length, b"/ByteRange").ok_or_else(missing)?;
    let range = format!("[0 {OFFSET} {OFFSET} {OFFSET}]");
    let range_start = find(&bytes, range_start, range.as_bytes()).ok_or_else(missing)?;

    let actual = format!("[0 {start} {end} {}]", bytes.len() - end);
    let actual = format!("{actual:<width$}", width = range.len());
    let mut prepared = Prepared { bytes, start, end };
    prepared.overwrite(range_start, actual.as_bytes())?;
    Ok(prepared)
}

impl Prepared {
    /// SHA-256 of all but the signature itself.
    pub(super) fn digest(&self) -> Vec<u8> {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(self.bytes.get(..self.start).unwrap_or_default());
        context.update(self.bytes.get(self.end..).unwrap_or_default());
        context.finish().as_ref().to_vec()
    }

    /// Writes the signature into its place.
    pub(super) fn fill(&mut self, signature: &[u8]) -> Result<(), SealError> {
        if signature.len() > ROOM {
            return Err(SealError::TooLarge(signature.len()));
        }
        let start = self.start + 1;
        self.overwrite(start, hex::encode_upper(signature).as_bytes())
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn overwrite(&mut self, start: usize, with: &[u8]) -> Result<(), SealError> {
        let place = self
            .bytes
            .get_mut(start..start + with.len())
            .ok_or_else(|| SealError::Pdf("placeholder lost".to_owned()))?;
        place.copy_from_slice(with);
        Ok(())
    }
}

fn append_field(pdf: Vec<u8>, document: Document, note: &SealNote) -> lopdf::Result<Vec<u8>> {
    let catalog = document.trailer.get(b"Root")?.as_reference()?;
    let page = document
        .page_iter()
        .next()
        .ok_or(lopdf::Error::PageNumberNotFound(1))?;
    let number = document.revision_count();
    let mut update = IncrementalDocument::create_from(pdf, document);

    let signature = update.new_document.add_object(signature_dictionary(note));
    let field = update.new_document.add_object(dictionary! {
        "Type" => "Annot",
        "Subtype" => "Widget",
        "FT" => "Sig",
        "T" => text(&format!("QihangSeal{number}")),
        "V" => signature,
        "P" => page,
        // Invisible: the template says who signed.
        "Rect" => vec![0.into(), 0.into(), 0.into(), 0.into()],
        // Print, locked.
        "F" => 132,
    });
    push_to_array(&mut update, page, b"Annots", field)?;
    add_to_form(&mut update, catalog, field)?;

    let mut bytes = Vec::new();
    update.save_to(&mut bytes)?;
    Ok(bytes)
}

fn signature_dictionary(note: &SealNote) -> Dictionary {
    let mut dictionary = dictionary! {
        "Type" => "Sig",
        "Filter" => "Adobe.PPKLite",
        "SubFilter" => "ETSI.CAdES.detached",
        "ByteRange" => vec![0.into(), OFFSET.into(), OFFSET.into(), OFFSET.into()],
        "Contents" => Object::String(vec![0; ROOM], StringFormat::Hexadecimal),
        "Name" => text(&note.name),
        "M" => Object::string_literal(date(note.time)),
    };
    if !note.reason.is_empty() {
        dictionary.set("Reason", text(&note.reason));
    }
    dictionary
}

/// A text string. Always hexadecimal, so that no text can look like a placeholder.
fn text(words: &str) -> Object {
    let mut bytes = vec![0xFE, 0xFF];
    bytes.extend(words.encode_utf16().flat_map(u16::to_be_bytes));
    Object::String(bytes, StringFormat::Hexadecimal)
}

fn date(time: OffsetDateTime) -> String {
    let time = time.to_offset(UtcOffset::UTC);
    format!(
        "D:{:04}{:02}{:02}{:02}{:02}{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Appends a reference to the array `key` of the dictionary `holder`; either may be indirect or absent.
fn push_to_array(
    update: &mut IncrementalDocument,
    holder: ObjectId,
    key: &[u8],
    item: ObjectId,
) -> lopdf::Result<()> {
    update.opt_clone_object_to_new_document(holder)?;
    let dictionary = update.new_document.get_object_mut(holder)?.as_dict_mut()?;
    match dictionary.get_mut(key) {
        Ok(Object::Array(items)) => items.push(item.into()),
        Ok(Object::Reference(id)) => {
            let id = *id;
            update.opt_clone_object_to_new_document(id)?;
            update
                .new_document
                .get_object_mut(id)?
                .as_array_mut()?
                .push(item.into());
        }
        _ => dictionary.set(key, vec![item.into()]),
    }
    Ok(())
}

fn add_to_form(update: &mut IncrementalDocument, catalog: ObjectId, field: ObjectId) -> lopdf::Result<()> {
    update.opt_clone_object_to_new_document(catalog)?;
    let form = update
        .new_document
        .get_object(catalog)?
        .as_dict()?
        .get(b"AcroForm")
        .cloned();
    let form = match form {
        Ok(Object::Reference(id)) => id,
        // A form that stands in the catalog itself becomes an object of its own.
        other => {
            let form = other
                .ok()
                .and_then(|form| form.as_dict().cloned().ok())
                .unwrap_or_default();
            let id = update.new_document.add_object(form);
            update
                .new_document
                .get_object_mut(catalog)?
                .as_dict_mut()?
                .set("AcroForm", id);
            id
        }
    };
    push_to_array(update, form, b"Fields", field)?;
    // Signatures exist, and the file may only be appended to.
    update
        .new_document
        .get_object_mut(form)?
        .as_dict_mut()?
        .set("SigFlags", 3);
    Ok(())
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes
        .get(from..)?
        .windows(what.len())
        .position(|window| window == what)
        .map(|found| found + from)
}

fn refused(error: lopdf::Error) -> SealError {
    SealError::Pdf(error.to_string())
}
