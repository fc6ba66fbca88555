//! Gives a file's bytes out, whole or a part, and writes that into the log.

use std::ops::Range;

use futures::StreamExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qihang_kit::{db, download::Pieces, status::Fault};
use qihang_proto::common::v1::HttpBody;
use tonic::{
    Response,
    metadata::{MetadataMap, MetadataValue},
};
use uuid::Uuid;

use crate::{
    App, Error,
    domain::{
        content::Kind,
        file::{Content, File, FileRefusal},
        range::{self, Part},
    },
    store::{self, downloads::Download},
};

/// Unreserved characters of RFC 5987.
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Who reads.
pub(super) struct Reader {
    /// The account; nobody for a service.
    pub(super) account: Option<Uuid>,
    /// Role, or the service's name.
    pub(super) name: String,
    pub(super) address: Option<String>,
}

/// What a paper that a reviewer looks at may be shown by: a frame of this site. No `sandbox`, which would keep the browser's
/// viewer out; active content is refused when a file is taken in.
const IN_FRAME: [(&str, &str); 2] = [
    ("x-http-header-x-frame-options", "SAMEORIGIN"),
    (
        "x-http-header-content-security-policy",
        "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    ),
];

/// Answers the bytes of `file` that the request's metadata ask for.
pub(super) async fn download(
    app: &App,
    file: &File,
    reader: Reader,
    asked: &MetadataMap,
) -> Result<Response<Pieces>, Error> {
    let content = file.content().ok_or(FileRefusal::NotReady)?;
    let etag = format!("\"{}\"", hex::encode(&content.sha256));
    let part = match part(asked, &etag, content.size) {
        Part::Whole => None,
        Part::Bytes(part) => Some(part),
        Part::Unsatisfiable => return Err(Error::RangeNotSatisfiable(content.size)),
    };
    log(app, file, reader, part.clone()).await?;
    let pieces = pieces(app, file, content, part.clone()).await?;
    let mut response = Response::new(pieces);
    let headers = response.metadata_mut();
    set(headers, "x-http-header-etag", &etag);
    set(headers, "x-http-header-accept-ranges", "bytes");
    set(
        headers,
        "x-http-header-content-disposition",
        &disposition(file, content),
    );
    if file.purpose.is_reviewed() && content.media_type == Kind::Pdf.media_type() {
        for (name, value) in IN_FRAME {
            set(headers, name, value);
        }
    }
    if let Some(part) = part {
        let last = part.end.saturating_sub(1);
        set(headers, "x-http-status", "206");
        set(
            headers,
            "x-http-header-content-range",
            &format!("bytes {}-{last}/{}", part.start, content.size),
        );
    }
    Ok(response)
}

fn part(asked: &MetadataMap, etag: &str, size: u64) -> Part {
    let header = |name| asked.get(name).and_then(|value| value.to_str().ok());
    // The client has a part of another file: it gets the whole of this one.
    if header("if-range").is_some_and(|condition| condition != etag) {
        return Part::Whole;
    }
    range::parse(header("range"), size)
}

async fn log(app: &App, file: &File, reader: Reader, part: Option<Range<u64>>) -> Result<(), Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let download = Download {
        id: app.ctx.ids.new_id(),
        file: file.id,
        account: reader.account,
        reader: reader.name,
        address: reader.address,
        part,
        time: db::now(&mut conn).await?,
    };
    store::downloads::insert(&mut conn, download).await
}

/// The first piece also carries the type, the name and the length of the whole.
async fn pieces(
    app: &App,
    file: &File,
    content: &Content,
    part: Option<Range<u64>>,
) -> Result<Pieces, Error> {
    let (bytes, _size) = app
        .ctx
        .files
        .get_range_stream(&content.path, part)
        .await
        .map_err(|error| Error::Store(error.into()))?;
    let mut head = Some(HttpBody {
        content_type: content.media_type.clone(),
        file_name: file.name.clone(),
        total_bytes: content.size,
        data: bytes::Bytes::new(),
    });
    let pieces = bytes.map(move |piece| match piece {
        Ok(data) => Ok(HttpBody {
            data,
            ..head.take().unwrap_or_default()
        }),
        Err(error) => Err(Fault::from(Error::Store(error.into())).into()),
    });
    Ok(pieces.boxed())
}

/// PDF and pictures open in the browser; everything else is saved.
fn disposition(file: &File, content: &Content) -> String {
    let shown = [Kind::Pdf, Kind::Png, Kind::Jpeg]
        .iter()
        .any(|kind| kind.media_type() == content.media_type);
    let kind = if shown { "inline" } else { "attachment" };
    format!(
        "{kind}; filename*=UTF-8''{}",
        utf8_percent_encode(&file.name, ATTRIBUTE)
    )
}

fn set(headers: &mut MetadataMap, name: &'static str, value: &str) {
    if let Ok(value) = MetadataValue::try_from(value) {
        headers.insert(name, value);
    }
}
