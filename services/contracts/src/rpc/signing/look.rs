//! Looking: lists, one agreement, its revisions and its history.

use qihang_kit::{
    auth::{self, Principal},
    page,
    status::Fault,
};
use qihang_proto::{
    common::v1::HistoryEntry,
    contracts::v1::{
        Agreement as Answer, CompareRevisionsRequest, CompareRevisionsResponse, FieldChange,
        GetAgreementRequest, ListAgreementHistoryRequest, ListAgreementHistoryResponse,
        ListAgreementsRequest, ListAgreementsResponse, ListStudentAgreementsRequest,
    },
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::command::{around, view};
use crate::{
    App,
    domain::{changes, window},
    error::Error,
    peers,
    rpc::id,
    scope::Scope,
    store::{
        agreements::{self, Record},
        corrections, history as steps, lists, revisions,
    },
    view::{self as shape, state_filter, timestamp},
};

/// Lists the caller's agreements.
pub(super) async fn list(
    app: &App,
    request: &Request<ListAgreementsRequest>,
) -> Result<Response<ListAgreementsResponse>, Status> {
    let principal = auth::principal(request)?;
    Ok(Response::new(list_of(app, request.get_ref(), principal).await?))
}

async fn list_of(
    app: &App,
    request: &ListAgreementsRequest,
    principal: &Principal,
) -> Result<ListAgreementsResponse, Error> {
    let scope = Scope::of(principal)?;
    let wanted: Vec<i32> = request.states.iter().copied().chain([request.state]).collect();
    let states = state_filter(&wanted);
    let query = page::Query::new(request.page_size, &request.page_token, &states)?;
    let mut conn = app.ctx.pool.acquire().await?;
    let rows = lists::of_party(&mut conn, &scope, &states, query.after::<Uuid>()?, query.limit()).await?;
    answer(
        app,
        &mut conn,
        query.finish(rows, |record| record.rules.id),
        principal,
    )
    .await
}

/// Lists the agreements of a student of the caller's school.
pub(super) async fn list_of_student(
    app: &App,
    request: &ListStudentAgreementsRequest,
    principal: &Principal,
) -> Result<ListAgreementsResponse, Error> {
    let (scope, student_id) = (Scope::of(principal)?, id(&request.student_id)?);
    let query = page::Query::new(request.page_size, &request.page_token, &student_id)?;
    // Asked before a connection is taken.
    let students = peers::students(&app.ctx, &[student_id]).await?;
    if !students.iter().any(|student| scope.covers(student)) {
        return Err(Error::NotFound);
    }
    let mut conn = app.ctx.pool.acquire().await?;
    let after = query.after::<Uuid>()?;
    let rows = lists::of_student(&mut conn, &scope, student_id, after, query.limit()).await?;
    answer(
        app,
        &mut conn,
        query.finish(rows, |record| record.rules.id),
        principal,
    )
    .await
}

async fn answer(
    app: &App,
    conn: &mut PgConnection,
    (rows, next_page_token): (Vec<Record>, String),
    principal: &Principal,
) -> Result<ListAgreementsResponse, Error> {
    Ok(ListAgreementsResponse {
        agreements: many(app, conn, &rows, principal).await?,
        next_page_token,
    })
}

/// Several agreements as the caller may see them, with one look at the terms of all.
pub(crate) async fn many(
    app: &App,
    conn: &mut PgConnection,
    records: &[Record],
    viewer: &Principal,
) -> Result<Vec<Answer>, Error> {
    let Some(first) = records.first() else {
        return Ok(Vec::new());
    };
    // A student's list is all one student's; for others slot and origin do not count.
    let around = around(&mut *conn, first.student_id, viewer).await?;
    let ids: Vec<Uuid> = records.iter().map(|record| record.rules.id).collect();
    let terms = revisions::of_many(conn, &ids).await?;
    records
        .iter()
        .map(|record| {
            let own = terms
                .iter()
                .find(|(id, _)| *id == record.rules.id)
                .map(|(_, terms)| terms);
            shape::agreement(app, record, own.ok_or(Error::RevisionNotFound)?, viewer, &around)
        })
        .collect()
}

/// Gets one agreement.
pub(super) async fn get(
    app: &App,
    request: &Request<GetAgreementRequest>,
) -> Result<Response<Answer>, Status> {
    let principal = auth::principal(request)?;
    let found = async {
        let mut conn = app.ctx.pool.acquire().await?;
        let record = find(&mut conn, &request.get_ref().id, principal).await?;
        let mut agreement = view(app, &mut conn, &record, principal).await?;
        let notes = corrections::of_agreement(&mut conn, record.rules.id).await?;
        agreement.correction_notes = notes.into_iter().map(shape::correction_note).collect();
        Ok::<_, Error>(agreement)
    };
    let mut agreement = found.await?;
    tell_hindrance(app, &mut agreement).await;
    Ok(Response::new(agreement))
}

/// Says on the button of accepting what only identity knows: that the school keeps the employer away, that the window is
/// closed. Without identity's word the button stays as it is, for accepting asks again.
pub(super) async fn tell_hindrance(app: &App, agreement: &mut Answer) {
    let student = agreement.student.as_ref().map(|student| id(&student.id));
    let employer = agreement.employer.as_ref().map(|employer| id(&employer.id));
    let (Some(Ok(student)), Some(Ok(employer))) = (student, employer) else {
        return;
    };
    let mut buttons = agreement.actions.iter_mut();
    let Some(button) = buttons.find(|action| action.name == "accept" && action.allowed) else {
        return;
    };
    let Ok(student) = peers::student(&app.ctx, student).await else {
        return;
    };
    let free = peers::may_sign_with(&student, employer).and_then(|()| {
        let window = peers::signing_window(&student);
        Ok(window::check(window, app.ctx.clock.now())?)
    });
    if let Err(error) = free {
        let fault = Fault::from(error);
        button.allowed = false;
        fault.reason().clone_into(&mut button.reason_code);
        fault.message().clone_into(&mut button.reason);
    }
}

/// The agreement of an id, in the caller's scope.
pub(super) async fn find(
    conn: &mut PgConnection,
    text: &str,
    principal: &Principal,
) -> Result<Record, Error> {
    agreements::find(conn, id(text)?, &Scope::of(principal)?)
        .await?
        .ok_or(Error::NotFound)
}

/// Compares two revisions.
pub(super) async fn compare(
    app: &App,
    request: &Request<CompareRevisionsRequest>,
) -> Result<Response<CompareRevisionsResponse>, Status> {
    let principal = auth::principal(request)?;
    Ok(Response::new(
        compare_of(app, request.get_ref(), principal).await?,
    ))
}

async fn compare_of(
    app: &App,
    request: &CompareRevisionsRequest,
    principal: &Principal,
) -> Result<CompareRevisionsResponse, Error> {
    let mut conn = app.ctx.pool.acquire().await?;
    let record = find(&mut conn, &request.id, principal).await?;
    let given = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let to = if request.to == 0 {
        record.rules.revision
    } else {
        given(request.to)
    };
    let from = if request.from == 0 {
        (to - 1).max(1)
    } else {
        given(request.from)
    };
    let older = revisions::terms(&mut conn, record.rules.id, from)
        .await?
        .ok_or(Error::RevisionNotFound)?;
    let newer = revisions::terms(&mut conn, record.rules.id, to)
        .await?
        .ok_or(Error::RevisionNotFound)?;
    let changes = changes::compare(&older, &newer)
        .into_iter()
        .map(|change| FieldChange {
            field: change.field.to_owned(),
            label: change.label.to_owned(),
            before: change.before,
            after: change.after,
        });
    Ok(CompareRevisionsResponse {
        from: u32::try_from(from).unwrap_or_default(),
        to: u32::try_from(to).unwrap_or_default(),
        changes: changes.collect(),
    })
}

/// Lists the steps of an agreement.
pub(super) async fn history(
    app: &App,
    request: &Request<ListAgreementHistoryRequest>,
) -> Result<Response<ListAgreementHistoryResponse>, Status> {
    let principal = auth::principal(request)?;
    let found = async {
        let mut conn = app.ctx.pool.acquire().await?;
        let record = find(&mut conn, &request.get_ref().id, principal).await?;
        let links = steps::list(&mut conn, record.rules.id).await?;
        let intact = steps::intact(&links);
        Ok::<_, Error>(ListAgreementHistoryResponse {
            entries: links.into_iter().map(entry).collect(),
            intact,
        })
    };
    Ok(Response::new(found.await?))
}

fn entry(link: steps::Link) -> HistoryEntry {
    HistoryEntry {
        sequence: u32::try_from(link.sequence).unwrap_or_default(),
        event: link.step.event,
        from_state: link.step.from_state,
        to_state: link.step.to_state,
        actor_role: link.step.actor_role,
        actor_name: link.step.actor_name,
        reason: link.step.reason,
        create_time: Some(timestamp(link.step.create_time)),
        hash: hex::encode(link.hash),
    }
}
