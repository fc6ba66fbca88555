//! StaffService.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, BY_PASSWORD, Caller, Principal, Role},
    db, etag, idempotency, page,
};
use qihang_proto::identity::v1::{
    ActivateStaffRequest, CreateStaffRequest, DisableStaffRequest, EnableStaffRequest, IssuedSession,
    ListStaffRequest, ListStaffResponse, ResetStaffRequest, Staff, StaffActivation, account,
    staff_service_server,
};
use sqlx::PgConnection;
use time::Duration;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::{
        password,
        staff::{self, Account, Command, Level, Manager, State},
    },
    error::{Error, Missing},
    rpc::{person::timestamp, schools, staff_view},
    session,
    store::{
        accounts::{self, NewAccount},
        audit::{self, Event},
        factors,
        sessions::{self, EndReason},
        staff::{self as store, Filter, StaffRow},
    },
};

/// Life of an activation token.
const ACTIVATION_LIFE: Duration = Duration::hours(72);

/// What is kept of a first answer: activation tokens never are.
#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(string, tag = "1")]
    account_id: String,
}

/// Keeps staff accounts.
pub(crate) struct StaffService(pub(crate) Arc<App>);

/// A command on an account, as it was asked for.
struct Order<'a> {
    id: &'a str,
    command: Command,
    etag: &'a str,
    reason: &'a str,
}

fn manager(principal: &Principal) -> Manager<'_> {
    let school = match principal.role {
        Role::Province => None,
        // Nobody else passes the access layer; without a school nothing is in scope.
        _ => Some(principal.school_code.as_deref().unwrap_or_default()),
    };
    Manager {
        account: principal.account_id,
        school,
    }
}

impl StaffService {
    async fn create(
        &self,
        principal: &Principal,
        request: &CreateStaffRequest,
        caller: &Caller,
    ) -> Result<StaffActivation, Error> {
        let Self(app) = self;
        let level = level(request.role()).ok_or(Error::Inconsistent("role of a new account"))?;
        let place = staff::place(
            manager(principal),
            level,
            request.school_code.trim(),
            &request.department,
        )?;
        let mut transaction = app.ctx.pool.begin().await?;
        let claim = idempotency::claim(
            &mut transaction,
            "CreateStaff",
            principal.account_id,
            &request.request_id,
            request,
        )
        .await?;
        let id = match claim.fresh_or::<Kept>()? {
            Err(kept) => kept
                .account_id
                .parse()
                .map_err(|_| Error::Inconsistent("idempotency_keys"))?,
            Ok(ticket) => {
                schools::takes_in(&mut transaction, place.school.as_deref()).await?;
                let account = NewAccount {
                    id: app.ctx.ids.new_id(),
                    role: accounts::role(level.as_str()).ok_or(Error::Inconsistent("accounts.role"))?,
                    school_code: place.school,
                    department: place.department,
                    login: Some(request.login.clone()),
                    name: request.name.trim().to_owned(),
                    ..NewAccount::default()
                };
                accounts::insert(&mut transaction, &account, &app.sealer).await?;
                self.audit(&mut transaction, "staff.create", account.id, principal, caller)
                    .await?;
                ticket
                    .save(
                        &mut transaction,
                        &Kept {
                            account_id: account.id.to_string(),
                        },
                    )
                    .await?;
                account.id
            }
        };
        let row = self.load(&mut transaction, principal, id).await?;
        if row.has_password {
            // A repeat after the owner took the account over must not give its password away.
            return Err(staff::Refusal::InvalidTransition {
                from: State::Active,
                event: "create",
            }
            .into());
        }
        let activation = self.activation(&mut transaction, principal, row).await?;
        transaction.commit().await?;
        Ok(activation)
    }

    async fn activate(
        &self,
        request: &ActivateStaffRequest,
        caller: &Caller,
    ) -> Result<IssuedSession, Error> {
        let Self(app) = self;
        let token = session::digest(&request.activation_token);
        let activation = {
            let mut conn = app.ctx.pool.acquire().await?;
            store::find_activation(&mut conn, &token)
                .await?
                .ok_or(Error::ActivationInvalid)?
        };
        password::check(&request.password, &[&activation.login, &activation.name]).map_err(Error::Weak)?;
        let hash = app.passwords.hash(&request.password).await?;
        let mut transaction = app.ctx.pool.begin().await?;
        let id = store::activate(&mut transaction, &token, &hash).await?;
        // A reset account: whoever had a session with the old password has none with the new.
        sessions::end_all(&mut transaction, id, None, EndReason::Reset).await?;
        // Its second factor goes with the old password and not before: until then neither is enough alone.
        if factors::remove(&mut transaction, id).await? {
            let event = Event::of("factor.clear", id);
            audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
        }
        audit::write(
            &mut transaction,
            app.ctx.ids.new_id(),
            &Event::of("staff.activate", id),
            caller,
        )
        .await?;
        let issued = session::open(app, &mut transaction, id, &[BY_PASSWORD], caller).await?;
        transaction.commit().await?;
        Ok(issued)
    }

    async fn list(
        &self,
        principal: &Principal,
        request: &ListStaffRequest,
    ) -> Result<ListStaffResponse, Error> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let filter = Filter {
            scope: manager(principal).school.map(str::to_owned),
            school_code: given(&request.school_code),
            role: level(request.role()).map(Level::as_str),
            state: state(request.state()).map(State::as_str),
            text: given(&request.text),
        };
        let page = page::Query::new(request.page_size, &request.page_token, &filter)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = store::list(&mut conn, &filter, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.id);
        let staff = rows
            .iter()
            .map(|row| staff_view::staff(row, manager(principal)))
            .collect::<Result<_, _>>()?;
        Ok(ListStaffResponse {
            staff,
            next_page_token,
        })
    }

    /// Carries out a command and gives the account as it is then.
    async fn carry_out(
        &self,
        conn: &mut PgConnection,
        principal: &Principal,
        order: &Order<'_>,
        caller: &Caller,
    ) -> Result<StaffRow, Error> {
        // The last administrator of the province is counted under this lock.
        store::lock_administrators(conn).await?;
        let id = order.id.parse().map_err(|_| Error::NotFound(Missing::Account))?;
        let row = self.load(conn, principal, id).await?;
        etag::check(order.etag, row.version)?;
        let next = staff::decide(&Account::try_from(&row)?, order.command, manager(principal))?;
        store::save_state(conn, &row, next, order.reason).await?;
        let (event, ends) = match order.command {
            Command::Disable => ("staff.disable", Some(EndReason::Disabled)),
            Command::Enable => ("staff.enable", None),
            Command::Reset => ("staff.reset", Some(EndReason::Reset)),
        };
        if let Some(reason) = ends {
            sessions::end_all(conn, id, None, reason).await?;
        }
        self.audit(conn, event, id, principal, caller).await?;
        self.load(conn, principal, id).await
    }

    /// Disables or enables.
    async fn switch(
        &self,
        principal: &Principal,
        order: Order<'_>,
        (request_id, request): (&str, &impl prost::Message),
        caller: &Caller,
    ) -> Result<Staff, Error> {
        let mut transaction = self.0.ctx.pool.begin().await?;
        let method = order.command.name();
        let claim = idempotency::claim(
            &mut transaction,
            method,
            principal.account_id,
            request_id,
            request,
        )
        .await?;
        let ticket = match claim.fresh_or::<Staff>()? {
            Ok(ticket) => ticket,
            Err(first) => return Ok(first),
        };
        let row = self
            .carry_out(&mut transaction, principal, &order, caller)
            .await?;
        let staff = staff_view::staff(&row, manager(principal))?;
        ticket.save(&mut transaction, &staff).await?;
        transaction.commit().await?;
        Ok(staff)
    }

    async fn reset(
        &self,
        principal: &Principal,
        request: &ResetStaffRequest,
        caller: &Caller,
    ) -> Result<StaffActivation, Error> {
        let mut transaction = self.0.ctx.pool.begin().await?;
        let (maker, request_id) = (principal.account_id, &request.request_id);
        let claim = idempotency::claim(&mut transaction, "ResetStaff", maker, request_id, request).await?;
        let row = match claim.fresh_or::<Kept>()? {
            Err(kept) => {
                let id = kept
                    .account_id
                    .parse()
                    .map_err(|_| Error::Inconsistent("idempotency_keys"))?;
                let row = self.load(&mut transaction, principal, id).await?;
                staff::decide(&Account::try_from(&row)?, Command::Reset, manager(principal))?;
                row
            }
            Ok(ticket) => {
                let order = Order {
                    id: &request.id,
                    command: Command::Reset,
                    etag: &request.etag,
                    reason: "",
                };
                let row = self
                    .carry_out(&mut transaction, principal, &order, caller)
                    .await?;
                ticket
                    .save(
                        &mut transaction,
                        &Kept {
                            account_id: row.id.to_string(),
                        },
                    )
                    .await?;
                row
            }
        };
        let activation = self.activation(&mut transaction, principal, row).await?;
        transaction.commit().await?;
        Ok(activation)
    }

    async fn activation(
        &self,
        conn: &mut PgConnection,
        principal: &Principal,
        row: StaffRow,
    ) -> Result<StaffActivation, Error> {
        let token = self.0.ctx.ids.token(32);
        let ends = db::now(conn).await? + ACTIVATION_LIFE;
        store::set_activation(conn, row.id, &session::digest(&token), principal.account_id, ends).await?;
        let staff = staff_view::staff(&row, manager(principal))?;
        Ok(StaffActivation {
            staff: Some(staff),
            activation_token: token,
            expire_time: Some(timestamp(ends)),
        })
    }

    async fn load(
        &self,
        conn: &mut PgConnection,
        principal: &Principal,
        id: Uuid,
    ) -> Result<StaffRow, Error> {
        let row = store::get(conn, manager(principal).school, id).await?;
        row.ok_or(Error::NotFound(Missing::Account))
    }

    async fn audit(
        &self,
        conn: &mut PgConnection,
        event: &'static str,
        id: Uuid,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<(), Error> {
        let event = Event {
            actor_id: Some(principal.account_id),
            ..Event::of(event, id)
        };
        Ok(audit::write(conn, self.0.ctx.ids.new_id(), &event, caller).await?)
    }
}

fn level(role: account::Role) -> Option<Level> {
    match role {
        account::Role::Department => Some(Level::Department),
        account::Role::School => Some(Level::School),
        account::Role::Province => Some(Level::Province),
        account::Role::Unspecified | account::Role::Student | account::Role::Employer => None,
    }
}

fn state(state: account::State) -> Option<State> {
    match state {
        account::State::Pending => Some(State::Pending),
        account::State::Active => Some(State::Active),
        account::State::Disabled => Some(State::Disabled),
        account::State::Unspecified => None,
    }
}

#[tonic::async_trait]
impl staff_service_server::StaffService for StaffService {
    async fn create_staff(
        &self,
        request: Request<CreateStaffRequest>,
    ) -> Result<Response<StaffActivation>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.create(principal, request.get_ref(), &caller).await?,
        ))
    }

    async fn activate_staff(
        &self,
        request: Request<ActivateStaffRequest>,
    ) -> Result<Response<IssuedSession>, Status> {
        let caller = auth::caller(&request);
        Ok(Response::new(self.activate(request.get_ref(), &caller).await?))
    }

    async fn list_staff(
        &self,
        request: Request<ListStaffRequest>,
    ) -> Result<Response<ListStaffResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.list(principal, request.get_ref()).await?))
    }

    async fn disable_staff(&self, request: Request<DisableStaffRequest>) -> Result<Response<Staff>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let request = request.get_ref();
        let order = Order {
            id: &request.id,
            command: Command::Disable,
            etag: &request.etag,
            reason: request.reason.trim(),
        };
        Ok(Response::new(
            self.switch(principal, order, (&request.request_id, request), &caller)
                .await?,
        ))
    }

    async fn enable_staff(&self, request: Request<EnableStaffRequest>) -> Result<Response<Staff>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let request = request.get_ref();
        let order = Order {
            id: &request.id,
            command: Command::Enable,
            etag: &request.etag,
            reason: "",
        };
        Ok(Response::new(
            self.switch(principal, order, (&request.request_id, request), &caller)
                .await?,
        ))
    }

    async fn reset_staff(
        &self,
        request: Request<ResetStaffRequest>,
    ) -> Result<Response<StaffActivation>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.reset(principal, request.get_ref(), &caller).await?,
        ))
    }
}
