//! The service under test, its callers and sample files.

use std::{io::Cursor, path::PathBuf};

use image::{DynamicImage, ImageFormat, RgbImage};
use lopdf::{Document, Object, Stream, dictionary};
use qihang_documents::{Config, MIGRATOR, NAME, build};
pub(crate) use qihang_kit::auth::Principal;
use qihang_kit::{
    client::ServiceChannel,
    testing::{self, TestService},
};
use qihang_proto::{
    common::v1::HttpBody,
    documents::v1::{
        ClaimFilesRequest, CreateUploadRequest, DownloadRequest, File, FilePurpose, PutContentRequest,
        ReadFileRequest, ReleaseFilesRequest, file_service_client::FileServiceClient,
        render_service_client::RenderServiceClient,
    },
};
use sha2::{Digest as _, Sha256};
use sqlx::{FromRow, postgres::PgRow};
use tonic::{
    Request, Response, Status, Streaming,
    metadata::MetadataMap,
    service::{Interceptor, interceptor::InterceptedService},
};
use tonic_types::StatusExt as _;
use uuid::Uuid;

/// Carries a person's token.
#[derive(Clone)]
pub(crate) struct Bearer(String);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {}", self.0).parse().unwrap());
        Ok(request)
    }
}

type Person = InterceptedService<ServiceChannel, Bearer>;

/// The service with a database and a key of its own.
pub(crate) struct Suite {
    service: TestService,
    folder: PathBuf,
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// A download, read to its end.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) first: HttpBody,
    pub(crate) bytes: Vec<u8>,
    metadata: MetadataMap,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.metadata
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Suite {
    pub(crate) async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("qihang-documents-{:032x}", rand::random::<u128>()));
        let mut config = Config::default();
        config.signing.development_folder = folder.join("seal");
        let service = testing::service(NAME, &MIGRATOR, |ctx| build(ctx, config)).await;
        Self { service, folder }
    }

    pub(crate) fn files(&self, principal: &Principal) -> FileServiceClient<Person> {
        FileServiceClient::with_interceptor(self.service.channel(), Bearer(self.service.token(principal)))
    }

    pub(crate) fn render_as(&self, principal: &Principal) -> RenderServiceClient<Person> {
        RenderServiceClient::with_interceptor(self.service.channel(), Bearer(self.service.token(principal)))
    }

    /// As another service calls.
    pub(crate) fn render(&self) -> RenderServiceClient<ServiceChannel> {
        RenderServiceClient::new(self.service.as_service("contracts"))
    }

    fn service_files(&self) -> FileServiceClient<ServiceChannel> {
        FileServiceClient::new(self.service.as_service("contracts"))
    }

    pub(crate) async fn open(
        &self,
        principal: &Principal,
        purpose: FilePurpose,
        name: &str,
        size: u64,
    ) -> Result<File, Status> {
        let request = CreateUploadRequest {
            purpose: purpose.into(),
            file_name: name.to_owned(),
            size_bytes: size,
            request_id: String::new(),
        };
        self.files(principal)
            .create_upload(request)
            .await
            .map(Response::into_inner)
    }

    /// Sends bytes in pieces, the id in the first, as the gateway does.
    pub(crate) async fn put(&self, principal: &Principal, id: &str, bytes: &[u8]) -> Result<File, Status> {
        let mut pieces = vec![PutContentRequest {
            id: id.to_owned(),
            body: None,
        }];
        pieces.extend(bytes.chunks(64 * 1024).map(|piece| PutContentRequest {
            id: String::new(),
            body: Some(HttpBody {
                data: piece.to_vec().into(),
                ..HttpBody::default()
            }),
        }));
        self.files(principal)
            .put_content(futures::stream::iter(pieces))
            .await
            .map(Response::into_inner)
    }

    /// Opens and sends; the file must be good.
    pub(crate) async fn upload(
        &self,
        principal: &Principal,
        purpose: FilePurpose,
        name: &str,
        bytes: &[u8],
    ) -> File {
        let opened = self
            .open(principal, purpose, name, bytes.len() as u64)
            .await
            .unwrap();
        let file = self.put(principal, &opened.id, bytes).await.unwrap();
        assert_eq!(file.reject_reason, "");
        file
    }

    pub(crate) async fn claim(&self, request: ClaimFilesRequest) -> Result<Vec<File>, Status> {
        self.service_files()
            .claim_files(request)
            .await
            .map(|response| response.into_inner().files)
    }

    pub(crate) async fn release(&self, request: ReleaseFilesRequest) {
        self.service_files().release_files(request).await.unwrap();
    }

    pub(crate) async fn download(
        &self,
        principal: &Principal,
        id: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Got, Status> {
        let mut request = Request::new(DownloadRequest { id: id.to_owned() });
        for (name, value) in headers {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        collect(self.files(principal).download(request).await?).await
    }

    pub(crate) async fn read(&self, id: &str) -> Result<Got, Status> {
        collect(
            self.service_files()
                .read_file(ReadFileRequest { id: id.to_owned() })
                .await?,
        )
        .await
    }

    pub(crate) async fn advance(&self, by: time::Duration) {
        self.service.advance(by).await;
    }

    pub(crate) async fn sweep(&self) {
        self.service.run_tasks().await;
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&self.service.ctx.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn rows<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(
        &self,
        query: &'static str,
    ) -> Vec<T> {
        sqlx::query_as(query)
            .fetch_all(&self.service.ctx.pool)
            .await
            .unwrap()
    }
}

async fn collect(response: Response<Streaming<HttpBody>>) -> Result<Got, Status> {
    let metadata = response.metadata().clone();
    let mut pieces = response.into_inner();
    let mut first = None;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await? {
        bytes.extend_from_slice(&piece.data);
        first.get_or_insert(piece);
    }
    Ok(Got {
        first: first.expect("a download has a first piece"),
        bytes,
        metadata,
    })
}

pub(crate) fn student(number: u128) -> Principal {
    Principal {
        account_id: Uuid::from_u128(1000 + number),
        ..testing::student("10213", Uuid::from_u128(number))
    }
}

pub(crate) fn employer(number: u128) -> Principal {
    Principal {
        account_id: Uuid::from_u128(2000 + number),
        ..testing::employer(Uuid::from_u128(number))
    }
}

pub(crate) fn school(code: &str) -> Principal {
    testing::school_staff(code)
}

pub(crate) fn department(code: &str, department: &str) -> Principal {
    testing::department_staff(code, department)
}

pub(crate) fn province() -> Principal {
    testing::province_staff()
}

/// The stable reason within an error.
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_else(|| status.to_string())
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A PDF of one page with that text.
pub(crate) fn pdf(text: &str) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let content = document.add_object(Stream::new(
        dictionary! {},
        format!("% {text}\nBT ET").into_bytes(),
    ));
    let pages = document.new_object_id();
    let page = document.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    });
    let tree = dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 };
    document.objects.insert(pages, Object::Dictionary(tree));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

pub(crate) fn png() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(RgbImage::new(6, 4))
        .write_to(&mut bytes, ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

pub(crate) fn csv() -> Vec<u8> {
    "姓名,学号\n李雷,2022001\n".as_bytes().to_vec()
}
