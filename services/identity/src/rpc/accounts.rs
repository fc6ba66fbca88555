//! AccountService.

use std::sync::Arc;

use qihang_kit::{auth, status::Fault};
use qihang_proto::identity::v1::{
    Account, ChangePasswordRequest, ChangePasswordResponse, ConfirmTotpRequest, ConfirmTotpResponse,
    EnrolTotpRequest, EnrolTotpResponse, GetAccountRequest, RemoveTotpRequest, StepUpRequest, StepUpResponse,
    account_service_server,
};
use tonic::{Request, Response, Status};

use crate::{
    App,
    error::{Error, Missing},
    rpc::{account_view, change_password, second_factor},
    store,
};

/// Shows the caller's own account, changes its password and keeps its second factor.
pub(crate) struct AccountService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl account_service_server::AccountService for AccountService {
    async fn get_account(&self, request: Request<GetAccountRequest>) -> Result<Response<Account>, Status> {
        let id = auth::principal(&request)?.account_id;
        let mut conn = self.0.ctx.pool.acquire().await.map_err(Fault::database)?;
        let row = store::accounts::get(&mut conn, id).await.map_err(Error::from)?;
        let row = row.ok_or(Error::NotFound(Missing::Account))?;
        Ok(Response::new(account_view::account(&row, &self.0.sealer)?))
    }
    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordResponse>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            change_password::change(&self.0, request.get_ref(), principal, &caller).await?,
        ))
    }

    async fn step_up(&self, request: Request<StepUpRequest>) -> Result<Response<StepUpResponse>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            second_factor::step_up(&self.0, request.get_ref(), principal, &caller).await?,
        ))
    }

    async fn enrol_totp(
        &self,
        request: Request<EnrolTotpRequest>,
    ) -> Result<Response<EnrolTotpResponse>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            second_factor::enrol(&self.0, principal, &caller).await?,
        ))
    }

    async fn confirm_totp(
        &self,
        request: Request<ConfirmTotpRequest>,
    ) -> Result<Response<ConfirmTotpResponse>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            second_factor::confirm(&self.0, request.get_ref(), principal, &caller).await?,
        ))
    }

    async fn remove_totp(&self, request: Request<RemoveTotpRequest>) -> Result<Response<()>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        second_factor::remove(&self.0, principal, &caller).await?;
        Ok(Response::new(()))
    }
}
