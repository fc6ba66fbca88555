//! Decides from the bytes alone what a file is and whether it may be kept. Its name and the client's word count for nothing.

mod pdf;
mod picture;
mod sheet;

use super::purpose::Purpose;

/// The kinds of content that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// PDF.
    Pdf,
    /// PNG picture.
    Png,
    /// JPEG picture.
    Jpeg,
    /// Excel workbook without macros.
    Xlsx,
    /// Comma-separated text.
    Csv,
}

impl Kind {
    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv",
        }
    }

    /// The endings that a name of this kind may have; the first is the usual one.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Pdf => &["pdf"],
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Xlsx => &["xlsx"],
            Self::Csv => &["csv"],
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Png => "PNG 图片",
            Self::Jpeg => "JPG 图片",
            Self::Xlsx => "XLSX 表格",
            Self::Csv => "CSV 表格",
        }
    }
}

/// Content that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What it is.
    pub kind: Kind,
    /// What is to be stored instead of the bytes sent; pictures are encoded anew, which drops all metadata.
    pub rewritten: Option<Vec<u8>>,
}

/// Why content is refused. The text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was sent.
    #[error("文件是空的，请重新选择文件上传")]
    Empty,
    /// Not one of the kinds allowed.
    #[error("文件内容不是允许的类型（{allowed}），请转换后重新上传")]
    WrongKind {
        /// The kinds allowed, for people.
        allowed: String,
    },
    /// It cannot be read.
    #[error("{kind}文件已损坏或不完整，请重新导出后上传")]
    Damaged {
        /// The kind, for people.
        kind: &'static str,
    },
    /// Another file hides behind or within it.
    #[error("文件中夹带了其他内容，请用原始软件重新导出后上传")]
    Polyglot,
    /// A password is needed.
    #[error("文件设有密码，请取消密码后重新上传")]
    Encrypted,
    /// The workbook has macros or the like.
    #[error("表格中含有宏或嵌入对象，请另存为不含宏的 XLSX 后上传")]
    Macros,
    /// The PDF does things.
    #[error("PDF 中含有脚本、附件或自动执行的动作，请打印为普通 PDF 后上传")]
    ActivePdf,
    /// More pages than anybody reads.
    #[error("PDF 超过 {limit} 页，请只上传需要的页")]
    TooManyPages {
        /// Most pages.
        limit: usize,
    },
    /// Fewer pixels than a portrait has.
    #[error("图片应不小于 {width}×{height} 像素，请换一张更清晰的照片")]
    TooSmall {
        /// Width of a portrait.
        width: u32,
        /// Height of a portrait.
        height: u32,
    },
    /// More pixels than are decoded.
    #[error("图片尺寸过大，请缩小到 {limit} 万像素以内后上传")]
    TooManyPixels {
        /// Most pixels, in tens of thousands.
        limit: u64,
    },
    /// A file that grows immensely when opened.
    #[error("文件解压后过大，请精简内容后上传")]
    Bomb,
    /// Text in an unknown encoding.
    #[error("CSV 文件的编码无法识别，请另存为 UTF-8 编码后上传")]
    Encoding,
}

/// Checks the bytes of an upload. CPU-heavy: run it where blocking is allowed.
///
/// # Errors
///
/// [`Refusal`] tells the uploader why, and what to do.
pub fn check(purpose: Purpose, bytes: &[u8]) -> Result<Accepted, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    let wrong_kind = || Refusal::WrongKind {
        allowed: purpose.kinds_in_words(),
    };
    let kind = sniff(bytes).ok_or_else(wrong_kind)?;
    if !purpose.kinds().contains(&kind) {
        return Err(wrong_kind());
    }
    if kind != Kind::Xlsx && ends_in_archive(bytes) {
        return Err(Refusal::Polyglot);
    }
    if purpose == Purpose::Avatar {
        let portrait = picture::portrait(kind, bytes)?;
        return Ok(Accepted {
            kind: Kind::Jpeg,
            rewritten: Some(portrait),
        });
    }
    let rewritten = match kind {
        Kind::Pdf => pdf::check(bytes).map(|()| None)?,
        Kind::Png | Kind::Jpeg => Some(picture::encode_anew(kind, bytes)?),
        Kind::Xlsx => sheet::check_workbook(bytes).map(|()| None)?,
        Kind::Csv => sheet::check_text(bytes).map(|()| None)?,
    };
    Ok(Accepted { kind, rewritten })
}

/// The kind by the first bytes. Text has none, so what looks like text and is not PDF may be CSV.
fn sniff(bytes: &[u8]) -> Option<Kind> {
    match infer::get(bytes).map(|found| found.mime_type()) {
        Some("application/pdf") => Some(Kind::Pdf),
        Some("image/png") => Some(Kind::Png),
        Some("image/jpeg") => Some(Kind::Jpeg),
        // A workbook's first entry need not be the one that gives it away.
        Some("application/zip" | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet") => {
            Some(Kind::Xlsx)
        }
        // Two letters are enough for some kinds, and a table's first column may begin with them.
        _ => sheet::looks_like_text(bytes).then_some(Kind::Csv),
    }
}

/// Whether a ZIP reader would find an archive at the end, whatever the beginning says.
fn ends_in_archive(bytes: &[u8]) -> bool {
    sheet::end_of_archive(bytes).is_some()
}

#[cfg(test)]
mod tests;
