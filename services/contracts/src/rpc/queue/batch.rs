//! Approving several plain reviews at once: agreements here, records of identity there in the caller's name.

use std::collections::HashMap;

use qihang_kit::{
    auth::{self, Caller, Principal},
    db,
    idempotency::Call,
    status::Fault,
};
use qihang_proto::{
    contracts::v1::{
        BatchApproveReviewsRequest, BatchApproveReviewsResponse, batch_approve_reviews_request::Item,
        batch_approve_reviews_response::Result as Outcome,
    },
    identity::v1::{BatchApproveOriginsRequest, batch_approve_origins_request::Item as OriginItem},
};
use sqlx::{Connection as _, PgConnection};
use tonic::Request;
use uuid::Uuid;

use super::reviewer;
use crate::{
    App,
    act::{self, By, With},
    domain::{
        agreement::Command,
        queue::{self as rules, Hindrance, ORIGIN},
    },
    error::Error,
    peers,
    rpc::{id, part_id},
    scope::Scope,
    store::queue::{self, Row},
};

/// Approves each for itself, in one transaction with the request id.
pub(super) async fn approve(
    app: &App,
    request: &Request<BatchApproveReviewsRequest>,
) -> Result<BatchApproveReviewsResponse, Error> {
    let (principal, caller) = (auth::principal(request)?, auth::caller(request));
    let message = request.get_ref();
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new(
        "BatchApproveReviews",
        principal.account_id,
        &message.request_id,
        message,
    );
    let answer = call
        .once(&mut transaction, async |conn| {
            let mut outcomes = HashMap::new();
            let rows = sort_out(conn, message, principal, &mut outcomes).await?;
            let (origins, agreements): (Vec<_>, Vec<_>) =
                rows.into_iter().partition(|row| row.kind == ORIGIN);
            approve_origins(app, request, &origins, &mut outcomes).await?;
            approve_agreements(app, conn, agreements, (principal, &caller), &mut outcomes).await?;
            Ok(answer(&message.items, &outcomes))
        })
        .await?;
    transaction.commit().await?;
    app.ctx.outbox.wake();
    Ok(answer)
}

/// By id in the queue; a refusal with its stable reason and its sentence.
type Outcomes = HashMap<Uuid, Result<(), (String, String)>>;

fn said(error: Error) -> (String, String) {
    let fault = Fault::from(error);
    (fault.reason().to_owned(), fault.message().to_owned())
}

/// The reviews that may be approved; of the others, why not.
async fn sort_out(
    conn: &mut PgConnection,
    message: &BatchApproveReviewsRequest,
    principal: &Principal,
    outcomes: &mut Outcomes,
) -> Result<Vec<Row>, Error> {
    let scope = Scope::of(principal)?;
    let now = db::now(&mut *conn).await?;
    let mut rows: Vec<Row> = Vec::new();
    for item in &message.items {
        let id = id(&item.id)?;
        if outcomes.contains_key(&id) || rows.iter().any(|row| row.id == id) {
            continue;
        }
        let row = queue::find(&mut *conn, id, &scope).await?;
        let judged = row.ok_or(Error::ReviewNotFound).and_then(|row| {
            rules::batchable(&row.waiting(), reviewer(principal), now)?;
            if u32::try_from(row.submission) != Ok(item.submission) {
                return Err(Hindrance::SubmissionChanged.into());
            }
            Ok(row)
        });
        match judged {
            Ok(row) => rows.push(row),
            Err(error) => drop(outcomes.insert(id, Err(said(error)))),
        }
    }
    Ok(rows)
}

/// Identity judges and decides its own records: it is asked with the caller's token.
async fn approve_origins(
    app: &App,
    request: &Request<BatchApproveReviewsRequest>,
    rows: &[Row],
    outcomes: &mut Outcomes,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let items = rows.iter().map(|row| OriginItem {
        student_id: row.record_id.to_string(),
        version: u32::try_from(row.submission).unwrap_or_default(),
    });
    let mut asked = BatchApproveOriginsRequest {
        items: items.collect(),
        request_id: String::new(),
    };
    asked.request_id = part_id(&request.get_ref().request_id, &asked);
    let reply = peers::approve_origins(&app.ctx, request, asked).await?;
    for (row, result) in rows.iter().zip(reply.results) {
        let outcome = if result.approved {
            Ok(())
        } else {
            Err((result.reason_code, result.reason))
        };
        outcomes.insert(row.id, outcome);
    }
    Ok(())
}

/// Each behind a savepoint, so that one refusal does not undo the others; in one order, so that two batches with the same
/// agreements wait instead of blocking each other for ever.
async fn approve_agreements(
    app: &App,
    conn: &mut PgConnection,
    mut rows: Vec<Row>,
    (principal, caller): (&Principal, &Caller),
    outcomes: &mut Outcomes,
) -> Result<(), Error> {
    rows.sort_by_key(|row| row.record_id);
    let by = By {
        principal: Some(principal),
        caller,
    };
    for row in rows {
        let mut savepoint = conn.begin().await?;
        match approve_agreement(app, &mut savepoint, &row, &by).await {
            Ok(()) => {
                savepoint.commit().await?;
                outcomes.insert(row.id, Ok(()));
            }
            Err(Error::Database(error)) => return Err(Error::Database(error)),
            Err(error) => {
                savepoint.rollback().await?;
                outcomes.insert(row.id, Err(said(error)));
            }
        }
    }
    Ok(())
}

async fn approve_agreement(app: &App, conn: &mut PgConnection, row: &Row, by: &By<'_>) -> Result<(), Error> {
    let mut record = act::load(&mut *conn, row.record_id, by).await?;
    let command = Command::Approve {
        revision: row.submission,
    };
    act::apply(app, conn, &mut record, command, by, With::default()).await
}

fn answer(items: &[Item], outcomes: &Outcomes) -> BatchApproveReviewsResponse {
    let results: Vec<Outcome> = items.iter().map(|item| outcome(item, outcomes)).collect();
    let approved = results.iter().filter(|result| result.approved).count();
    BatchApproveReviewsResponse {
        approved_count: u32::try_from(approved).unwrap_or(u32::MAX),
        results,
    }
}

fn outcome(item: &Item, outcomes: &Outcomes) -> Outcome {
    let outcome = id(&item.id).ok().and_then(|id| outcomes.get(&id));
    let refusal = match outcome {
        Some(outcome) => outcome.clone().err(),
        None => Some(said(Error::PeerAway("identity"))),
    };
    let approved = refusal.is_none();
    let (reason_code, reason) = refusal.unwrap_or_default();
    Outcome {
        id: item.id.clone(),
        approved,
        reason_code,
        reason,
    }
}
