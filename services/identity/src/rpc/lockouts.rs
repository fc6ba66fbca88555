//! LockoutService: who is locked out, and letting them try again.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal},
    idempotency::Call,
    page,
    status::Fault,
    validators,
};
use qihang_proto::identity::v1::{
    ClearLockoutRequest, ListLockoutsRequest, ListLockoutsResponse, Lockout, lockout_service_server,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    error::Error,
    rpc::{account_view, person::timestamp, staff_flow},
    store::{
        audit::{self, Event},
        lockouts::{self as store, LockoutRow},
    },
};

/// Shows and clears locks.
pub(crate) struct LockoutService(pub(crate) Arc<App>);

impl LockoutService {
    async fn list(
        &self,
        principal: &Principal,
        request: &ListLockoutsRequest,
    ) -> Result<ListLockoutsResponse, Error> {
        let school = staff_flow::school(principal);
        let page = page::Query::new(request.page_size, &request.page_token, &school)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = store::list(&mut conn, school, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.account_id);
        Ok(ListLockoutsResponse {
            lockouts: rows.into_iter().map(lockout).collect(),
            next_page_token,
        })
    }

    async fn clear(
        &self,
        principal: &Principal,
        request: &ClearLockoutRequest,
        caller: &Caller,
    ) -> Result<(), Error> {
        let account: Uuid = request.account_id.parse().map_err(|_| not_found())?;
        let mut transaction = self.0.ctx.pool.begin().await?;
        let (maker, request_id) = (principal.account_id, &request.request_id);
        let call = Call::new("ClearLockout", maker, request_id, request);
        call.once(&mut transaction, async |conn| {
            if !store::clear(conn, staff_flow::school(principal), account).await? {
                return Err(not_found());
            }
            let event = Event {
                actor_id: Some(maker),
                reason: request.reason.trim().to_owned(),
                ..Event::of("login.unlock", account)
            };
            audit::write(conn, self.0.ctx.ids.new_id(), &event, caller).await?;
            Ok(())
        })
        .await?;
        Ok(transaction.commit().await?)
    }
}

fn not_found() -> Fault {
    Fault::not_found(
        "LOCKOUT_NOT_FOUND",
        "该账号没有被锁定，或不在您的管理范围内，请刷新列表后查看",
    )
}

fn lockout(row: LockoutRow) -> Lockout {
    Lockout {
        account_id: row.account_id.to_string(),
        role: account_view::role(&row.role).into(),
        name_masked: validators::mask_name(&row.name),
        login: row.login.unwrap_or_default(),
        school_code: row.school_code.unwrap_or_default(),
        employer_name: row.employer_name.unwrap_or_default(),
        failures: u32::try_from(row.failures).unwrap_or_default(),
        last_failure_time: Some(timestamp(row.last_failure_time)),
        end_time: Some(timestamp(row.end_time)),
    }
}

#[tonic::async_trait]
impl lockout_service_server::LockoutService for LockoutService {
    async fn list_lockouts(
        &self,
        request: Request<ListLockoutsRequest>,
    ) -> Result<Response<ListLockoutsResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.list(principal, request.get_ref()).await?))
    }

    async fn clear_lockout(&self, request: Request<ClearLockoutRequest>) -> Result<Response<()>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        self.clear(principal, request.get_ref(), &caller).await?;
        Ok(Response::new(()))
    }
}
