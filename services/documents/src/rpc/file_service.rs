//! Uploads, claims and downloads.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use qihang_kit::{auth, auth::Principal, db, download::Pieces, idempotency::Call};
use qihang_proto::documents::v1::{
    ClaimFilesRequest, ClaimFilesResponse, CreateUploadRequest, DownloadRequest, File as WireFile,
    GetFileRequest, PutContentRequest, ReadFileRequest, ReleaseFilesRequest, ReleaseFilesResponse,
    file_service_server::FileService,
};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::{
    convert,
    download::{self, Reader},
};
use crate::{
    App, Error,
    domain::{
        file::{File, FileId, State},
        name,
        purpose::Purpose,
    },
    store, upload,
};

/// Uploads that an account may have lying unused.
const MAX_UNCLAIMED: i64 = 50;

const CREATE_UPLOAD: &str = "/qihang.documents.v1.FileService/CreateUpload";

pub(super) struct FileRpc {
    app: Arc<App>,
}

impl FileRpc {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    async fn open_upload(
        &self,
        principal: &Principal,
        request: CreateUploadRequest,
    ) -> Result<WireFile, Error> {
        let purpose = convert::purpose(request.purpose).ok_or(Error::PurposeForbidden)?;
        if !purpose.may_upload(principal.role) {
            return Err(Error::PurposeForbidden);
        }
        if request.size_bytes > purpose.max_bytes() {
            return Err(Error::TooLarge(purpose));
        }
        let account = principal.account_id;
        let mut transaction = self.app.ctx.pool.begin().await?;
        let call = Call::new(CREATE_UPLOAD, account, &request.request_id, &request);
        let answer = call
            .once(&mut transaction, async |conn| {
                if store::files::count_unclaimed(conn, account).await? >= MAX_UNCLAIMED {
                    return Err(Error::TooManyUploads.into());
                }
                let file = File {
                    id: FileId(self.app.ctx.ids.new_id()),
                    purpose,
                    state: State::Pending,
                    name: name::clean(&request.file_name),
                    uploader: Some(account),
                    create_time: db::now(conn).await?,
                    version: 1,
                };
                store::files::insert(conn, &file).await?;
                Ok(convert::file(&file))
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn visible(&self, principal: &Principal, id: &str) -> Result<File, Error> {
        let mut conn = self.app.ctx.pool.acquire().await?;
        let file = store::files::find(&mut conn, convert::file_id(id)?).await?;
        file.filter(|file| file.is_visible_to(principal))
            .ok_or(Error::FileNotFound)
    }

    async fn put(
        &self,
        principal: &Principal,
        mut pieces: Streaming<PutContentRequest>,
    ) -> Result<File, Error> {
        let first = pieces
            .message()
            .await
            .map_err(|_status| Error::BrokenUpload)?
            .ok_or(Error::BrokenUpload)?;
        let file = self.visible(principal, &first.id).await?;
        // Those whom a claim lets see a file may not change it.
        if file.uploader != Some(principal.account_id) {
            return Err(Error::FileNotFound);
        }
        upload::receive(&self.app, file, body(first, pieces)).await
    }

    async fn claim(&self, request: ClaimFilesRequest) -> Result<Vec<File>, Error> {
        let ids = request
            .ids
            .iter()
            .map(|id| convert::id("ids", id))
            .collect::<Result<Vec<_>, _>>()?;
        let purposes = purposes(&request, ids.len())?;
        let uploader = convert::id("uploaderAccountId", &request.uploader_account_id)?;
        let claim = convert::claim(request)?;

        let mut transaction = self.app.ctx.pool.begin().await?;
        let now = db::now(&mut transaction).await?;
        let found = store::files::lock(&mut transaction, &ids).await?;
        let mut found: HashMap<Uuid, File> = found.into_iter().map(|file| (file.id.0, file)).collect();
        let mut claimed = Vec::with_capacity(ids.len());
        for (id, purpose) in ids.iter().zip(purposes) {
            // An id given twice is not found the second time.
            let file = found.remove(id).ok_or(Error::FileNotFound)?;
            let before = file.clone();
            let mut file = file.claimed(uploader, purpose, &claim)?;
            if file != before {
                store::files::save(&mut transaction, &file, now).await?;
                file.version += 1;
            }
            claimed.push(file);
        }
        transaction.commit().await?;
        Ok(claimed)
    }

    async fn release(&self, request: ReleaseFilesRequest) -> Result<(), Error> {
        let ids = request.ids.iter().map(|id| convert::id("ids", id));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let mut transaction = self.app.ctx.pool.begin().await?;
        let now = db::now(&mut transaction).await?;
        for before in store::files::lock(&mut transaction, &ids).await? {
            let file = before.clone().released(&request.owner);
            if file != before {
                store::files::save(&mut transaction, &file, now).await?;
            }
        }
        Ok(transaction.commit().await?)
    }
}

/// The purpose that each of the files must have.
fn purposes(request: &ClaimFilesRequest, files: usize) -> Result<Vec<Purpose>, Error> {
    let purposes: Option<Vec<Purpose>> = request
        .purposes
        .iter()
        .map(|value| convert::purpose(*value))
        .collect();
    match purposes.as_deref() {
        Some([one]) => Ok(vec![*one; files]),
        Some(each) if each.len() == files => Ok(each.to_vec()),
        _ => Err(Error::PurposesMismatch),
    }
}

/// The bytes of all pieces, the first one's included.
fn body(
    first: PutContentRequest,
    rest: Streaming<PutContentRequest>,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    let data = |piece: PutContentRequest| piece.body.unwrap_or_default().data;
    let rest = rest.map(move |piece| piece.map(data).map_err(|_status| Error::BrokenUpload));
    stream::iter([Ok(data(first))]).chain(rest)
}

#[tonic::async_trait]
impl FileService for FileRpc {
    type DownloadStream = Pieces;
    type ReadFileStream = Pieces;

    async fn create_upload(
        &self,
        request: Request<CreateUploadRequest>,
    ) -> Result<Response<WireFile>, Status> {
        let principal = auth::principal(&request)?.clone();
        Ok(Response::new(
            self.open_upload(&principal, request.into_inner()).await?,
        ))
    }

    async fn put_content(
        &self,
        request: Request<Streaming<PutContentRequest>>,
    ) -> Result<Response<WireFile>, Status> {
        let principal = auth::principal(&request)?.clone();
        let file = self.put(&principal, request.into_inner()).await?;
        Ok(Response::new(convert::file(&file)))
    }

    async fn get_file(&self, request: Request<GetFileRequest>) -> Result<Response<WireFile>, Status> {
        let file = self
            .visible(auth::principal(&request)?, &request.get_ref().id)
            .await?;
        Ok(Response::new(convert::file(&file)))
    }

    async fn download(&self, request: Request<DownloadRequest>) -> Result<Response<Pieces>, Status> {
        let principal = auth::principal(&request)?;
        let file = self.visible(principal, &request.get_ref().id).await?;
        let reader = Reader {
            account: Some(principal.account_id),
            name: principal.role.as_str().to_owned(),
            address: auth::caller(&request).address.map(|address| address.to_string()),
        };
        Ok(download::download(&self.app, &file, reader, request.metadata()).await?)
    }

    async fn claim_files(
        &self,
        request: Request<ClaimFilesRequest>,
    ) -> Result<Response<ClaimFilesResponse>, Status> {
        let files = self.claim(request.into_inner()).await?;
        Ok(Response::new(ClaimFilesResponse {
            files: files.iter().map(convert::file).collect(),
        }))
    }

    async fn release_files(
        &self,
        request: Request<ReleaseFilesRequest>,
    ) -> Result<Response<ReleaseFilesResponse>, Status> {
        self.release(request.into_inner()).await?;
        Ok(Response::new(ReleaseFilesResponse {}))
    }

    async fn read_file(&self, request: Request<ReadFileRequest>) -> Result<Response<Pieces>, Status> {
        let caller = auth::caller(&request);
        let id = convert::file_id(&request.get_ref().id)?;
        let mut conn = self.app.ctx.pool.acquire().await.map_err(Error::from)?;
        let file = store::files::find(&mut conn, id)
            .await?
            .ok_or(Error::FileNotFound)?;
        drop(conn);
        let reader = Reader {
            account: None,
            name: caller.peer.unwrap_or_else(|| "service".to_owned()),
            address: caller.address.map(|address| address.to_string()),
        };
        Ok(download::download(&self.app, &file, reader, request.metadata()).await?)
    }
}
