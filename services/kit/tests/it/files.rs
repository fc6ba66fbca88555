//! One suite for the file stores.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use qihang_kit::{
    files::{ByteStream, FileError, FileStore},
    ids::Ids,
};
use sha2::{Digest as _, Sha256};

fn stream(pieces: Vec<std::io::Result<Bytes>>) -> ByteStream {
    Box::pin(futures::stream::iter(pieces))
}

async fn read(store: &FileStore, path: &str, range: Option<std::ops::Range<u64>>) -> (Bytes, u64) {
    let (stream, size) = store.get_range_stream(path, range).await.unwrap();
    let whole = stream.try_fold(BytesMut::new(), |mut whole, piece| async move {
        whole.extend_from_slice(&piece);
        Ok(whole)
    });
    (whole.await.unwrap().freeze(), size)
}

async fn suite(store: FileStore) {
    let path = format!("a/{}", Ids::random().new_id());
    assert!(matches!(store.get(&path).await, Err(FileError::NotFound)));
    assert!(!store.exists(&path).await.unwrap());
    // More than one part of a multipart upload.
    let piece = Bytes::from(vec![7u8; 1 << 20]);
    let pieces: Vec<_> = (0..12).map(|_| Ok(piece.clone())).collect();
    let put = store.put_stream(&path, stream(pieces)).await.unwrap();
    assert_eq!(put.size, 12 << 20);
    assert_eq!(put.sha256, hex::encode(Sha256::digest(vec![7u8; 12 << 20])));
    assert!(store.exists(&path).await.unwrap());
    assert_eq!(read(&store, &path, None).await.0.len(), 12 << 20);
    let (part, size) = read(&store, &path, Some(10..15)).await;
    assert_eq!((part.len(), size), (5, 12 << 20));
    assert_eq!(
        store.put(&path, Bytes::from_static(b"new")).await.unwrap().size,
        3
    );
    assert_eq!(store.get(&path).await.unwrap(), "new");
    store.delete(&path).await.unwrap();
    store.delete(&path).await.unwrap();
    assert!(!store.exists(&path).await.unwrap());
    // A broken source leaves nothing.
    let broken = vec![Ok(piece), Err(std::io::Error::other("gone"))];
    assert!(matches!(
        store.put_stream(&path, stream(broken)).await,
        Err(FileError::Source(_))
    ));
    assert!(!store.exists(&path).await.unwrap());
    assert_eq!(stream(vec![]).count().await, 0);
}

#[tokio::test]
async fn memory_keeps_the_promises() {
    suite(FileStore::memory()).await;
}

#[tokio::test]
async fn a_folder_keeps_the_promises() {
    let folder = std::env::temp_dir().join(format!("qihang-files-{}", Ids::random().new_id()));
    suite(FileStore::open(&format!("file://{}", folder.display())).unwrap()).await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_bucket_keeps_the_promises() {
    let endpoint = crate::bucket::serve().await;
    let url = format!("s3://ground?region=here&endpoint={endpoint}&access_key=key&secret_key=secret");
    suite(FileStore::open(&url).unwrap()).await;
    assert!(FileStore::open("s3://ground?colour=red").is_err());
}

#[tokio::test]
async fn other_schemes_are_refused() {
    assert!(FileStore::open("ftp://x").is_err());
    assert!(FileStore::open("folder").is_err());
}
