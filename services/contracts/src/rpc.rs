//! gRPC handlers, one file a proto service; the long one a folder.

mod clauses;
mod destinations;
mod guides;
mod queue;
mod reviews;
mod signing;
mod verifications;

pub(crate) use self::{
    clauses::Clauses, destinations::Destinations, guides::Guides, queue::Queue, reviews::Reviews,
    signing::Signing, verifications::Verifications,
};
use crate::error::Error;

/// An id of a request; the validation layer has let only UUIDs through.
fn id(text: &str) -> Result<uuid::Uuid, Error> {
    text.parse().map_err(|_| Error::BadId("id"))
}
