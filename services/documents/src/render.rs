//! Draws documents from templates: Typst, with the fonts and templates of this crate and nothing from outside.

mod qr;
mod template;
mod world;

pub use template::Template;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use typst::{
    comemo,
    foundations::{Datetime, Smart},
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, Timestamp};
use typst_render::RenderOptions;

use world::DocumentWorld;

/// Name of the certificate in the data.
const CERTIFICATE: &str = "certificate";

/// Dots an inch of the PNG pages.
const PNG_DPI: f64 = 144.0;

/// Drawings between two looks for memoised layouts that none of them used; looking costs as much as a twentieth of a drawing.
const MEMORY_AGE: u32 = 8;

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// The template.
    pub template: Template,
    /// The template's data, an object.
    pub data: Value,
    /// Words across each page; empty for none.
    pub watermark: String,
    /// Creation date written into a PDF.
    pub time: OffsetDateTime,
}

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The data is not an object or too long.
    #[error("template data is not an object or is longer than the template allows")]
    Data,
    /// `verify_url` does not fit into a QR code.
    #[error("verify_url does not fit into a QR code")]
    QrCode,
    /// The template itself failed, which is a fault of this crate.
    #[error("template failed: {0}")]
    Template(String),
}

/// Draws as one PDF file.
///
/// # Errors
///
/// [`RenderError`] when the data cannot be drawn.
pub fn pdf(drawing: &Drawing) -> Result<Vec<u8>, RenderError> {
    let mut drawing = drawing.clone();
    if let Some(mut certificate) = take_certificate(&mut drawing.data) {
        let pages = hex::encode(Sha256::digest(one_file(&drawing)?));
        certificate.insert("pages_sha256".to_owned(), pages.into());
        certificate.insert("folder".to_owned(), drawing.template.name().into());
        if let Some(data) = drawing.data.as_object_mut() {
            data.insert(CERTIFICATE.to_owned(), certificate.into());
        }
    }
    one_file(&drawing)
}

/// The certificate, taken out of the data: it names the digest of the pages without it. Pictures of the pages have none.
fn take_certificate(data: &mut Value) -> Option<Map<String, Value>> {
    match data.as_object_mut()?.remove(CERTIFICATE)? {
        Value::Object(certificate) => Some(certificate),
        _ => None,
    }
}

fn one_file(drawing: &Drawing) -> Result<Vec<u8>, RenderError> {
    let document = layout(drawing)?;
    let time = drawing.time.to_offset(time::UtcOffset::UTC);
    let timestamp = Datetime::from_ymd_hms(
        time.year(),
        time.month().into(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
    )
    .map(Timestamp::new_utc);
    let options = PdfOptions {
        creator: Smart::Custom(Some("Qihang".to_owned())),
        timestamp,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|errors| template_error(errors.first()))
}

/// Draws as one PNG picture a page.
///
/// # Errors
///
/// [`RenderError`] when the data cannot be drawn.
pub fn png(drawing: &Drawing) -> Result<Vec<Vec<u8>>, RenderError> {
    let mut drawing = drawing.clone();
    take_certificate(&mut drawing.data);
    let document = layout(&drawing)?;
    let options = RenderOptions {
        pixel_per_pt: (PNG_DPI / 72.0).into(),
        render_bleed: false,
    };
    document
        .pages()
        .iter()
        .map(|page| {
            typst_render::render(page, &options)
                .encode_png()
                .map_err(|error| RenderError::Template(error.to_string()))
        })
        .collect()
}

/// Draws something, so that the first caller finds fonts and templates loaded.
pub fn warm_up(time: OffsetDateTime) {
    for template in Template::ALL {
        let drawing = Drawing {
            template: *template,
            data: json!({}),
            watermark: String::new(),
            time,
        };
        if let Err(error) = pdf(&drawing) {
            tracing::error!(template = template.name(), %error, "template cannot be drawn");
        }
    }
}

fn layout(drawing: &Drawing) -> Result<PagedDocument, RenderError> {
    let url = drawing
        .data
        .get("verify_url")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let code = if url.is_empty() { None } else { Some(qr::svg(url)?) };
    if !drawing.data.is_object() {
        return Err(RenderError::Data);
    }
    let input =
        json!({ "data": drawing.data, "watermark": drawing.watermark, "qr": code.is_some() }).to_string();
    if input.len() > drawing.template.max_data_bytes() {
        return Err(RenderError::Data);
    }
    let world = DocumentWorld::new(drawing.template, input, code)?;
    let result = typst::compile::<PagedDocument>(&world).output;
    forget_old_layouts();
    result.map_err(|errors| template_error(errors.first()))
}

/// Typst remembers the layout of equal parts (the fixed words of a template); without this it would remember all data.
fn forget_old_layouts() {
    static DRAWN: AtomicU32 = AtomicU32::new(0);
    if DRAWN.fetch_add(1, Ordering::Relaxed) % MEMORY_AGE == MEMORY_AGE - 1 {
        comemo::evict(1);
    }
}

fn template_error(first: Option<&typst::diag::SourceDiagnostic>) -> RenderError {
    RenderError::Template(first.map_or_else(|| "unknown".to_owned(), |error| error.message.to_string()))
}

#[cfg(test)]
mod tests;
