//! `ReviewService`: the school's one queue.

mod batch;
mod show;

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal, Role},
    db,
};
use qihang_proto::contracts::v1::*;
use sqlx::PgConnection;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use crate::{
    App,
    act::{self, By, With},
    domain::{
        agreement::Command,
        queue::{self as rules, AGREEMENT, Hindrance, Reviewer},
    },
    error::Error,
    rpc::id,
    scope::Scope,
    store::queue::{self, Filter, Row},
};

/// Reviews looked at in one round for the next free one.
const CANDIDATES: i64 = 50;

/// Handlers of `ReviewService`.
pub(crate) struct Queue(pub(crate) Arc<App>);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl review_service_server::ReviewService for Queue {
    async fn list_reviews(&self, request: Request<ListReviewsRequest>) -> Answer<ListReviewsResponse> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(
            show::list(&self.0, request.get_ref(), principal).await?,
        ))
    }

    async fn count_reviews(&self, request: Request<CountReviewsRequest>) -> Answer<CountReviewsResponse> {
        Ok(Response::new(
            show::count(&self.0, auth::principal(&request)?).await?,
        ))
    }

    async fn claim_queued_review(&self, request: Request<ClaimQueuedReviewRequest>) -> Answer<Review> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let id = id(&request.get_ref().id)?;
        Ok(Response::new(
            take(&self.0, id, Wish::Claim, principal, &caller).await?,
        ))
    }

    async fn release_queued_review(&self, request: Request<ReleaseQueuedReviewRequest>) -> Answer<Review> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let id = id(&request.get_ref().id)?;
        Ok(Response::new(
            take(&self.0, id, Wish::Release, principal, &caller).await?,
        ))
    }

    async fn claim_next_review(
        &self,
        request: Request<ClaimNextReviewRequest>,
    ) -> Answer<ClaimNextReviewResponse> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let review = next(&self.0, &request.get_ref().kinds, principal, &caller).await?;
        Ok(Response::new(ClaimNextReviewResponse { review }))
    }

    async fn batch_approve_reviews(
        &self,
        request: Request<BatchApproveReviewsRequest>,
    ) -> Answer<BatchApproveReviewsResponse> {
        Ok(Response::new(batch::approve(&self.0, &request).await?))
    }
}

/// The level that a caller decides on.
fn reviewer(principal: &Principal) -> Reviewer {
    Reviewer {
        account: principal.account_id,
        level: if principal.role == Role::Department { 1 } else { 2 },
    }
}

/// What a caller wants of a claim.
#[derive(Clone, Copy, PartialEq)]
enum Wish {
    Claim,
    Release,
}

/// Claims or releases one review, in a transaction.
async fn take(
    app: &App,
    id: Uuid,
    wish: Wish,
    principal: &Principal,
    caller: &Caller,
) -> Result<Review, Error> {
    let scope = Scope::of(principal)?;
    let mut transaction = app.ctx.pool.begin().await?;
    let row = queue::find(&mut transaction, id, &scope).await?;
    let row = row.ok_or(Error::ReviewNotFound)?;
    if row.kind == AGREEMENT {
        // Every step of an agreement locks it before its row of the queue.
        let by = By {
            principal: Some(principal),
            caller,
        };
        act::load(&mut transaction, row.record_id, &by).await?;
    }
    queue::lock(&mut transaction, id).await?;
    change(app, &mut transaction, id, wish, principal, caller).await?;
    let row = queue::find(&mut transaction, id, &scope).await?;
    transaction.commit().await?;
    app.ctx.outbox.wake();
    show::one(app, row.ok_or(Error::ReviewNotFound)?, principal).await
}

/// Changes the claim of a review that this transaction has locked.
async fn change(
    app: &App,
    conn: &mut PgConnection,
    id: Uuid,
    wish: Wish,
    principal: &Principal,
    caller: &Caller,
) -> Result<(), Error> {
    let row = queue::find(&mut *conn, id, &Scope::of(principal)?).await?;
    let row = row.ok_or(Error::ReviewNotFound)?;
    let now = db::now(&mut *conn).await?;
    let held = rules::claimed(&row.waiting(), now);
    if wish == Wish::Release && held.is_none() {
        return Ok(());
    }
    match rules::decidable(&row.waiting(), reviewer(principal), now) {
        Err(Hindrance::Settled) if wish == Wish::Release => return Ok(()),
        outcome => outcome?,
    }
    if row.kind == AGREEMENT {
        return change_agreement(app, conn, &row, wish, principal, caller).await;
    }
    let until = now + rules::CLAIM_TIME;
    let claim = (wish == Wish::Claim).then_some((principal.account_id, principal.name.as_str(), until));
    queue::claim(conn, &row.kind, row.record_id, claim).await
}

/// The claim of an agreement is the agreement's own: it keeps the employer from amending it too.
async fn change_agreement(
    app: &App,
    conn: &mut PgConnection,
    row: &Row,
    wish: Wish,
    principal: &Principal,
    caller: &Caller,
) -> Result<(), Error> {
    let by = By {
        principal: Some(principal),
        caller,
    };
    let mut record = act::load(&mut *conn, row.record_id, &by).await?;
    let command = match wish {
        Wish::Claim => Command::ClaimReview,
        Wish::Release => Command::ReleaseReview,
    };
    act::apply(app, conn, &mut record, command, &by, With::default()).await
}

/// Claims the longest waiting review that is free; those that another is at are passed over.
async fn next(
    app: &App,
    kinds: &[String],
    principal: &Principal,
    caller: &Caller,
) -> Result<Option<Review>, Error> {
    let scope = Scope::of(principal)?;
    let mut filter = Filter {
        level: reviewer(principal).level,
        kinds: Some(kinds).filter(|kinds| !kinds.is_empty()),
        free_for: Some(principal.account_id),
        limit: CANDIDATES,
        ..Filter::default()
    };
    loop {
        let mut conn = app.ctx.pool.acquire().await?;
        let rows = queue::list(&mut conn, &scope, &filter).await?;
        drop(conn);
        filter.after = rows.last().map(|row| (row.since, row.id));
        if filter.after.is_none() {
            return Ok(None);
        }
        for row in rows {
            if let Some(row) = try_claim(app, &row, principal, caller).await? {
                return Ok(Some(show::one(app, row, principal).await?));
            }
        }
    }
}

/// Claims a review unless somebody else is at it or has decided it in the meantime.
async fn try_claim(
    app: &App,
    row: &Row,
    principal: &Principal,
    caller: &Caller,
) -> Result<Option<Row>, Error> {
    let mut transaction = app.ctx.pool.begin().await?;
    if !queue::try_lock(&mut transaction, row).await? {
        return Ok(None);
    }
    // Claimed between the look and the lock: by another it is refused, by this account it would not be another one.
    let scope = Scope::of(principal)?;
    let now = db::now(&mut transaction).await?;
    let fresh = queue::find(&mut transaction, row.id, &scope).await?;
    if fresh.is_none_or(|fresh| rules::claimed(&fresh.waiting(), now).is_some()) {
        return Ok(None);
    }
    match change(app, &mut transaction, row.id, Wish::Claim, principal, caller).await {
        Ok(()) => {}
        Err(Error::Hindered(_) | Error::Refused(_) | Error::ReviewNotFound) => return Ok(None),
        Err(error) => return Err(error),
    }
    let claimed = queue::find(&mut transaction, row.id, &scope).await?;
    transaction.commit().await?;
    app.ctx.outbox.wake();
    Ok(claimed)
}
