//! gRPC handlers, one file a proto service; the long one a folder.

mod clauses;
mod destinations;
mod editions;
mod guides;
mod queue;
mod reviews;
mod signing;
mod verifications;

pub(crate) use self::{
    clauses::Clauses, destinations::Destinations, editions::Editions, guides::Guides, queue::Queue,
    reviews::Reviews, signing::Signing, verifications::Verifications,
};
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// An id of a request; the validation layer has let only UUIDs through.
fn id(text: &str) -> Result<uuid::Uuid, Error> {
    text.parse().map_err(|_| Error::BadId("id"))
}

/// A request id for a part of a call's work, which follows from the call's and the part; empty when the call has none. Should
/// the call come again when the part has become another, that is another request.
pub(crate) fn part_id(request_id: &str, part: &impl Message) -> String {
    if request_id.is_empty() {
        return String::new();
    }
    let digest = Sha256::new()
        .chain_update(request_id)
        .chain_update(part.encode_to_vec())
        .finalize();
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
