//! What a template sees: its own text, its data, the QR code and our fonts. No file system, no network, no clock.

use std::{collections::HashMap, sync::LazyLock};

use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult},
    foundations::{Bytes, Datetime, Duration},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};

use super::{RenderError, Template};

/// What editions share: the pages that say how an agreement came about.
const CERTIFICATE: &str = include_str!("../../templates/certificate.typ");
/// Where templates find it.
const CERTIFICATE_PATH: &str = "/certificate.typ";
/// The text of a template in its folder.
const MAIN: &str = "main.typ";

/// In the order of preference for a character that several have.
const FONT_FILES: [&[u8]; 3] = [
    include_bytes!("../../fonts/QihangKai-Regular.ttf"),
    include_bytes!("../../fonts/QihangKai-Bold.ttf"),
    include_bytes!("../../fonts/DroidSansFallbackFull.ttf"),
];

/// What all drawings share, loaded once a process: reading the fonts costs more than a drawing.
static SHARED: LazyLock<Shared> = LazyLock::new(Shared::load);

struct Shared {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    /// Every text of this crate, parsed once.
    sources: HashMap<FileId, Source>,
}

impl Shared {
    fn load() -> Self {
        let fonts: Vec<Font> = FONT_FILES
            .into_iter()
            .flat_map(|file| Font::iter(Bytes::new(file)))
            .collect();
        Self {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            sources: sources(),
        }
    }
}

/// A text whose path cannot be a file's is not there, which the drawing of a test would say.
fn sources() -> HashMap<FileId, Source> {
    let templates = Template::ALL
        .iter()
        .filter_map(|template| Some((file_id(*template, MAIN).ok()?, template.source())));
    let certificate = interned(CERTIFICATE_PATH).ok().map(|id| (id, CERTIFICATE));
    templates
        .chain(certificate)
        .map(|(id, text)| (id, Source::new(id, text.to_owned())))
        .collect()
}

/// One drawing's world.
pub(super) struct DocumentWorld {
    main: FileId,
    data: FileId,
    data_text: Bytes,
    code: FileId,
    code_text: Option<Bytes>,
}

impl DocumentWorld {
    pub(super) fn new(template: Template, data: String, code: Option<String>) -> Result<Self, RenderError> {
        Ok(Self {
            main: file_id(template, MAIN)?,
            data: file_id(template, "data.json")?,
            data_text: Bytes::from_string(data),
            code: file_id(template, "qr.svg")?,
            code_text: code.map(Bytes::from_string),
        })
    }
}

/// File ids are interned for the process's life and few, so the names are always the same.
fn file_id(template: Template, name: &str) -> Result<FileId, RenderError> {
    interned(&format!("/{}/{name}", template.name()))
}

fn interned(path: &str) -> Result<FileId, RenderError> {
    let path = VirtualPath::new(path).map_err(|error| RenderError::Template(error.to_string()))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

impl World for DocumentWorld {
    fn library(&self) -> &LazyHash<Library> {
        &SHARED.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &SHARED.book
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        SHARED.sources.get(&id).cloned().ok_or_else(|| absent(id))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.data {
            return Ok(self.data_text.clone());
        }
        match &self.code_text {
            Some(text) if id == self.code => Ok(text.clone()),
            _ => Err(absent(id)),
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        SHARED.fonts.get(index).cloned()
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}

fn absent(id: FileId) -> FileError {
    FileError::NotFound(id.vpath().get_without_slash().into())
}
