//! Draws, seals and keeps a document, once a request.

use std::sync::Arc;

use bytes::Bytes;
use qihang_kit::db;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    App, Error,
    domain::{
        content::Kind,
        file::{Claim, Content, File, FileId, State},
        name,
        purpose::Purpose,
    },
    render::{self, Drawing},
    seal::SealNote,
    store::{self, issues::Issue},
};

/// What is to be issued.
pub(crate) struct Order {
    pub(crate) request_id: Uuid,
    /// SHA-256 of the whole request.
    pub(crate) request_hash: Vec<u8>,
    pub(crate) drawing: Drawing,
    pub(crate) owner: String,
    pub(crate) file_name: String,
    pub(crate) reason: String,
}

/// Issues a document, or answers the one that the request got before.
pub(crate) async fn issue(app: &Arc<App>, order: Order) -> Result<(FileId, Content), Error> {
    if let Some(earlier) = earlier(app, order.request_id, &order.request_hash).await? {
        return Ok(earlier);
    }
    let (request_id, request_hash) = (order.request_id, order.request_hash.clone());
    let file = draw_and_store(app, order).await?;
    let path = file
        .content()
        .map(|content| content.path.clone())
        .unwrap_or_default();

    let mut transaction = app.ctx.pool.begin().await?;
    let now = db::now(&mut transaction).await?;
    store::files::insert(
        &mut transaction,
        &File {
            create_time: now,
            ..file.clone()
        },
    )
    .await?;
    store::objects::keep(&mut transaction, &path).await?;
    let issue = Issue {
        request_id,
        request_hash: request_hash.clone(),
        file: file.id,
    };
    if !store::issues::insert(&mut transaction, &issue, now).await? {
        // The same request at the same time was faster: its document counts, ours is swept.
        transaction.rollback().await?;
        return earlier(app, request_id, &request_hash)
            .await?
            .ok_or(Error::FileNotFound);
    }
    transaction.commit().await?;
    tracing::info!(file.id = %file.id, "document issued");
    let content = file.content().cloned().ok_or(Error::FileNotFound)?;
    Ok((file.id, content))
}

async fn earlier(app: &App, request_id: Uuid, hash: &[u8]) -> Result<Option<(FileId, Content)>, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let Some(issue) = store::issues::find(&mut conn, request_id).await? else {
        return Ok(None);
    };
    if issue.request_hash != hash {
        return Err(Error::RequestReused);
    }
    let file = store::files::find(&mut conn, issue.file)
        .await?
        .ok_or(Error::FileNotFound)?;
    let content = file.content().cloned().ok_or(Error::FileNotFound)?;
    Ok(Some((file.id, content)))
}

/// Draws and seals a document and puts its bytes into the store; the row is the caller's to write.
async fn draw_and_store(app: &Arc<App>, order: Order) -> Result<File, Error> {
    let note = SealNote {
        name: app.config.signing.name.clone(),
        reason: order.reason,
        time: order.drawing.time,
    };
    let worker = Arc::clone(app);
    let drawing = order.drawing;
    let create_time = drawing.time;
    let bytes = app
        .workers
        .run(move || -> Result<Vec<u8>, Error> { Ok(worker.key.seal(render::pdf(&drawing)?, &note)?) })
        .await??;
    let bytes = Bytes::from(bytes);
    let id = FileId(app.ctx.ids.new_id());
    let content = Content {
        path: format!("issued/{id}"),
        media_type: Kind::Pdf.media_type().to_owned(),
        size: bytes.len() as u64,
        sha256: Sha256::digest(&bytes).to_vec(),
    };
    let mut conn = app.ctx.pool.acquire().await?;
    let now = db::now(&mut conn).await?;
    store::objects::reserve(&mut conn, &content.path, now).await?;
    drop(conn);
    app.ctx
        .files
        .put(&content.path, bytes)
        .await
        .map_err(|error| Error::Store(error.into()))?;
    let claim = Claim {
        owner: order.owner,
        ..Claim::default()
    };
    Ok(File {
        id,
        purpose: Purpose::Issued,
        state: State::Claimed(content, claim),
        name: name::with_extension(&name::clean(&order.file_name), Kind::Pdf),
        uploader: None,
        create_time,
        version: 1,
    })
}
