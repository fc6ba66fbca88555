//! Uploaded PDFs: readable, short, and with nothing in them that acts.

use lopdf::{Dictionary, Document, LoadOptions, Object};

use super::Refusal;

const MAX_PAGES: usize = 200;
/// What all of a file's streams of objects may unpack to. The limit of one is its share, so that many small bombs count too.
const MAX_UNPACKED_BYTES: usize = 64 * 1024 * 1024;
/// No honest stream of objects is larger than this when a file has many.
const LEAST_SHARE: usize = 64 * 1024;
const MAX_STREAMS: usize = 4000;
const DAMAGED: Refusal = Refusal::Damaged { kind: "PDF " };

/// Keys that only documents with scripts, forms of the dynamic kind or attachments have.
const ACTIVE_KEYS: [&[u8]; 6] = [
    b"JS",
    b"JavaScript",
    b"XFA",
    b"EmbeddedFiles",
    b"EF",
    b"RichMediaContent",
];

/// Kinds of action that do more than turn a page or open a web link.
const ACTIVE_ACTIONS: [&[u8]; 9] = [
    b"JavaScript",
    b"Launch",
    b"ImportData",
    b"SubmitForm",
    b"GoToE",
    b"GoToR",
    b"Rendition",
    b"RichMediaExecute",
    b"Movie",
];

const ACTIVE_ANNOTATIONS: [&[u8]; 6] = [
    b"RichMedia",
    b"FileAttachment",
    b"Screen",
    b"Movie",
    b"Sound",
    b"3D",
];

pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let end = bytes.trim_ascii_end();
    if !bytes.starts_with(b"%PDF-") || !end.ends_with(b"%%EOF") {
        return Err(if bytes.starts_with(b"%PDF-") {
            Refusal::Polyglot
        } else {
            DAMAGED
        });
    }
    let streams = bytes.windows(9).filter(|window| *window == b"endstream").count();
    if streams > MAX_STREAMS {
        return Err(Refusal::Bomb);
    }
    let share = (MAX_UNPACKED_BYTES / streams.max(1)).max(LEAST_SHARE);
    let options = LoadOptions::with_max_decompressed_size(share);
    let document = Document::load_mem_with_options(bytes, options).map_err(|_error| DAMAGED)?;
    if document.is_encrypted() || document.was_encrypted() {
        return Err(Refusal::Encrypted);
    }
    // A reader that repairs may see other objects than we do.
    if document.xref_recovery.is_some() {
        return Err(DAMAGED);
    }
    match document.page_iter().take(MAX_PAGES + 1).count() {
        0 => return Err(DAMAGED),
        pages if pages > MAX_PAGES => return Err(Refusal::TooManyPages { limit: MAX_PAGES }),
        _ => {}
    }
    if document.objects.values().any(acts) {
        Err(Refusal::ActivePdf)
    } else {
        Ok(())
    }
}

/// Looks through an object and all that is within it, but for references: their targets are looked at themselves.
fn acts(object: &Object) -> bool {
    let mut waiting = vec![object];
    while let Some(object) = waiting.pop() {
        match object {
            Object::Array(items) => waiting.extend(items),
            Object::Dictionary(dictionary) => {
                if is_active(dictionary) {
                    return true;
                }
                waiting.extend(dictionary.iter().map(|(_, value)| value));
            }
            Object::Stream(stream) => {
                if is_active(&stream.dict) {
                    return true;
                }
                waiting.extend(stream.dict.iter().map(|(_, value)| value));
            }
            _ => {}
        }
    }
    false
}

fn is_active(dictionary: &Dictionary) -> bool {
    let is_one_of = |key: &[u8], names: &[&[u8]]| {
        dictionary
            .get(key)
            .and_then(Object::as_name)
            .is_ok_and(|name| names.contains(&name))
    };
    ACTIVE_KEYS.iter().any(|key| dictionary.has(key))
        || is_one_of(b"S", &ACTIVE_ACTIONS)
        || is_one_of(b"Subtype", &ACTIVE_ANNOTATIONS)
        || is_one_of(b"Type", &[b"EmbeddedFile"])
}
