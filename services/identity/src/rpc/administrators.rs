//! AdministratorService: what makes an administrator of the province takes two of them.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal},
    db, etag,
    idempotency::Call,
    page,
    status::Fault,
};
use qihang_proto::identity::v1::{
    AdministratorProposal, ConfirmAdministratorProposalRequest, ConfirmAdministratorProposalResponse,
    DeclineAdministratorProposalRequest, ListAdministratorProposalsRequest,
    ListAdministratorProposalsResponse, ProposeAdministratorRequest, StaffActivation,
    WithdrawAdministratorProposalRequest, administrator_service_server,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::{
        administrator::{self, Command, Kind, Proposal, State},
        staff::{self, Account, Level, Manager, Say, Wanted},
    },
    error::{Error, Missing},
    rpc::{
        administrator_view as view,
        staff_flow::{self, By, Order, Revision},
        staff_view,
    },
    store::{
        administrators::{self as store, Filter, NewProposal, ProposalRow},
        audit::{self, Event},
        staff as accounts,
    },
};

/// What is kept of a first answer to a confirmation: activation tokens never are.
#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(string, tag = "1")]
    proposal_id: String,
}

/// Proposes and confirms.
pub(crate) struct AdministratorService(pub(crate) Arc<App>);

/// A decision, as it was asked for.
struct Verdict<'a> {
    id: &'a str,
    command: Command,
    etag: &'a str,
    reason: &'a str,
}

impl AdministratorService {
    async fn propose(
        &self,
        principal: &Principal,
        request: &ProposeAdministratorRequest,
        caller: &Caller,
    ) -> Result<AdministratorProposal, Error> {
        let Self(app) = self;
        let kind = view::kind(request.kind()).ok_or(Error::Inconsistent("kind of a proposal"))?;
        let mut transaction = app.ctx.pool.begin().await?;
        let (maker, request_id) = (principal.account_id, &request.request_id);
        let call = Call::new("ProposeAdministrator", maker, request_id, request);
        let answer = call
            .once(&mut transaction, async |conn| {
                let manager = agreed(staff_flow::managing(conn, principal).await?);
                let (account_id, login, name) = about(conn, kind, request, manager).await?;
                let now = db::now(conn).await?;
                let new = NewProposal {
                    id: app.ctx.ids.new_id(),
                    kind,
                    account_id,
                    login: &login,
                    name: &name,
                    reason: request.reason.trim(),
                    proposer: maker,
                    now,
                    expire_time: now + administrator::LIFE,
                };
                if !store::insert(conn, &new).await? {
                    return Err(open_already());
                }
                let by = By { manager, caller };
                self.note(conn, by, "administrator.propose", (account_id, new.reason))
                    .await?;
                let row = load(conn, new.id).await?;
                let me = store::administrator(conn, maker).await?;
                Ok(view::proposal(&row, me, now)?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn list(
        &self,
        principal: &Principal,
        request: &ListAdministratorProposalsRequest,
    ) -> Result<ListAdministratorProposalsResponse, Error> {
        let filter = Filter {
            state: view::filter_state(request.state()).map(State::as_str),
            ..Filter::default()
        };
        let page = page::Query::new(request.page_size, &request.page_token, &filter)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let rows = store::list(&mut conn, &filter, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.id);
        let me = store::administrator(&mut conn, principal.account_id).await?;
        let shown = rows.iter().map(|row| view::proposal(row, me, now));
        Ok(ListAdministratorProposalsResponse {
            proposals: shown.collect::<Result<_, _>>()?,
            next_page_token,
        })
    }

    async fn confirm(
        &self,
        principal: &Principal,
        request: &ConfirmAdministratorProposalRequest,
        caller: &Caller,
    ) -> Result<ConfirmAdministratorProposalResponse, Error> {
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let (method, maker) = ("ConfirmAdministratorProposal", principal.account_id);
        let call = Call::new(method, maker, &request.request_id, request);
        let manager = agreed(staff_flow::managing(&mut transaction, principal).await?);
        let (proposal_id, first) = match call.claim(&mut transaction).await?.fresh_or::<Kept>()? {
            Err(kept) => (id(&kept.proposal_id)?, false),
            Ok(ticket) => {
                let verdict = Verdict {
                    id: &request.id,
                    command: Command::Confirm,
                    etag: &request.etag,
                    reason: "",
                };
                let by = By { manager, caller };
                let row = self.decide(&mut transaction, by, &verdict).await?;
                let proposal_id = row.id.to_string();
                ticket.save(&mut transaction, &Kept { proposal_id }).await?;
                (row.id, true)
            }
        };
        let row = load(&mut transaction, proposal_id).await?;
        let account = row.account_id.ok_or(Error::NotFound(Missing::Account))?;
        let standing = staff_flow::load(&mut transaction, manager, account).await?;
        // A repeat gets a new token until the owner has used the one before.
        let token = matches!(row.kind()?, Kind::Create | Kind::Reset)
            && (first || accounts::has_activation(&mut transaction, account).await?);
        let activation = if token {
            staff_flow::activation(app, &mut transaction, manager, &standing).await?
        } else {
            StaffActivation {
                staff: Some(staff_view::staff(&standing, manager)?),
                ..StaffActivation::default()
            }
        };
        let now = db::now(&mut transaction).await?;
        let me = store::administrator(&mut transaction, maker).await?;
        let proposal = view::proposal(&row, me, now)?;
        transaction.commit().await?;
        Ok(ConfirmAdministratorProposalResponse {
            proposal: Some(proposal),
            activation: Some(activation),
        })
    }

    /// Declines or withdraws.
    async fn close(
        &self,
        principal: &Principal,
        verdict: Verdict<'_>,
        (request_id, request): (&str, &impl prost::Message),
        caller: &Caller,
    ) -> Result<AdministratorProposal, Error> {
        let mut transaction = self.0.ctx.pool.begin().await?;
        let method = match verdict.command {
            Command::Withdraw => "WithdrawAdministratorProposal",
            _ => "DeclineAdministratorProposal",
        };
        let maker = principal.account_id;
        let call = Call::new(method, maker, request_id, request);
        let answer = call
            .once(&mut transaction, async |conn| {
                let manager = staff_flow::managing(conn, principal).await?;
                let by = By { manager, caller };
                let row = self.decide(conn, by, &verdict).await?;
                let now = db::now(conn).await?;
                let me = store::administrator(conn, maker).await?;
                Ok(view::proposal(&row, me, now)?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    /// Decides on a proposal, does what was confirmed, and gives the proposal as it is then.
    async fn decide(
        &self,
        conn: &mut PgConnection,
        by: By<'_>,
        verdict: &Verdict<'_>,
    ) -> Result<ProposalRow, Error> {
        let proposal_id = id(verdict.id)?;
        store::lock(conn, proposal_id).await?;
        let row = load(conn, proposal_id).await?;
        etag::check(verdict.etag, row.version)?;
        let now = db::now(conn).await?;
        let actor = by.manager.account;
        let decider = store::administrator(conn, actor).await?;
        let next = administrator::decide(&Proposal::try_from(&row)?, verdict.command, decider, now)?;
        let account_id = if next == State::Confirmed {
            Some(self.carry_out(conn, by, &row).await?)
        } else {
            row.account_id
        };
        store::save(conn, &row, (next, account_id), (actor, verdict.reason)).await?;
        let (event, reason) = match verdict.command {
            Command::Confirm => ("administrator.confirm", row.reason.as_str()),
            Command::Decline => ("administrator.decline", verdict.reason),
            Command::Withdraw => ("administrator.withdraw", ""),
        };
        self.note(conn, by, event, (account_id, reason)).await?;
        load(conn, proposal_id).await
    }

    /// Does what two have agreed on, and tells to which account.
    async fn carry_out(&self, conn: &mut PgConnection, by: By<'_>, row: &ProposalRow) -> Result<Uuid, Error> {
        let app = &self.0;
        let kind = row.kind()?;
        let Some(account) = row.account_id else {
            let place = staff::create(by.manager, administrator_place())?;
            return staff_flow::create(app, conn, by, place, (&row.login, &row.name)).await;
        };
        let standing = staff_flow::load(conn, by.manager, account).await?;
        administrator::fits(kind, &Account::try_from(&standing)?, by.manager)?;
        let order = |command| Order {
            id: account,
            command,
            etag: "",
            reason: row.reason.as_str(),
        };
        match kind {
            Kind::Enable => {
                staff_flow::carry_out(app, conn, by, order(staff::Command::Enable)).await?;
            }
            Kind::Reset => {
                staff_flow::carry_out(app, conn, by, order(staff::Command::Reset)).await?;
            }
            Kind::Create | Kind::Raise => {
                let revision = Revision {
                    id: account,
                    etag: "",
                    name: None,
                    change: administrator::raised(),
                };
                staff_flow::change(app, conn, by, &revision).await?;
            }
        }
        Ok(account)
    }

    async fn note(
        &self,
        conn: &mut PgConnection,
        by: By<'_>,
        event: &'static str,
        (account_id, reason): (Option<Uuid>, &str),
    ) -> Result<(), Error> {
        let event = Event {
            event,
            account_id,
            actor_id: Some(by.manager.account),
            reason: reason.to_owned(),
            ..Event::default()
        };
        Ok(audit::write(conn, self.0.ctx.ids.new_id(), &event, by.caller).await?)
    }
}

/// The manager as one whose word another one's stands behind.
fn agreed(manager: Manager<'_>) -> Manager<'_> {
    Manager {
        say: Say::Whole,
        ..manager
    }
}

/// Where administrators belong.
fn administrator_place() -> Wanted<'static> {
    Wanted {
        level: Level::Province,
        school: "",
        department: "",
        classes: &[],
    }
}

/// Whom a proposal is about: the account, its login and its name.
async fn about(
    conn: &mut PgConnection,
    kind: Kind,
    request: &ProposeAdministratorRequest,
    manager: Manager<'_>,
) -> Result<(Option<Uuid>, String, String), Error> {
    if kind == Kind::Create {
        let name = request.name.trim();
        for (field, value) in [("login", request.login.as_str()), ("name", name)] {
            if value.is_empty() {
                return Err(Fault::invalid(field, "FIELD_MISSING", "请填写新管理员的登录名和姓名").into());
            }
        }
        if accounts::find_login(conn, &request.login).await?.is_some() {
            return Err(Error::LoginTaken { field: "login" });
        }
        return Ok((None, request.login.clone(), name.to_owned()));
    }
    let account = request.account_id.parse();
    let account = account.map_err(|_| Error::NotFound(Missing::Account))?;
    let row = staff_flow::load(conn, manager, account).await?;
    administrator::fits(kind, &Account::try_from(&row)?, manager)?;
    Ok((Some(row.id), row.login, row.name))
}

fn open_already() -> Fault {
    Fault::already_exists("PROPOSAL_OPEN", "该账号已有同样的申请等待确认，请刷新列表后查看")
}

fn id(text: &str) -> Result<Uuid, Error> {
    text.parse().map_err(|_| Error::NotFound(Missing::Proposal))
}

async fn load(conn: &mut PgConnection, id: Uuid) -> Result<ProposalRow, Error> {
    let filter = Filter {
        id: Some(id),
        ..Filter::default()
    };
    let row = store::list(conn, &filter, None, 1).await?.pop();
    row.ok_or(Error::NotFound(Missing::Proposal))
}

#[tonic::async_trait]
impl administrator_service_server::AdministratorService for AdministratorService {
    async fn propose_administrator(
        &self,
        request: Request<ProposeAdministratorRequest>,
    ) -> Result<Response<AdministratorProposal>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.propose(principal, request.get_ref(), &caller).await?,
        ))
    }

    async fn list_administrator_proposals(
        &self,
        request: Request<ListAdministratorProposalsRequest>,
    ) -> Result<Response<ListAdministratorProposalsResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.list(principal, request.get_ref()).await?))
    }

    async fn confirm_administrator_proposal(
        &self,
        request: Request<ConfirmAdministratorProposalRequest>,
    ) -> Result<Response<ConfirmAdministratorProposalResponse>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.confirm(principal, request.get_ref(), &caller).await?,
        ))
    }

    async fn decline_administrator_proposal(
        &self,
        request: Request<DeclineAdministratorProposalRequest>,
    ) -> Result<Response<AdministratorProposal>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let message = request.get_ref();
        let verdict = Verdict {
            id: &message.id,
            command: Command::Decline,
            etag: &message.etag,
            reason: message.reason.trim(),
        };
        let call = (message.request_id.as_str(), message);
        Ok(Response::new(
            self.close(principal, verdict, call, &caller).await?,
        ))
    }

    async fn withdraw_administrator_proposal(
        &self,
        request: Request<WithdrawAdministratorProposalRequest>,
    ) -> Result<Response<AdministratorProposal>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let message = request.get_ref();
        let verdict = Verdict {
            id: &message.id,
            command: Command::Withdraw,
            etag: &message.etag,
            reason: "",
        };
        let call = (message.request_id.as_str(), message);
        Ok(Response::new(
            self.close(principal, verdict, call, &caller).await?,
        ))
    }
}
