//! SessionService.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal},
    page,
    status::Fault,
};
use qihang_proto::identity::v1::{
    IssuedSession, ListSessionsRequest, ListSessionsResponse, LoginEmployerRequest, LoginStaffRequest,
    LoginStudentRequest, LogoutRequest, RefreshRequest, RevokeOtherSessionsRequest,
    RevokeOtherSessionsResponse, RevokeSessionRequest, Session, session_service_server,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    error::{Error, Missing},
    login::{self, Attempt, Who},
    rpc::person::timestamp,
    session,
    store::{
        audit::{self, Event},
        sessions::{self, EndReason, SessionRow},
    },
};

/// Signs in and out.
pub(crate) struct SessionService(pub(crate) Arc<App>);

impl SessionService {
    async fn login(&self, attempt: Attempt<'_>, caller: &Caller) -> Result<Response<IssuedSession>, Status> {
        Ok(Response::new(login::login(&self.0, attempt, caller).await?))
    }

    async fn end_own(
        &self,
        principal: &Principal,
        id: Uuid,
        reason: EndReason,
        caller: &Caller,
    ) -> Result<u64, Error> {
        let mut transaction = self.0.ctx.pool.begin().await?;
        let ended = sessions::end(&mut transaction, principal.account_id, id, reason).await?;
        self.audit(&mut transaction, ended, principal.account_id, caller)
            .await?;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn end_others(&self, principal: &Principal, caller: &Caller) -> Result<u64, Error> {
        let (account, current) = (principal.account_id, Some(principal.session_id));
        let mut transaction = self.0.ctx.pool.begin().await?;
        let ended = sessions::end_all(&mut transaction, account, current, EndReason::Revoked).await?;
        self.audit(&mut transaction, ended, account, caller).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn audit(
        &self,
        conn: &mut sqlx::PgConnection,
        ended: u64,
        account: Uuid,
        caller: &Caller,
    ) -> Result<(), Error> {
        if ended > 0 {
            audit::write(
                conn,
                self.0.ctx.ids.new_id(),
                &Event::of("session.end", account),
                caller,
            )
            .await?;
        }
        Ok(())
    }

    async fn list(
        &self,
        principal: &Principal,
        request: &ListSessionsRequest,
    ) -> Result<ListSessionsResponse, Error> {
        let page = page::Query::new(request.page_size, &request.page_token, &principal.account_id)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = sessions::list(&mut conn, principal.account_id, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.id);
        let view = |row| session(row, principal.session_id);
        Ok(ListSessionsResponse {
            sessions: rows.into_iter().map(view).collect(),
            next_page_token,
        })
    }
}

fn session(row: SessionRow, current: Uuid) -> Session {
    Session {
        current: row.id == current,
        id: row.id.to_string(),
        client: row.client,
        address: row.address,
        create_time: Some(timestamp(row.create_time)),
        refresh_time: Some(timestamp(row.refresh_time)),
        expire_time: Some(timestamp(row.expire_time)),
    }
}

#[tonic::async_trait]
impl session_service_server::SessionService for SessionService {
    async fn login_student(
        &self,
        request: Request<LoginStudentRequest>,
    ) -> Result<Response<IssuedSession>, Status> {
        let (caller, request) = (auth::caller(&request), request.get_ref());
        let attempt = Attempt {
            who: Who::Student {
                school_code: &request.school_code,
                student_number: &request.student_number,
            },
            password: &request.password,
            totp_code: "",
            captcha_id: &request.captcha_id,
            captcha_answer: &request.captcha_answer,
        };
        self.login(attempt, &caller).await
    }

    async fn login_employer(
        &self,
        request: Request<LoginEmployerRequest>,
    ) -> Result<Response<IssuedSession>, Status> {
        let (caller, request) = (auth::caller(&request), request.get_ref());
        let attempt = Attempt {
            who: Who::Member {
                login: &request.login,
            },
            password: &request.password,
            totp_code: &request.totp_code,
            captcha_id: &request.captcha_id,
            captcha_answer: &request.captcha_answer,
        };
        self.login(attempt, &caller).await
    }

    async fn login_staff(
        &self,
        request: Request<LoginStaffRequest>,
    ) -> Result<Response<IssuedSession>, Status> {
        let (caller, request) = (auth::caller(&request), request.get_ref());
        let attempt = Attempt {
            who: Who::Staff {
                login: &request.login,
            },
            password: &request.password,
            totp_code: &request.totp_code,
            captcha_id: &request.captcha_id,
            captcha_answer: &request.captcha_answer,
        };
        self.login(attempt, &caller).await
    }

    async fn refresh(&self, request: Request<RefreshRequest>) -> Result<Response<IssuedSession>, Status> {
        let (caller, request) = (auth::caller(&request), request.get_ref());
        Ok(Response::new(
            session::refresh(&self.0, &request.refresh_token, &request.request_id, &caller).await?,
        ))
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Result<Response<()>, Status> {
        let caller = auth::caller(&request);
        if let Ok(principal) = auth::principal(&request) {
            self.end_own(principal, principal.session_id, EndReason::Logout, &caller)
                .await?;
        }
        if !request.get_ref().refresh_token.is_empty() {
            session::logout_by_token(&self.0, &request.get_ref().refresh_token, &caller).await?;
        }
        Ok(Response::new(()))
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.list(principal, request.get_ref()).await?))
    }

    async fn revoke_session(&self, request: Request<RevokeSessionRequest>) -> Result<Response<()>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let id = request
            .get_ref()
            .id
            .parse()
            .map_err(|_| Fault::from(Error::NotFound(Missing::Session)))?;
        match self.end_own(principal, id, EndReason::Revoked, &caller).await? {
            0 => Err(Error::NotFound(Missing::Session).into()),
            _ => Ok(Response::new(())),
        }
    }

    async fn revoke_other_sessions(
        &self,
        request: Request<RevokeOtherSessionsRequest>,
    ) -> Result<Response<RevokeOtherSessionsResponse>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let ended = self.end_others(principal, &caller).await?;
        Ok(Response::new(RevokeOtherSessionsResponse {
            revoked: u32::try_from(ended).unwrap_or(u32::MAX),
        }))
    }
}
