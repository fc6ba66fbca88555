//! StaffService.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, BY_PASSWORD, Caller, Principal},
    idempotency::Call,
    page,
};
use qihang_proto::identity::v1::{
    ActivateStaffRequest, CreateStaffRequest, DisableStaffRequest, EnableStaffRequest, IssuedSession,
    ListStaffRequest, ListStaffResponse, ResetStaffRequest, Staff, StaffActivation, UpdateStaffRequest,
    account, staff_service_server,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::{
        password,
        staff::{self, Account, Change, Command, Level, State, Wanted},
    },
    error::{Error, Missing},
    rpc::{
        staff_flow::{self, By, Order, Revision},
        staff_view,
    },
    session,
    store::{
        audit::{self, Event},
        factors,
        sessions::{self, EndReason},
        staff::{self as store, Filter},
    },
};

/// What is kept of a first answer: activation tokens never are.
#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(string, tag = "1")]
    account_id: String,
}

impl Kept {
    fn of(id: Uuid) -> Self {
        Self {
            account_id: id.to_string(),
        }
    }

    fn id(&self) -> Result<Uuid, Error> {
        self.account_id
            .parse()
            .map_err(|_| Error::Inconsistent("idempotency_keys"))
    }
}

/// Keeps staff accounts.
pub(crate) struct StaffService(pub(crate) Arc<App>);

fn id(text: &str) -> Result<Uuid, Error> {
    text.parse().map_err(|_| Error::NotFound(Missing::Account))
}

impl StaffService {
    async fn create(
        &self,
        principal: &Principal,
        request: &CreateStaffRequest,
        caller: &Caller,
    ) -> Result<StaffActivation, Error> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let (maker, request_id) = (principal.account_id, &request.request_id);
        let call = Call::new("CreateStaff", maker, request_id, request);
        let manager = staff_flow::managing(&mut transaction, principal).await?;
        let by = By { manager, caller };
        let kept: Kept = call
            .once(&mut transaction, async |conn| {
                let wanted = Wanted {
                    level: level(request.role()).ok_or(Error::Inconsistent("role of a new account"))?,
                    school: request.school_code.trim(),
                    department: &request.department,
                    classes: &request.classes,
                };
                let place = staff::create(manager, wanted).map_err(Error::from)?;
                let names = (request.login.as_str(), request.name.as_str());
                let id = staff_flow::create(app, conn, by, place, names).await?;
                Ok(Kept::of(id))
            })
            .await?;
        let row = staff_flow::load(&mut transaction, manager, kept.id()?).await?;
        if row.has_password {
            // A repeat after the owner took the account over must not give its password away.
            return Err(staff::Refusal::InvalidTransition {
                from: State::Active,
                event: "create",
            }
            .into());
        }
        let activation = staff_flow::activation(app, &mut transaction, manager, &row).await?;
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
            scope: staff_flow::school(principal).map(str::to_owned),
            school_code: given(&request.school_code),
            role: level(request.role()).map(Level::as_str),
            state: state(request.state()).map(State::as_str),
            text: given(&request.text),
        };
        let page = page::Query::new(request.page_size, &request.page_token, &filter)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let manager = staff_flow::manager(&mut conn, principal).await?;
        let rows = store::list(&mut conn, &filter, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.id);
        let staff = rows
            .iter()
            .map(|row| staff_view::staff(row, manager))
            .collect::<Result<_, _>>()?;
        Ok(ListStaffResponse {
            staff,
            next_page_token,
        })
    }

    async fn update(
        &self,
        principal: &Principal,
        request: &UpdateStaffRequest,
        caller: &Caller,
    ) -> Result<Staff, Error> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let (maker, request_id) = (principal.account_id, &request.request_id);
        let call = Call::new("UpdateStaff", maker, request_id, request);
        let staff = call
            .once(&mut transaction, async |conn| {
                let manager = staff_flow::managing(conn, principal).await?;
                let revision = Revision {
                    id: id(&request.id)?,
                    etag: &request.etag,
                    name: request.name.as_deref(),
                    change: Change {
                        level: level(request.role()),
                        school: request.school_code.clone(),
                        department: request.department.clone(),
                        classes: request.classes.as_ref().map(|classes| classes.names.clone()),
                    },
                };
                let row = staff_flow::change(app, conn, By { manager, caller }, &revision).await?;
                Ok(staff_view::staff(&row, manager)?)
            })
            .await?;
        transaction.commit().await?;
        Ok(staff)
    }

    /// Disables or enables.
    async fn switch(
        &self,
        principal: &Principal,
        order: Order<'_>,
        (request_id, request): (&str, &impl prost::Message),
        caller: &Caller,
    ) -> Result<Staff, Error> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let (method, maker) = (order.command.name(), principal.account_id);
        let call = Call::new(method, maker, request_id, request);
        let staff = call
            .once(&mut transaction, async |conn| {
                let manager = staff_flow::managing(conn, principal).await?;
                let row = staff_flow::carry_out(app, conn, By { manager, caller }, order).await?;
                Ok(staff_view::staff(&row, manager)?)
            })
            .await?;
        transaction.commit().await?;
        Ok(staff)
    }

    async fn reset(
        &self,
        principal: &Principal,
        request: &ResetStaffRequest,
        caller: &Caller,
    ) -> Result<StaffActivation, Error> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let (maker, request_id) = (principal.account_id, &request.request_id);
        let call = Call::new("ResetStaff", maker, request_id, request);
        let manager = staff_flow::managing(&mut transaction, principal).await?;
        let row = match call.claim(&mut transaction).await?.fresh_or::<Kept>()? {
            Err(kept) => {
                let row = staff_flow::load(&mut transaction, manager, kept.id()?).await?;
                staff::decide(&Account::try_from(&row)?, Command::Reset, manager)?;
                row
            }
            Ok(ticket) => {
                let order = Order {
                    id: id(&request.id)?,
                    command: Command::Reset,
                    etag: &request.etag,
                    reason: "",
                };
                let by = By { manager, caller };
                let row = staff_flow::carry_out(app, &mut transaction, by, order).await?;
                ticket.save(&mut transaction, &Kept::of(row.id)).await?;
                row
            }
        };
        let activation = staff_flow::activation(app, &mut transaction, manager, &row).await?;
        transaction.commit().await?;
        Ok(activation)
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

    async fn update_staff(&self, request: Request<UpdateStaffRequest>) -> Result<Response<Staff>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.update(principal, request.get_ref(), &caller).await?,
        ))
    }

    async fn disable_staff(&self, request: Request<DisableStaffRequest>) -> Result<Response<Staff>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let request = request.get_ref();
        let order = Order {
            id: id(&request.id)?,
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
            id: id(&request.id)?,
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
