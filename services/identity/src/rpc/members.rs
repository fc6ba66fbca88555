//! MemberService: the people of employers.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal, Role as Caste},
    db, etag,
    idempotency::Call,
    page,
    status::Fault,
    validators,
};
use qihang_proto::identity::v1::{
    ApproveMemberRequest, InviteMemberRequest, JoinEmployerRequest, JoinEmployerResponse, ListMembersRequest,
    ListMembersResponse, Member as Answer, MemberInvitation, ReissueInvitationRequest, RejectMemberRequest,
    RemoveMemberRequest, UpdateMemberRequest, member_service_server,
};
use sqlx::PgConnection;
use time::Duration;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::member::{self, Command, Manager, Member, PROVINCE_AFTER, Role, State},
    error::{Error, Missing},
    rpc::{join_employer, member_view, person::timestamp},
    session,
    store::{
        accounts::{self, NewAccount},
        audit::{self, Event},
        members::{self as store, Filter, MemberRow, NewMember},
        sessions::{self, EndReason},
        staff::set_activation,
    },
};

/// Life of an invitation's token.
const INVITATION_LIFE: Duration = Duration::hours(72);
/// Members that an employer may have, the invited among them.
const MOST: i64 = 50;

/// What is kept of a first answer: tokens never are.
#[derive(Clone, PartialEq, prost::Message)]
struct Kept {
    #[prost(string, tag = "1")]
    account_id: String,
}

/// Keeps the members of employers.
pub(crate) struct MemberService(pub(crate) Arc<App>);

/// A command on a member, as it was asked for.
struct Order<'a> {
    id: &'a str,
    command: Command,
    etag: &'a str,
    reason: &'a str,
}

/// Who the caller is to the members of an employer.
pub(crate) fn manager(principal: &Principal) -> Manager {
    match (principal.role, principal.employer_role.as_deref()) {
        (Caste::Province, _) => Manager::Province,
        (_, Some("ADMIN")) => Manager::Administrator(principal.account_id),
        _ => Manager::Member(principal.account_id),
    }
}

/// Whom the caller sees: the own employer's members; the province what nobody has answered.
fn scope(principal: &Principal) -> Result<Filter, Error> {
    if principal.role == Caste::Province {
        return Ok(Filter {
            unanswered_days: i32::try_from(PROVINCE_AFTER.whole_days()).ok(),
            ..Filter::default()
        });
    }
    Ok(Filter {
        employer_id: Some(employer(principal)?),
        ..Filter::default()
    })
}

fn employer(principal: &Principal) -> Result<Uuid, Error> {
    principal.employer_id.ok_or(Error::NotFound(Missing::Member))
}

/// Name, mobile and e-mail of a new member, read.
///
/// # Errors
/// The field that is wrong.
pub(crate) fn contacts<'a>(mobile: &'a str, email: &'a str) -> Result<(&'a str, &'a str), Fault> {
    let field = |field: &'static str| {
        move |invalid: validators::Invalid| Fault::invalid(field, invalid.reason(), invalid.to_string())
    };
    Ok((
        validators::mobile(mobile).map_err(field("mobile"))?,
        validators::email(email).map_err(field("email"))?,
    ))
}

impl MemberService {
    async fn list(
        &self,
        principal: &Principal,
        request: &ListMembersRequest,
    ) -> Result<ListMembersResponse, Error> {
        let filter = Filter {
            state: State::parse(&request.state).map(State::as_str),
            ..scope(principal)?
        };
        let page = page::Query::new(request.page_size, &request.page_token, &filter)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let rows = store::list(&mut conn, &filter, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.id);
        let view = |row| member_view::member(row, manager(principal), &self.0.sealer, now);
        Ok(ListMembersResponse {
            members: rows.iter().map(view).collect::<Result<_, _>>()?,
            next_page_token,
        })
    }

    async fn invite(
        &self,
        principal: &Principal,
        request: &InviteMemberRequest,
        caller: &Caller,
    ) -> Result<MemberInvitation, Error> {
        if !matches!(manager(principal), Manager::Administrator(_)) {
            return Err(member::Refusal::AdministratorOnly.into());
        }
        let mut transaction = self.0.ctx.pool.begin().await?;
        let (maker, request_id) = (principal.account_id, &request.request_id);
        let call = Call::new("InviteMember", maker, request_id, request);
        let kept: Kept = call
            .once(&mut transaction, async |conn| {
                let account_id = self.add(conn, principal, request, caller).await?.to_string();
                Ok(Kept { account_id })
            })
            .await?;
        let row = load(&mut transaction, principal, uuid(&kept.account_id)?).await?;
        // A repeat after the member took the account over must not give its password away.
        let now = db::now(&mut transaction).await?;
        member::decide(
            &Member::try_from(&row)?,
            Command::Reissue,
            manager(principal),
            now,
        )?;
        let invitation = self.invitation(&mut transaction, principal, &row).await?;
        transaction.commit().await?;
        Ok(invitation)
    }

    async fn add(
        &self,
        conn: &mut PgConnection,
        principal: &Principal,
        request: &InviteMemberRequest,
        caller: &Caller,
    ) -> Result<Uuid, Error> {
        let Self(app) = self;
        let employer_id = employer(principal)?;
        let (mobile, email) = contacts(&request.mobile, &request.email)?;
        store::lock(conn, employer_id).await?;
        let account = NewAccount {
            id: app.ctx.ids.new_id(),
            role: Caste::Employer,
            employer_id: Some(employer_id),
            name: request.name.trim().to_owned(),
            mobile: mobile.to_owned(),
            email: email.to_owned(),
            ..NewAccount::default()
        };
        accounts::insert(conn, &account, &app.sealer).await?;
        let member = NewMember {
            employer_id,
            account_id: account.id,
            role: Role::parse(&request.role).ok_or(Error::Inconsistent("role of a new member"))?,
            state: State::Invited,
            message: "",
        };
        let now = db::now(conn).await?;
        if !store::insert(conn, &member, MOST, now).await? {
            return Err(member_view::too_many().into());
        }
        self.audit(conn, "member.invite", account.id, (principal, caller), "")
            .await?;
        Ok(account.id)
    }

    /// Carries out a command and gives the member as it is then.
    async fn carry_out(
        &self,
        conn: &mut PgConnection,
        principal: &Principal,
        order: &Order<'_>,
        caller: &Caller,
    ) -> Result<MemberRow, Error> {
        let id = uuid(order.id)?;
        // The last administrator is counted under this lock, so whose member it is must be known first.
        let employer_id = load(conn, principal, id).await?.employer_id;
        store::lock(conn, employer_id).await?;
        let row = load(conn, principal, id).await?;
        etag::check(order.etag, row.version)?;
        let now = db::now(conn).await?;
        let next = member::decide(&Member::try_from(&row)?, order.command, manager(principal), now)?;
        store::save(conn, &row, next, order.reason).await?;
        if next.0 == State::Removed {
            sessions::end_all(conn, id, None, EndReason::Disabled).await?;
        }
        let event = match order.command {
            Command::Approve(_) => "member.approve",
            Command::Reject => "member.reject",
            Command::Change(_) => "member.update",
            Command::Remove => "member.remove",
            Command::Reissue => "member.reissue",
            Command::Reset => "member.reset",
        };
        self.audit(conn, event, id, (principal, caller), order.reason)
            .await?;
        let filter = Filter {
            id: Some(id),
            ..Filter::default()
        };
        let row = store::list(conn, &filter, None, 1).await?.pop();
        row.ok_or(Error::NotFound(Missing::Member))
    }

    /// One command that gives the member.
    async fn step(
        &self,
        principal: &Principal,
        order: Order<'_>,
        (request_id, request): (&str, &impl prost::Message),
        caller: &Caller,
    ) -> Result<Answer, Error> {
        let mut transaction = self.0.ctx.pool.begin().await?;
        let (method, maker) = (order.command.name(), principal.account_id);
        let call = Call::new(method, maker, request_id, request);
        let answer = call
            .once(&mut transaction, async |conn| {
                let row = self.carry_out(conn, principal, &order, caller).await?;
                let now = db::now(conn).await?;
                Ok(member_view::member(
                    &row,
                    manager(principal),
                    &self.0.sealer,
                    now,
                )?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn reissue(
        &self,
        principal: &Principal,
        request: &ReissueInvitationRequest,
        caller: &Caller,
    ) -> Result<MemberInvitation, Error> {
        let mut transaction = self.0.ctx.pool.begin().await?;
        let (maker, request_id) = (principal.account_id, &request.request_id);
        let call = Call::new("ReissueInvitation", maker, request_id, request);
        // A repeat looks at the member as it is now and gives another token, as the first call did.
        let (order_etag, ticket) = match call.claim(&mut transaction).await?.fresh_or::<Kept>()? {
            Ok(ticket) => (request.etag.as_str(), Some(ticket)),
            Err(_) => ("", None),
        };
        let order = Order {
            id: &request.id,
            command: Command::Reissue,
            etag: order_etag,
            reason: "",
        };
        let row = self
            .carry_out(&mut transaction, principal, &order, caller)
            .await?;
        if let Some(ticket) = ticket {
            let account_id = row.id.to_string();
            ticket.save(&mut transaction, &Kept { account_id }).await?;
        }
        let invitation = self.invitation(&mut transaction, principal, &row).await?;
        transaction.commit().await?;
        Ok(invitation)
    }

    async fn invitation(
        &self,
        conn: &mut PgConnection,
        principal: &Principal,
        row: &MemberRow,
    ) -> Result<MemberInvitation, Error> {
        let token = self.0.ctx.ids.token(32);
        let now = db::now(conn).await?;
        let ends = now + INVITATION_LIFE;
        set_activation(conn, row.id, &session::digest(&token), principal.account_id, ends).await?;
        Ok(MemberInvitation {
            member: Some(member_view::member(row, manager(principal), &self.0.sealer, now)?),
            activation_token: token,
            expire_time: Some(timestamp(ends)),
        })
    }

    async fn audit(
        &self,
        conn: &mut PgConnection,
        event: &'static str,
        id: Uuid,
        (principal, caller): (&Principal, &Caller),
        reason: &str,
    ) -> Result<(), Error> {
        let event = Event {
            actor_id: Some(principal.account_id),
            reason: reason.to_owned(),
            ..Event::of(event, id)
        };
        Ok(audit::write(conn, self.0.ctx.ids.new_id(), &event, caller).await?)
    }
}

/// A member whom the caller sees.
///
/// # Errors
/// MEMBER_NOT_FOUND; the database's.
pub(crate) async fn load(
    conn: &mut PgConnection,
    principal: &Principal,
    id: Uuid,
) -> Result<MemberRow, Error> {
    let filter = Filter {
        id: Some(id),
        ..scope(principal)?
    };
    let row = store::list(conn, &filter, None, 1).await?.pop();
    row.ok_or(Error::NotFound(Missing::Member))
}

fn uuid(text: &str) -> Result<Uuid, Error> {
    text.parse().map_err(|_| Error::NotFound(Missing::Member))
}

fn role(text: &str) -> Result<Role, Error> {
    Role::parse(text).ok_or(Error::Inconsistent("role of a request"))
}

#[tonic::async_trait]
impl member_service_server::MemberService for MemberService {
    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.list(principal, request.get_ref()).await?))
    }

    async fn invite_member(
        &self,
        request: Request<InviteMemberRequest>,
    ) -> Result<Response<MemberInvitation>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.invite(principal, request.get_ref(), &caller).await?,
        ))
    }

    async fn join_employer(
        &self,
        request: Request<JoinEmployerRequest>,
    ) -> Result<Response<JoinEmployerResponse>, Status> {
        let caller = auth::caller(&request);
        Ok(Response::new(
            join_employer::join(&self.0, request.get_ref(), &caller).await?,
        ))
    }

    async fn approve_member(
        &self,
        request: Request<ApproveMemberRequest>,
    ) -> Result<Response<Answer>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let message = request.get_ref();
        let order = Order {
            id: &message.id,
            command: Command::Approve(role(&message.role)?),
            etag: &message.etag,
            reason: "",
        };
        let call = (message.request_id.as_str(), message);
        Ok(Response::new(self.step(principal, order, call, &caller).await?))
    }

    async fn reject_member(&self, request: Request<RejectMemberRequest>) -> Result<Response<Answer>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let message = request.get_ref();
        let order = Order {
            id: &message.id,
            command: Command::Reject,
            etag: &message.etag,
            reason: message.reason.trim(),
        };
        let call = (message.request_id.as_str(), message);
        Ok(Response::new(self.step(principal, order, call, &caller).await?))
    }

    async fn update_member(&self, request: Request<UpdateMemberRequest>) -> Result<Response<Answer>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let message = request.get_ref();
        let order = Order {
            id: &message.id,
            command: Command::Change(role(&message.role)?),
            etag: &message.etag,
            reason: "",
        };
        let call = (message.request_id.as_str(), message);
        Ok(Response::new(self.step(principal, order, call, &caller).await?))
    }

    async fn remove_member(&self, request: Request<RemoveMemberRequest>) -> Result<Response<Answer>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        let message = request.get_ref();
        let order = Order {
            id: &message.id,
            command: Command::Remove,
            etag: &message.etag,
            reason: message.reason.trim(),
        };
        let call = (message.request_id.as_str(), message);
        Ok(Response::new(self.step(principal, order, call, &caller).await?))
    }

    async fn reissue_invitation(
        &self,
        request: Request<ReissueInvitationRequest>,
    ) -> Result<Response<MemberInvitation>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.reissue(principal, request.get_ref(), &caller).await?,
        ))
    }
}
