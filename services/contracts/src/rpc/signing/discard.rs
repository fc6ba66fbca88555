//! Discarding a draft.

use qihang_kit::{auth, db, etag};
use qihang_proto::contracts::v1::DiscardOfferRequest;
use tonic::Request;

use crate::{
    App,
    act::{self, By},
    domain::agreement::{self, Command},
    error::Error,
    rpc::id,
    scope,
    store::agreements,
};

/// Deletes a draft of the caller's employer.
pub(super) async fn discard(app: &App, request: &Request<DiscardOfferRequest>) -> Result<(), Error> {
    let (principal, caller) = (auth::principal(request)?, auth::caller(request));
    let by = By {
        principal: Some(principal),
        caller: &caller,
    };
    let message = request.get_ref();
    let mut transaction = app.ctx.pool.begin().await?;
    let record = act::load(&mut transaction, id(&message.id)?, &by).await?;
    etag::check(&message.etag, record.version)?;
    let now = db::now(&mut transaction).await?;
    agreement::decide(&record.rules, Command::Discard, scope::actor(principal)?, now)?;
    agreements::delete_draft(&mut transaction, record.rules.id).await?;
    Ok(transaction.commit().await?)
}
