//! Bytes as the stream of pieces that the gateway makes a file of.

use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use qihang_proto::common::v1::HttpBody;
use tonic::Status;

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// The pieces of a download.
pub type Pieces = BoxStream<'static, Result<HttpBody, Status>>;

/// Cuts bytes into pieces. The first one also carries the type, the name and the length of the whole.
#[must_use]
pub fn pieces(content_type: &str, file_name: &str, bytes: impl Into<Bytes>) -> Pieces {
    let mut rest = bytes.into();
    let mut head = Some(HttpBody {
        content_type: content_type.to_owned(),
        file_name: file_name.to_owned(),
        total_bytes: u64::try_from(rest.len()).unwrap_or(u64::MAX),
        data: Bytes::new(),
    });
    let pieces = std::iter::from_fn(move || {
        if head.is_none() && rest.is_empty() {
            return None;
        }
        let data = rest.split_to(rest.len().min(PIECE));
        Some(Ok(HttpBody {
            data,
            ..head.take().unwrap_or_default()
        }))
    });
    stream::iter(pieces).boxed()
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    async fn cut(length: usize) -> Vec<HttpBody> {
        let bytes: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
        let cut: Vec<HttpBody> = pieces("text/plain", "表.txt", bytes.clone())
            .try_collect()
            .await
            .unwrap();
        let data: Vec<u8> = cut.iter().flat_map(|piece| piece.data.to_vec()).collect();
        assert_eq!(data, bytes);
        assert_eq!(
            (
                cut[0].content_type.as_str(),
                cut[0].file_name.as_str(),
                cut[0].total_bytes
            ),
            ("text/plain", "表.txt", length as u64)
        );
        assert!(cut.iter().skip(1).all(|piece| piece.content_type.is_empty()));
        cut
    }

    #[tokio::test]
    async fn pieces_make_the_whole_and_the_first_says_what_it_is() {
        assert_eq!(cut(0).await.len(), 1);
        assert_eq!(cut(PIECE).await.len(), 1);
        assert_eq!(cut(PIECE + 1).await.len(), 2);
    }
}
