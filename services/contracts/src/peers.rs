//! What this service asks others.

use qihang_kit::{Context, codes};
use qihang_proto::{
    documents::v1::{
        IssueDocumentRequest, IssuedDocument, RenderFormat, RenderRequest, VerifySealRequest,
        VerifySealResponse, render_service_client::RenderServiceClient,
    },
    identity::v1::{
        BatchApproveOriginsRequest, BatchApproveOriginsResponse, BatchFindStudentsRequest,
        BatchGetEmployersRequest, BatchGetSchoolsRequest, BatchGetStudentsRequest, DirectoryEmployer,
        DirectorySchool, DirectoryStudent, FindStudentRequest, ListCodeChangesRequest,
        directory_service_client::DirectoryServiceClient, list_code_changes_response,
        origin_service_client::OriginServiceClient,
    },
};
use time::{Duration, OffsetDateTime};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    domain::{guide::Origin, window::Window},
    error::Error,
};

/// Largest drawing taken from documents.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// The student that an employer names.
pub(crate) async fn find_student(
    ctx: &Context,
    request: FindStudentRequest,
) -> Result<DirectoryStudent, Error> {
    let mut client = DirectoryServiceClient::new(ctx.channels.get("identity"));
    match client.find_student(request).await {
        Ok(reply) => Ok(reply.into_inner()),
        // What identity's rules refuse, e.g. a name of nothing but spaces, names nobody either.
        Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => {
            Err(Error::StudentNotFound)
        }
        Err(status) => Err(away("identity", &status)),
    }
}

/// The students that an employer names, at most 200; those that are none are left out.
pub(crate) async fn find_students(
    ctx: &Context,
    students: Vec<FindStudentRequest>,
) -> Result<Vec<DirectoryStudent>, Error> {
    let mut client = DirectoryServiceClient::new(ctx.channels.get("identity"));
    let reply = client
        .batch_find_students(BatchFindStudentsRequest { students })
        .await
        .map_err(|status| away("identity", &status))?;
    Ok(reply.into_inner().students)
}

/// A student as identity knows them now.
pub(crate) async fn student(ctx: &Context, id: Uuid) -> Result<DirectoryStudent, Error> {
    let mut client = DirectoryServiceClient::new(ctx.channels.get("identity"));
    let request = BatchGetStudentsRequest {
        ids: vec![id.to_string()],
    };
    let reply = client
        .batch_get_students(request)
        .await
        .map_err(|status| away("identity", &status))?;
    reply
        .into_inner()
        .students
        .into_iter()
        .next()
        .ok_or(Error::StudentNotFound)
}

/// The state of a student's record.
pub(crate) fn origin(student: &DirectoryStudent) -> Origin {
    Origin {
        approved: student.origin_approved,
        waiting_for: student.origin_waiting_for.clone(),
        since: student
            .origin_since
            .and_then(|time| OffsetDateTime::from_unix_timestamp(time.seconds).ok()),
    }
}

/// What the province's published changes make of the code tables today.
pub(crate) async fn code_changes(ctx: &Context) -> Result<Vec<codes::Change>, Error> {
    let mut client = DirectoryServiceClient::new(ctx.channels.get("identity"));
    let reply = client
        .list_code_changes(ListCodeChangesRequest {})
        .await
        .map_err(|status| away("identity", &status))?;
    let change = |change: list_code_changes_response::Change| {
        let mut attributes: Vec<(String, String)> = change.attributes.into_iter().collect();
        attributes.sort();
        codes::Change {
            table: change.table,
            entry: codes::Entry {
                code: change.code,
                name: change.name,
                parent: Some(change.parent).filter(|parent| !parent.is_empty()),
                attributes,
                ended: change.ended,
            },
        }
    };
    Ok(reply.into_inner().changes.into_iter().map(change).collect())
}

/// When a student may sign; none is always.
pub(crate) fn signing_window(student: &DirectoryStudent) -> Option<Window> {
    let instant = |time: &Option<prost_types::Timestamp>| {
        let seconds = time.as_ref().map_or(0, |time| time.seconds);
        let nanos = time.as_ref().map_or(0, |time| i64::from(time.nanos));
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
            + Duration::nanoseconds(nanos)
    };
    student.signing_window.as_ref().map(|window| Window {
        open: instant(&window.open_time),
        close: instant(&window.close_time),
    })
}

/// Students as identity knows them now, at most 100; unknown ones are left out.
pub(crate) async fn students(ctx: &Context, ids: &[Uuid]) -> Result<Vec<DirectoryStudent>, Error> {
    let mut client = DirectoryServiceClient::new(ctx.channels.get("identity"));
    let request = BatchGetStudentsRequest {
        ids: ids.iter().map(Uuid::to_string).collect(),
    };
    let reply = client
        .batch_get_students(request)
        .await
        .map_err(|status| away("identity", &status))?;
    Ok(reply.into_inner().students)
}

/// Approves students' records in the name of the person whose call is being served.
pub(crate) async fn approve_origins<T>(
    ctx: &Context,
    served: &tonic::Request<T>,
    request: BatchApproveOriginsRequest,
) -> Result<BatchApproveOriginsResponse, Error> {
    let mut client = OriginServiceClient::new(ctx.channels.get("identity").acting_for(served));
    let reply = client.batch_approve_origins(request).await;
    reply
        .map(tonic::Response::into_inner)
        .map_err(|status| away("identity", &status))
}

/// An employer, which must be admitted.
pub(crate) async fn employer(ctx: &Context, id: Uuid) -> Result<DirectoryEmployer, Error> {
    let mut client = DirectoryServiceClient::new(ctx.channels.get("identity"));
    let request = BatchGetEmployersRequest {
        ids: vec![id.to_string()],
    };
    let reply = client
        .batch_get_employers(request)
        .await
        .map_err(|status| away("identity", &status))?;
    reply
        .into_inner()
        .employers
        .into_iter()
        .next()
        .filter(|employer| employer.state == "APPROVED")
        .ok_or(Error::EmployerNotApproved)
}

/// Checks that a student's school does not keep the employer of an offer away just now.
pub(crate) fn may_sign_with(student: &DirectoryStudent, employer_id: Uuid) -> Result<(), Error> {
    let employer_id = employer_id.to_string();
    if student.frozen_employer_ids.contains(&employer_id) {
        return Err(Error::OfferFrozen);
    }
    Ok(())
}

/// Checks that a school does not keep an employer from its students (SM-15).
pub(crate) fn not_frozen(employer: &DirectoryEmployer, school_code: &str) -> Result<(), Error> {
    if employer
        .frozen_school_codes
        .iter()
        .any(|code| code == school_code)
    {
        return Err(Error::EmployerFrozen);
    }
    Ok(())
}

/// A school.
pub(crate) async fn school(ctx: &Context, code: &str) -> Result<DirectorySchool, Error> {
    let mut schools = schools(ctx, vec![code.to_owned()]).await?;
    schools.pop().ok_or(Error::PeerAway("identity"))
}

/// Schools, at most 100; unknown ones are left out.
pub(crate) async fn schools(ctx: &Context, codes: Vec<String>) -> Result<Vec<DirectorySchool>, Error> {
    let mut client = DirectoryServiceClient::new(ctx.channels.get("identity"));
    let reply = client
        .batch_get_schools(BatchGetSchoolsRequest { codes })
        .await
        .map_err(|status| away("identity", &status))?;
    Ok(reply.into_inner().schools)
}

/// Draws a document without keeping it.
pub(crate) async fn render(
    ctx: &Context,
    template: &str,
    data: prost_types::Struct,
    format: RenderFormat,
    watermark: &str,
) -> Result<Vec<Vec<u8>>, Error> {
    let request = RenderRequest {
        template: template.to_owned(),
        data: Some(data),
        format: format.into(),
        watermark: watermark.to_owned(),
    };
    let reply = documents(ctx)
        .render(request)
        .await
        .map_err(|status| away("documents", &status))?;
    Ok(reply.into_inner().pages)
}

/// Draws, seals and keeps a document.
pub(crate) async fn issue(ctx: &Context, request: IssueDocumentRequest) -> Result<IssuedDocument, Status> {
    Ok(documents(ctx).issue_document(request).await?.into_inner())
}

/// Checks the seal of a file.
pub(crate) async fn verify_seal(ctx: &Context, pdf: Vec<u8>) -> Result<VerifySealResponse, Error> {
    let reply = documents(ctx).verify_seal(VerifySealRequest { pdf }).await;
    reply
        .map(tonic::Response::into_inner)
        .map_err(|status| away("documents", &status))
}

fn documents(ctx: &Context) -> RenderServiceClient<qihang_kit::client::ServiceChannel> {
    RenderServiceClient::new(ctx.channels.get("documents"))
        .max_decoding_message_size(MAX_REPLY)
        .max_encoding_message_size(MAX_REPLY)
}

fn away(peer: &'static str, status: &Status) -> Error {
    tracing::warn!(peer, code = ?status.code(), "peer did not answer");
    Error::PeerAway(peer)
}
