//! Reading request bodies with limits of size and time.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::problem::Problem;

/// The length that a request declares.
pub fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The next piece of a body; `None` at its end. Pieces without bytes are passed over.
///
/// # Errors
/// When the body breaks off or pauses for longer than `pause`.
pub async fn next_piece(body: &mut Body, pause: Duration) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = match timeout(pause, body.frame()).await {
            Err(_) => return Err(Problem::slow_body()),
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => frame.map_err(|_| Problem::broken_body())?,
        };
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
}

/// Reads a whole body.
///
/// # Errors
/// 413 when it is longer than `limit`, 408 when it is slow, 400 when it breaks off.
pub async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: u64,
    pause: Duration,
) -> Result<Bytes, Problem> {
    if declared_length(headers).is_some_and(|length| length > limit) {
        return Err(Problem::too_large(limit));
    }
    let Some(first) = next_piece(&mut body, pause).await? else {
        return Ok(Bytes::new());
    };
    let mut whole = BytesMut::from(first);
    // Dripping one byte a pause does not keep a connection for ever.
    let allowance = pause * 4;
    let all = async {
        while let Some(piece) = next_piece(&mut body, pause).await? {
            if (whole.len() + piece.len()) as u64 > limit {
                return Err(Problem::too_large(limit));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(())
    };
    timeout(allowance, all)
        .await
        .map_err(|_| Problem::slow_body())??;
    if whole.len() as u64 > limit {
        Err(Problem::too_large(limit))
    } else {
        Ok(whole.freeze())
    }
}
