//! Bytes of files: on disk (`file://folder`) or in an S3 bucket (`s3://bucket`), always streamed.

use std::{ops::Range, pin::Pin, sync::Arc};

use anyhow::Context as _;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    memory::InMemory,
    path::Path,
};
use sha2::{Digest as _, Sha256};

/// Pieces of bytes.
pub type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// A file store by URL.
#[derive(Clone, Debug)]
pub struct FileStore(Arc<dyn ObjectStore>);

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutResult {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

/// Why a file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("no such file")]
    NotFound,
    /// The stream of the writer failed; nothing was kept.
    #[error("the source of the bytes failed")]
    Source(#[source] std::io::Error),
    /// The store failed.
    #[error("the file store failed")]
    Store(#[source] object_store::Error),
}

impl FileStore {
    /// Opens the store of a URL; credentials of S3 come from `AWS_*` in the environment. A folder is made when missing.
    ///
    /// # Errors
    /// When the scheme is unknown or the folder cannot be made.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        match url.split_once("://") {
            Some(("file", folder)) => {
                std::fs::create_dir_all(folder).with_context(|| format!("cannot make {folder}"))?;
                Ok(Self(Arc::new(
                    LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true),
                )))
            }
            Some(("s3", bucket)) => Ok(Self(Arc::new(bucket_of(bucket)?))),
            Some(("memory", _)) => Ok(Self::memory()),
            _ => anyhow::bail!("files.url must begin with file:// or s3://"),
        }
    }

    /// A store that is gone with the process; for tests.
    #[must_use]
    pub fn memory() -> Self {
        Self(Arc::new(InMemory::new()))
    }

    /// Writes a file in pieces; it appears whole or not at all.
    ///
    /// # Errors
    /// [`FileError::Source`] when the stream fails, [`FileError::Store`] when the store does.
    pub async fn put_stream(&self, path: &str, mut stream: ByteStream) -> Result<PutResult, FileError> {
        let upload = self
            .0
            .put_multipart(&Path::from(path))
            .await
            .map_err(FileError::Store)?;
        let mut writer = WriteMultipart::new(upload);
        let mut hasher = Sha256::new();
        let mut size = 0u64;
        while let Some(piece) = stream.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    drop(writer.abort().await);
                    return Err(FileError::Source(error));
                }
            };
            writer.wait_for_capacity(4).await.map_err(FileError::Store)?;
            hasher.update(&piece);
            size = size.saturating_add(piece.len() as u64);
            writer.put(piece);
        }
        writer.finish().await.map_err(FileError::Store)?;
        Ok(PutResult {
            size,
            sha256: hex::encode(hasher.finalize()),
        })
    }

    /// Writes a file in one piece.
    ///
    /// # Errors
    /// [`FileError::Store`] when the store fails.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<PutResult, FileError> {
        let result = PutResult {
            size: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(&bytes)),
        };
        self.0
            .put(&Path::from(path), PutPayload::from_bytes(bytes))
            .await
            .map_err(FileError::Store)?;
        Ok(result)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`FileError::NotFound`], or the store's.
    pub async fn get(&self, path: &str) -> Result<Bytes, FileError> {
        self.0
            .get(&Path::from(path))
            .await?
            .bytes()
            .await
            .map_err(FileError::from)
    }

    /// Reads a file or a part of it in pieces, with the length of the whole file.
    ///
    /// # Errors
    /// [`FileError::NotFound`], or the store's.
    pub async fn get_range_stream(
        &self,
        path: &str,
        range: Option<Range<u64>>,
    ) -> Result<(ByteStream, u64), FileError> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let result = self.0.get_opts(&Path::from(path), options).await?;
        let size = result.meta.size;
        Ok((
            Box::pin(result.into_stream().map_err(std::io::Error::other)),
            size,
        ))
    }

    /// Deletes a file; one that is not there is fine.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, path: &str) -> Result<(), FileError> {
        match self.0.delete(&Path::from(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(FileError::Store(error)),
        }
    }

    /// True when the file is there.
    ///
    /// # Errors
    /// The store's.
    pub async fn exists(&self, path: &str) -> Result<bool, FileError> {
        match self.0.head(&Path::from(path)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(FileError::Store(error)),
        }
    }
}

/// `bucket?region=…&endpoint=…&access_key=…&secret_key=…`; what is missing comes from `AWS_*` in the environment.
fn bucket_of(text: &str) -> anyhow::Result<AmazonS3> {
    // The HTTP client brings no cryptography of its own; somebody may have installed ours before.
    drop(rustls::crypto::ring::default_provider().install_default());
    let (bucket, options) = text.split_once('?').unwrap_or((text, ""));
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket.trim_end_matches('/'));
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let value = percent_encoding::percent_decode_str(value).decode_utf8()?;
        builder = match key {
            "region" => builder.with_region(value),
            // A store of one's own may stand on plain HTTP inside the cluster.
            "endpoint" => builder
                .with_allow_http(value.starts_with("http://"))
                .with_endpoint(value),
            "access_key" => builder.with_access_key_id(value),
            "secret_key" => builder.with_secret_access_key(value),
            _ => anyhow::bail!("files.url: there is no option `{key}`"),
        };
    }
    Ok(builder.build()?)
}

impl From<object_store::Error> for FileError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            error => Self::Store(error),
        }
    }
}

impl From<FileError> for crate::status::Fault {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NotFound => Self::not_found("FILE_NOT_FOUND", "文件不存在或已被删除"),
            error => Self::internal(&error),
        }
    }
}
