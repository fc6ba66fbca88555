//! What goes wrong in this service, and the one place where it becomes a status.

use std::time::Duration;

use qihang_kit::{db::Stale, status::Fault};
use tonic::{Code, Status};

use crate::{
    domain::{file::FileRefusal, purpose::Purpose},
    render::RenderError,
    seal::SealError,
};

/// An error of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such file, or not the caller's to see.
    #[error("file not found")]
    FileNotFound,
    /// The role may not upload such files.
    #[error("role may not upload this purpose")]
    PurposeForbidden,
    /// More bytes than the purpose allows.
    #[error("upload is larger than its purpose allows")]
    TooLarge(Purpose),
    /// The stream of bytes broke off or is not one.
    #[error("upload stream is not usable")]
    BrokenUpload,
    /// Too many uploads of that account wait to be used.
    #[error("account has too many unused uploads")]
    TooManyUploads,
    /// The file's state does not allow it.
    #[error("file refuses: {0}")]
    Refused(#[from] FileRefusal),
    /// A list of purposes that is neither one nor one a file.
    #[error("purposes do not match the files")]
    PurposesMismatch,
    /// A range beyond the end.
    #[error("range lies beyond the end of {0} bytes")]
    RangeNotSatisfiable(u64),
    /// An id that is none.
    #[error("{0} is not a UUID")]
    BadId(&'static str),
    /// No template of that name.
    #[error("unknown template")]
    UnknownTemplate,
    /// A document that is too large for what reads it.
    #[error("document is too large")]
    DocumentTooLarge,
    /// Drawing failed.
    #[error("drawing failed")]
    Render(#[from] RenderError),
    /// Sealing failed.
    #[error("sealing failed")]
    Seal(#[from] SealError),
    /// A request id used for another document before.
    #[error("request id was used for another document")]
    RequestReused,
    /// All workers are busy and the queue is long.
    #[error("workers are busy")]
    Busy,
    /// A worker ended in panic.
    #[error("worker failed")]
    Worker(#[from] tokio::task::JoinError),
    /// Somebody else changed the row first.
    #[error("row was changed by somebody else")]
    Stale(#[from] Stale),
    /// A row that cannot be.
    #[error("inconsistent {table}.{column}")]
    Inconsistent {
        /// Its table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The database.
    #[error("database failed")]
    Database(#[from] sqlx::Error),
    /// The file store.
    #[error("file store failed")]
    Store(#[source] anyhow::Error),
    /// A fault that kit worded already.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::FileNotFound => Self::not_found("FILE_NOT_FOUND", "文件不存在，或者您无权查看。"),
            Error::PurposeForbidden => {
                Self::permission_denied("PURPOSE_FORBIDDEN", "您的身份不能上传这一用途的文件。")
            }
            Error::TooLarge(purpose) => Self::invalid(
                "body",
                "FILE_TOO_LARGE",
                format!(
                    "文件超过 {} MB，请压缩后重新上传。",
                    purpose.max_bytes() / 1024 / 1024
                ),
            ),
            Error::BrokenUpload => {
                Self::invalid("body", "UPLOAD_BROKEN", "文件没有传完，请检查网络后重新上传。")
            }
            Error::TooManyUploads => Self::exhausted(
                "TOO_MANY_UPLOADS",
                "您有过多已上传但未使用的文件，请先提交或等待系统清理后再上传。",
                Duration::from_secs(3600),
            ),
            Error::Refused(refusal) => refused(refusal),
            Error::PurposesMismatch => Self::invalid(
                "purposes",
                "PURPOSES_MISMATCH",
                "用途应为一个，或与文件一一对应。",
            ),
            Error::RangeNotSatisfiable(size) => Self::new(
                Code::OutOfRange,
                "RANGE_NOT_SATISFIABLE",
                "请求的范围超出了文件末尾。",
            )
            .with("size", size.to_string()),
            Error::BadId(field) => Self::invalid(field, "ID_INVALID", "编号必须是 UUID。"),
            Error::UnknownTemplate => Self::invalid("template", "TEMPLATE_UNKNOWN", "没有这个模板。"),
            Error::DocumentTooLarge => Self::invalid("pdf", "DOCUMENT_TOO_LARGE", "文件过大。"),
            Error::Render(error) => render(error),
            Error::RequestReused => Self::invalid(
                "requestId",
                "REQUEST_ID_REUSED",
                "这个 requestId 已用于另一份文件，请为新的请求换一个。",
            ),
            Error::Busy => Self::unavailable("DOCUMENTS_BUSY", "文件处理繁忙，请稍后再试。")
                .retry_after(Duration::from_secs(2)),
            Error::Stale(_) => Self::aborted("FILE_CHANGED", "文件刚被另一次上传更改，请刷新后重试。"),
            Error::Database(error) => Self::database(error),
            Error::Store(error) => {
                tracing::error!(error = format!("{error:#}"), "file store failed");
                Self::unavailable("FILE_STORE_UNAVAILABLE", "文件存储暂时不可用，请稍后再试。")
            }
            Error::Fault(fault) => fault,
            Error::Seal(_) | Error::Worker(_) | Error::Inconsistent { .. } => Self::internal(&error),
        }
    }
}

fn render(error: RenderError) -> Fault {
    match error {
        RenderError::Data => Fault::invalid("data", "DATA_INVALID", "模板数据应为对象，且不超过 64 KB。"),
        RenderError::QrCode => Fault::invalid(
            "data.verify_url",
            "VERIFY_URL_TOO_LONG",
            "核验网址过长，无法生成二维码。",
        ),
        RenderError::Template(_) => Fault::internal(&error),
    }
}

fn refused(refusal: FileRefusal) -> Fault {
    match refusal {
        FileRefusal::InUse => {
            Fault::precondition("FILE_IN_USE", "文件已被使用，不能再更改；如需替换请重新上传。")
        }
        FileRefusal::NotReady => Fault::precondition("FILE_NOT_READY", "文件还没有上传成功，请先完成上传。"),
        FileRefusal::WrongPurpose => {
            Fault::precondition("FILE_WRONG_PURPOSE", "文件的用途与所填的材料不符，请重新上传。")
        }
        FileRefusal::NotTheirs => Error::FileNotFound.into(),
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}
