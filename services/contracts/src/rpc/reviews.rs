//! `AgreementReviewService`: the school's side.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal, Role},
    idempotency, page,
    status::Fault,
};
use qihang_proto::contracts::v1::*;
use time::OffsetDateTime;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::signing::{Asked, Plain, many, plain, run};
use crate::{
    App,
    act::{self, By, With},
    domain::agreement::Command,
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
        let reason = reason(message);
        run(&self.0, asked, move |work| {
            Box::pin(async move {
                let with = With {
                    reason,
                    ..With::default()
                };
                act::apply(work.app, work.conn, work.record, command, work.by, with).await
            })
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

/// Reason's class, text and fields in one line for the history.
fn reason(message: &RejectAgreementRequest) -> String {
    let class = match message.reason_code.as_str() {
        "TERMS_UNCLEAR" => "约定不清",
        "TERMS_UNLAWFUL" => "约定不合规",
        "EMPLOYER_DOUBTFUL" => "单位情况存疑",
        "INFORMATION_WRONG" => "信息有误",
        _ => "其他",
    };
    let fields = if message.fields.is_empty() {
        String::new()
    } else {
        format!("（{}）", message.fields.join("、"))
    };
    format!("{class}：{}{fields}", message.reason.trim())
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

/// Each item is a transaction of its own, so that one refusal does not undo the others. The request id keeps the answer of the
/// whole; a repeat after a crash in between approves what is left and reports the rest by its state.
async fn batch(
    app: &App,
    request: &BatchApproveAgreementsRequest,
    principal: &Principal,
    caller: &Caller,
) -> Result<BatchApproveAgreementsResponse, Error> {
    let mut claiming = app.ctx.pool.begin().await?;
    let claim = idempotency::claim(
        &mut claiming,
        "BatchApproveAgreements",
        principal.account_id,
        &request.request_id,
        request,
    )
    .await?;
    let ticket = match claim.fresh_or::<BatchApproveAgreementsResponse>()? {
        Ok(ticket) => ticket,
        Err(answer) => return Ok(answer),
    };
    let by = By {
        principal: Some(principal),
        caller,
    };
    let mut results = Vec::with_capacity(request.items.len());
    for item in &request.items {
        results.push(match approve_one(app, item, &by).await {
            Ok(()) => ReviewResult {
                id: item.id.clone(),
                approved: true,
                ..ReviewResult::default()
            },
            Err(error) => {
                let fault = Fault::from(error);
                ReviewResult {
                    id: item.id.clone(),
                    approved: false,
                    code: fault.reason().to_owned(),
                    message: fault.message().to_owned(),
                }
            }
        });
    }
    let answer = BatchApproveAgreementsResponse { results };
    ticket.save(&mut claiming, &answer).await?;
    claiming.commit().await?;
    app.ctx.outbox.wake();
    Ok(answer)
}

async fn approve_one(app: &App, item: &ReviewItem, by: &By<'_>) -> Result<(), Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    let mut record = act::load(&mut transaction, id(&item.id)?, by).await?;
    let command = Command::Approve {
        revision: revision(item.revision),
    };
    act::apply(app, &mut transaction, &mut record, command, by, With::default()).await?;
    transaction.commit().await?;
    Ok(())
}
