//! `AgreementReviewService`: the school's side.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal, Role},
    codes,
    idempotency::Call,
    page,
    status::Fault,
};
use qihang_proto::contracts::v1::*;
use sqlx::{Connection as _, PgConnection};
use time::OffsetDateTime;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::signing::{Asked, Plain, many, plain, run};
use crate::{
    App,
    act::{self, By, With},
    domain::{agreement::Command, queue::AGREEMENT},
    error::Error,
    rpc::id,
    scope::Scope,
    store::lists,
};

/// Handlers of `AgreementReviewService`.
pub(crate) struct Reviews(pub(crate) Arc<App>);

#[async_trait]
impl agreement_review_service_server::AgreementReviewService for Reviews {
    async fn list_agreement_reviews(
        &self,
        request: Request<ListAgreementReviewsRequest>,
    ) -> Result<Response<ListAgreementsResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(list(&self.0, request.get_ref(), principal).await?))
    }

    async fn claim_review(&self, request: Request<CommandRequest>) -> Result<Response<Agreement>, Status> {
        plain(
            &self.0,
            &request,
            Plain::bare(request.get_ref(), "ClaimReview", Command::ClaimReview),
        )
        .await
    }

    async fn release_review(&self, request: Request<CommandRequest>) -> Result<Response<Agreement>, Status> {
        plain(
            &self.0,
            &request,
            Plain::bare(request.get_ref(), "ReleaseReview", Command::ReleaseReview),
        )
        .await
    }

    async fn approve_agreement(
        &self,
        request: Request<ApproveAgreementRequest>,
    ) -> Result<Response<Agreement>, Status> {
        let message = request.get_ref();
        let asked = Asked {
            request: &request,
            method: "ApproveAgreement",
            id: &message.id,
            etag: &message.etag,
            request_id: &message.request_id,
        };
        let command = Command::Approve {
            revision: revision(message.revision),
        };
        run(&self.0, asked, move |work| {
            Box::pin(async move {
                act::apply(
                    work.app,
                    work.conn,
                    work.record,
                    command,
                    work.by,
                    With::default(),
                )
                .await
            })
        })
        .await
    }

    async fn reject_agreement(
        &self,
        request: Request<RejectAgreementRequest>,
    ) -> Result<Response<Agreement>, Status> {
        let message = request.get_ref();
        let asked = Asked {
            request: &request,
            method: "RejectAgreement",
            id: &message.id,
            etag: &message.etag,
            request_id: &message.request_id,
        };
        let command = Command::Reject {
            revision: revision(message.revision),
        };
        let words = codes::review_reason(AGREEMENT, &message.reason_code)?;
        let with = With {
            reason: format!("{words}：{}", message.reason.trim()),
            reason_code: message.reason_code.clone(),
            reason_fields: message.fields.clone(),
            ..With::default()
        };
        run(&self.0, asked, move |work| {
            Box::pin(act::apply(
                work.app,
                work.conn,
                work.record,
                command,
                work.by,
                with,
            ))
        })
        .await
    }

    async fn batch_approve_agreements(
        &self,
        request: Request<BatchApproveAgreementsRequest>,
    ) -> Result<Response<BatchApproveAgreementsResponse>, Status> {
        let principal = auth::principal(&request)?;
        let caller = auth::caller(&request);
        Ok(Response::new(
            batch(&self.0, request.get_ref(), principal, &caller).await?,
        ))
    }
}

fn revision(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

async fn list(
    app: &App,
    request: &ListAgreementReviewsRequest,
    principal: &Principal,
) -> Result<ListAgreementsResponse, Error> {
    let scope = Scope::of(principal)?;
    let department = Some(request.department.as_str()).filter(|name| !name.is_empty());
    let query = page::Query::new(request.page_size, &request.page_token, &department)?;
    let after = query
        .after::<(i64, Uuid)>()?
        .map(|(nanos, id)| (moment(nanos), id));
    let mut conn = app.ctx.pool.acquire().await?;
    let department_level = principal.role == Role::Department;
    let rows = lists::to_review(
        &mut conn,
        &scope,
        department_level,
        department,
        after,
        query.limit(),
    )
    .await?;
    let (rows, next_page_token) = query.finish(rows, |record| {
        let nanos = i64::try_from(record.waiting_since.unix_timestamp_nanos()).unwrap_or(i64::MAX);
        (nanos, record.rules.id)
    });
    let agreements = many(app, &mut conn, &rows, principal).await?;
    Ok(ListAgreementsResponse {
        agreements,
        next_page_token,
    })
}

fn moment(nanos: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(nanos)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// All items in one transaction with the request id, each behind a savepoint, so that one refusal does not undo the others.
async fn batch(
    app: &App,
    request: &BatchApproveAgreementsRequest,
    principal: &Principal,
    caller: &Caller,
) -> Result<BatchApproveAgreementsResponse, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let call = Call::new(
        "BatchApproveAgreements",
        principal.account_id,
        &request.request_id,
        request,
    );
    let answer = call
        .once(&mut transaction, async |conn| {
            let by = By {
                principal: Some(principal),
                caller,
            };
            // Locked in one order, so that two batches with the same agreements wait instead of blocking each other for ever.
            let mut items: Vec<(usize, &ReviewItem)> = request.items.iter().enumerate().collect();
            items.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
            let mut results = Vec::with_capacity(items.len());
            for (place, item) in items {
                results.push((place, result(item, approve_one(app, conn, item, &by).await)?));
            }
            results.sort_by_key(|(place, _)| *place);
            Ok(BatchApproveAgreementsResponse {
                results: results.into_iter().map(|(_, result)| result).collect(),
            })
        })
        .await?;
    transaction.commit().await?;
    app.ctx.outbox.wake();
    Ok(answer)
}

/// What became of one item; a broken database is everybody's error and undoes the whole.
fn result(item: &ReviewItem, outcome: Result<(), Error>) -> Result<ReviewResult, Error> {
    let fault = match outcome {
        Ok(()) => {
            return Ok(ReviewResult {
                id: item.id.clone(),
                approved: true,
                ..ReviewResult::default()
            });
        }
        Err(Error::Database(error)) => return Err(Error::Database(error)),
        Err(error) => Fault::from(error),
    };
    Ok(ReviewResult {
        id: item.id.clone(),
        approved: false,
        code: fault.reason().to_owned(),
        message: fault.message().to_owned(),
    })
}

async fn approve_one(
    app: &App,
    conn: &mut PgConnection,
    item: &ReviewItem,
    by: &By<'_>,
) -> Result<(), Error> {
    let mut savepoint = conn.begin().await?;
    let mut record = act::load(&mut savepoint, id(&item.id)?, by).await?;
    let command = Command::Approve {
        revision: revision(item.revision),
    };
    act::apply(app, &mut savepoint, &mut record, command, by, With::default()).await?;
    savepoint.commit().await?;
    Ok(())
}
