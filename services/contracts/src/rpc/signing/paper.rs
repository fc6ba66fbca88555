//! The agreement as pictures and as PDF.

use futures::{StreamExt as _, TryStreamExt as _};
use qihang_kit::{
    auth,
    download::{Pieces, pieces},
};
use qihang_proto::{
    common::v1::HttpBody,
    contracts::v1::{DownloadAgreementRequest, PreviewAgreementRequest},
    documents::v1::{ReadFileRequest, RenderFormat, file_service_client::FileServiceClient},
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::look;
use crate::{App, domain::agreement::State, error::Error, paper, peers, store::agreements::Record};

/// Draws one page.
pub(super) async fn preview(
    app: &App,
    request: &Request<PreviewAgreementRequest>,
) -> Result<Response<Pieces>, Status> {
    let principal = auth::principal(request)?;
    let message = request.get_ref();
    let drawn = async {
        let mut conn = app.ctx.pool.acquire().await?;
        let record = look::find(&mut conn, &message.id, principal).await?;
        let revision = match message.revision {
            0 => record.rules.revision,
            number => i32::try_from(number).unwrap_or(i32::MAX),
        };
        let data = paper::data(app, &mut conn, &record, revision).await?;
        drop(conn);
        let mark = paper::watermark(record.rules.state);
        let pages = peers::render(&app.ctx, &record.template, data, RenderFormat::Png, mark).await?;
        let place = usize::try_from(message.page)
            .unwrap_or_default()
            .saturating_sub(1);
        pages.into_iter().nth(place).ok_or(Error::RevisionNotFound)
    };
    Ok(Response::new(pieces("image/png", "", drawn.await?)))
}

/// The PDF: the sealed one once it is in force, a watermarked drawing before.
pub(super) async fn download(
    app: &App,
    request: &Request<DownloadAgreementRequest>,
) -> Result<Response<Pieces>, Status> {
    let principal = auth::principal(request)?;
    let mut conn = app.ctx.pool.acquire().await.map_err(Error::from)?;
    let record = look::find(&mut conn, &request.get_ref().id, principal).await?;
    match (record.rules.state, record.file_id) {
        (State::Effective | State::Terminating | State::Terminated, Some(file)) => {
            drop(conn);
            sealed(app, &record, file).await
        }
        (State::Effective | State::Terminating | State::Terminated, None) => {
            Err(Error::DocumentNotReady.into())
        }
        (State::PendingReview | State::AmendPendingStudent, _) => {
            let data = paper::data(app, &mut conn, &record, record.rules.signed_revision).await?;
            drop(conn);
            let mark = paper::watermark(record.rules.state);
            let drawn = peers::render(&app.ctx, &record.template, data, RenderFormat::Pdf, mark).await?;
            let pdf = drawn.into_iter().next().ok_or(Error::PeerAway("documents"))?;
            Ok(Response::new(pieces("application/pdf", &file_name(&record), pdf)))
        }
        (state, _) => Err(Error::NoDocument(state).into()),
    }
}

/// Passes the sealed file on as documents sends it.
async fn sealed(app: &App, record: &Record, file: Uuid) -> Result<Response<Pieces>, Status> {
    let mut client = FileServiceClient::new(app.ctx.channels.get("documents"));
    let reply = client.read_file(ReadFileRequest { id: file.to_string() }).await;
    let stream = reply.map_err(|status| {
        tracing::warn!(code = ?status.code(), "sealed document could not be read");
        Status::from(Error::PeerAway("documents"))
    })?;
    let name = file_name(record);
    let named = stream.into_inner().enumerate().map(move |(place, piece)| {
        piece.map(|piece| {
            if place == 0 {
                HttpBody {
                    file_name: name.clone(),
                    ..piece
                }
            } else {
                piece
            }
        })
    });
    Ok(Response::new(
        named
            .map_err(|_| Status::from(Error::PeerAway("documents")))
            .boxed(),
    ))
}

fn file_name(record: &Record) -> String {
    format!("就业协议书-{}.pdf", record.serial.as_deref().unwrap_or("草稿"))
}
