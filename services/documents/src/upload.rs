//! Takes the bytes of an upload: into quarantine, through the check, into the file.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use qihang_kit::db;
use sha2::{Digest as _, Sha256};

use crate::{
    App, Error,
    domain::{
        content::{self, Accepted},
        file::{Content, File, FileRefusal, State},
        name,
    },
    store,
};

/// Receives `body` for `file` and answers the file after the check: READY or REJECTED.
pub(crate) async fn receive(
    app: &App,
    file: File,
    body: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
) -> Result<File, Error> {
    if matches!(file.state, State::Claimed(..)) {
        return Err(FileRefusal::InUse.into());
    }
    let places = reserve(app, &file).await?;
    let sent = quarantine(app, &file, &places.quarantine, body).await?;
    let purpose = file.purpose;
    let checked = app
        .workers
        .run(move || content::check(purpose, &sent).map(|accepted| prepare(accepted, sent)))
        .await?;
    let outcome = match checked {
        Ok(prepared) => {
            let name = name::with_extension(&file.name, prepared.accepted.kind);
            let content = Content {
                path: places.kept.clone(),
                media_type: prepared.accepted.kind.media_type().to_owned(),
                size: prepared.bytes.len() as u64,
                sha256: prepared.sha256,
            };
            app.ctx
                .files
                .put(&places.kept, prepared.bytes)
                .await
                .map_err(|error| Error::Store(error.into()))?;
            Ok((content, name))
        }
        Err(refusal) => {
            tracing::info!(file.id = %file.id, purpose = purpose.as_str(), "upload refused by its content");
            Err(refusal.to_string())
        }
    };
    finish(app, file, places, outcome).await
}

/// Where this upload's bytes go. Both are noted first, so that what breaks off is found and deleted.
struct Places {
    quarantine: String,
    kept: String,
}

async fn reserve(app: &App, file: &File) -> Result<Places, Error> {
    let places = Places {
        quarantine: format!("quarantine/{}", app.ctx.ids.new_id()),
        kept: format!("files/{}/{}", file.id, app.ctx.ids.new_id()),
    };
    let mut transaction = app.ctx.pool.begin().await?;
    let now = db::now(&mut transaction).await?;
    store::objects::reserve(&mut transaction, &places.quarantine, now).await?;
    store::objects::reserve(&mut transaction, &places.kept, now).await?;
    transaction.commit().await?;
    Ok(places)
}

/// Streams into quarantine, so that no large upload lies in memory while a slow client sends it; then reads it back.
async fn quarantine(
    app: &App,
    file: &File,
    path: &str,
    body: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
) -> Result<Bytes, Error> {
    let cause = Arc::new(OnceLock::new());
    let limit = file.purpose.max_bytes();
    let too_large = Error::TooLarge(file.purpose);
    let stream = limited(body, limit, too_large, Arc::clone(&cause));
    let result = app.ctx.files.put_stream(path, stream.boxed()).await;
    if let Some(error) = Arc::into_inner(cause).and_then(OnceLock::into_inner) {
        return Err(error);
    }
    result.map_err(|error| Error::Store(error.into()))?;
    app.ctx
        .files
        .get(path)
        .await
        .map_err(|error| Error::Store(error.into()))
}

/// Passes the bytes on until an error or the limit; the error itself is left in `cause`.
fn limited(
    body: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
    limit: u64,
    too_large: Error,
    cause: Arc<OnceLock<Error>>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let mut taken = 0_u64;
    let mut too_large = Some(too_large);
    body.map(move |piece| {
        let error = match piece {
            Ok(bytes) => {
                taken = taken.saturating_add(bytes.len() as u64);
                if taken <= limit {
                    return Ok(bytes);
                }
                too_large.take().unwrap_or(Error::BrokenUpload)
            }
            Err(error) => error,
        };
        let message = error.to_string();
        let _first_counts = cause.set(error);
        Err(std::io::Error::other(message))
    })
}

struct Prepared {
    accepted: Accepted,
    bytes: Bytes,
    sha256: Vec<u8>,
}

fn prepare(mut accepted: Accepted, sent: Bytes) -> Prepared {
    let bytes = accepted.rewritten.take().map_or(sent, Bytes::from);
    let sha256 = Sha256::digest(&bytes).to_vec();
    Prepared {
        accepted,
        bytes,
        sha256,
    }
}

async fn finish(
    app: &App,
    file: File,
    places: Places,
    outcome: Result<(Content, String), String>,
) -> Result<File, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let now = db::now(&mut transaction).await?;
    let mut released: Vec<String> = file
        .content()
        .map(|content| content.path.clone())
        .into_iter()
        .collect();
    released.push(places.quarantine);
    if outcome.is_ok() {
        store::objects::keep(&mut transaction, &places.kept).await?;
    }
    let file = file.with_outcome(outcome)?;
    store::files::save(&mut transaction, &file, now).await?;
    store::objects::release(&mut transaction, &released, now).await?;
    transaction.commit().await?;
    Ok(File {
        version: file.version + 1,
        ..file
    })
}
