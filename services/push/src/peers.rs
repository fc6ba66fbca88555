//! What this service asks identity.

use std::time::Duration;

use qihang_kit::Context;
use qihang_proto::identity::v1::{
    BatchGetStudentsRequest, ListStaffAccountsRequest, ListStaffAccountsResponse,
    directory_service_client::DirectoryServiceClient,
};
use uuid::Uuid;

use crate::error::Error;

/// How long a student's graduation year is remembered; it hardly ever changes.
const REMEMBERED: Duration = Duration::from_secs(600);

/// A student's graduation year; none for a student who is no longer on the roster.
///
/// # Errors
/// When identity is away and the answer is not remembered: what concerns a person is never guessed.
pub(crate) async fn cohort(ctx: &Context, student_id: Uuid) -> Result<Option<i32>, Error> {
    let key = format!("push:cohort:{student_id}");
    if let Some(known) = ctx.cache.get(&key).await? {
        return Ok(std::str::from_utf8(&known)
            .ok()
            .and_then(|text| text.parse().ok()));
    }
    let request = BatchGetStudentsRequest {
        ids: vec![student_id.to_string()],
    };
    let reply = DirectoryServiceClient::new(ctx.channels.get("identity"))
        .batch_get_students(request)
        .await
        .map_err(|status| away(&status))?;
    let students = reply.into_inner().students;
    let cohort = students
        .first()
        .and_then(|student| i32::try_from(student.cohort).ok());
    if let Some(cohort) = cohort {
        ctx.cache.set(&key, cohort.to_string(), REMEMBERED).await?;
    }
    Ok(cohort)
}

/// Accounts of staff.
///
/// # Errors
/// When identity is away.
pub(crate) async fn staff(
    ctx: &Context,
    request: ListStaffAccountsRequest,
) -> Result<ListStaffAccountsResponse, Error> {
    let reply = DirectoryServiceClient::new(ctx.channels.get("identity"))
        .list_staff_accounts(request)
        .await;
    Ok(reply.map_err(|status| away(&status))?.into_inner())
}

fn away(status: &tonic::Status) -> Error {
    tracing::warn!(code = ?status.code(), "identity does not answer");
    Error::PeerAway("identity")
}
