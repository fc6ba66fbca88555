//! EmployerGuardService: what keeps an employer away.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Role},
    db,
    idempotency::Call,
    page,
    status::Fault,
    validators,
};
use qihang_proto::identity::v1::{
    BlacklistEmployerRequest, BlacklistEntry, EmployerFreeze, FreezeEmployerRequest, ListBlacklistRequest,
    ListBlacklistResponse, ListEmployerFreezesRequest, ListEmployerFreezesResponse,
    UnblacklistEmployerRequest, UnfreezeEmployerRequest, employer_guard_service_server,
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::freeze::{self, Freeze, Refusal},
    error::Error,
    rpc::{
        employer_flow,
        person::{Person, timestamp},
    },
    store::{
        self,
        audit::{self, Event},
        employer_guards::{self as guards, By, EntryRow, FreezeRow},
    },
};

/// Keeps freezes and the blacklist.
pub(crate) struct EmployerGuards(pub(crate) Arc<App>);

impl EmployerGuards {
    async fn freeze(&self, request: &Request<FreezeEmployerRequest>) -> Result<EmployerFreeze, Error> {
        let (person, asked) = (Person::of(request)?, request.get_ref());
        let reason = filled(&asked.reason)?;
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new("FreezeEmployer", caller, &asked.request_id, asked);
        let answer = call
            .once(&mut transaction, async |conn| {
                let place = Place::of(conn, &person, &asked.id).await?;
                let now = db::now(conn).await?;
                let until = freeze::freeze(place.last(), now).map_err(Error::from)?;
                let by = By {
                    id: caller,
                    name: &person.principal.name,
                    reason,
                };
                let key = (app.ctx.ids.new_id(), place.employer, person.school_code()?);
                if !guards::freeze(conn, key, until, by).await? {
                    return Err(Error::from(Refusal::Frozen { until }).into());
                }
                self.note(conn, "employer.freeze", reason, request).await?;
                Ok(Place::of(conn, &person, &asked.id).await?.view(now)?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn unfreeze(&self, request: &Request<UnfreezeEmployerRequest>) -> Result<EmployerFreeze, Error> {
        let (person, asked) = (Person::of(request)?, request.get_ref());
        let Self(app) = self;
        let mut transaction = app.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new("UnfreezeEmployer", caller, &asked.request_id, asked);
        let answer = call
            .once(&mut transaction, async |conn| {
                let place = Place::of(conn, &person, &asked.id).await?;
                let now = db::now(conn).await?;
                freeze::lift(place.last(), now).map_err(Error::from)?;
                let id = place.row.as_ref().map(|row| row.id).unwrap_or_default();
                if !guards::lift(conn, id).await? {
                    return Err(Error::from(Refusal::NotFrozen).into());
                }
                self.note(conn, "employer.unfreeze", "", request).await?;
                Ok(Place::of(conn, &person, &asked.id).await?.view(now)?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn list_freezes(
        &self,
        person: &Person,
        request: &ListEmployerFreezesRequest,
    ) -> Result<ListEmployerFreezesResponse, Error> {
        let school = match person.principal.role {
            Role::Province => None,
            _ => Some(person.school_code()?),
        };
        let query = page::Query::new(request.page_size, &request.page_token, &school)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let now = db::now(&mut conn).await?;
        let rows = guards::freezes(&mut conn, school, None, query.after()?, query.limit()).await?;
        let (rows, next_page_token) = query.finish(rows, |row| row.id);
        Ok(ListEmployerFreezesResponse {
            freezes: rows.iter().map(|row| view(row, now)).collect(),
            next_page_token,
        })
    }

    async fn add(&self, request: &Request<BlacklistEmployerRequest>) -> Result<BlacklistEntry, Error> {
        let (person, asked) = (Person::of(request)?, request.get_ref());
        let invalid = |invalid: validators::Invalid| {
            Fault::invalid("creditCode", invalid.reason(), invalid.to_string())
        };
        validators::credit_code(&asked.credit_code).map_err(invalid)?;
        let (reason, Self(app)) = (filled(&asked.reason)?, self);
        let mut transaction = app.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new("BlacklistEmployer", caller, &asked.request_id, asked);
        let answer = call
            .once(&mut transaction, async |conn| {
                let id = app.ctx.ids.new_id();
                let by = By {
                    id: caller,
                    name: &person.principal.name,
                    reason,
                };
                let what = (asked.credit_code.as_str(), asked.name.trim());
                if !guards::add(conn, id, what, by).await? {
                    let message = "该单位已在黑名单中，无需重复添加";
                    return Err(Fault::already_exists("BLACKLIST_TWICE", message));
                }
                self.note(conn, "blacklist.add", reason, request).await?;
                Ok(entry(conn, id).await?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn remove(&self, request: &Request<UnblacklistEmployerRequest>) -> Result<BlacklistEntry, Error> {
        let (person, asked) = (Person::of(request)?, request.get_ref());
        let (reason, Self(app)) = (filled(&asked.reason)?, self);
        let mut transaction = app.ctx.pool.begin().await?;
        let caller = person.principal.account_id;
        let call = Call::new("UnblacklistEmployer", caller, &asked.request_id, asked);
        let answer = call
            .once(&mut transaction, async |conn| {
                let id: Uuid = asked.id.parse().map_err(|_| not_listed())?;
                if !guards::remove(conn, id, reason).await? {
                    return Err(not_listed());
                }
                self.note(conn, "blacklist.remove", reason, request).await?;
                Ok(entry(conn, id).await?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn list_blacklist(&self, request: &ListBlacklistRequest) -> Result<ListBlacklistResponse, Error> {
        let query = page::Query::new(request.page_size, &request.page_token, &())?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = guards::blacklist(&mut conn, None, query.after()?, query.limit()).await?;
        let (rows, next_page_token) = query.finish(rows, |row| row.id);
        Ok(ListBlacklistResponse {
            entries: rows.into_iter().map(listed).collect(),
            next_page_token,
        })
    }

    async fn note<T>(
        &self,
        conn: &mut PgConnection,
        event: &'static str,
        reason: &str,
        request: &Request<T>,
    ) -> Result<(), Error> {
        let principal = auth::principal(request)?;
        let event = Event {
            event,
            actor_id: Some(principal.account_id),
            school_code: principal.school_code.clone(),
            reason: reason.to_owned(),
            ..Event::default()
        };
        Ok(audit::write(conn, self.0.ctx.ids.new_id(), &event, &auth::caller(request)).await?)
    }
}

/// An employer at a school: the school's last freeze of it.
struct Place {
    employer: Uuid,
    row: Option<FreezeRow>,
}

impl Place {
    /// Approved ones only, as schools see them.
    async fn of(conn: &mut PgConnection, person: &Person, employer: &str) -> Result<Self, Error> {
        let employer: Uuid = employer.parse().map_err(|_| employer_flow::not_found())?;
        store::employers::get(conn, employer, true)
            .await?
            .ok_or_else(employer_flow::not_found)?;
        let school = person.school_code()?;
        let rows = guards::freezes(conn, Some(school), Some(employer), None, 1).await?;
        Ok(Self {
            employer,
            row: rows.into_iter().next(),
        })
    }

    fn last(&self) -> Option<Freeze> {
        self.row.as_ref().map(rules)
    }

    fn view(&self, now: OffsetDateTime) -> Result<EmployerFreeze, Error> {
        let row = self.row.as_ref();
        Ok(view(row.ok_or(Error::Inconsistent("employer_freezes"))?, now))
    }
}

fn rules(row: &FreezeRow) -> Freeze {
    Freeze {
        begun: row.create_time,
        until: row.until_time,
        lifted: row.lift_time.is_some(),
    }
}

fn view(row: &FreezeRow, now: OffsetDateTime) -> EmployerFreeze {
    EmployerFreeze {
        id: row.id.to_string(),
        employer_id: row.employer_id.to_string(),
        employer_name: row.employer_name.clone(),
        school_code: row.school_code.clone(),
        reason: row.reason.clone(),
        actor_name: row.actor_name.clone(),
        create_time: Some(timestamp(row.create_time)),
        end_time: Some(timestamp(row.lift_time.unwrap_or(row.until_time))),
        holds: rules(row).holds(now),
    }
}

async fn entry(conn: &mut PgConnection, id: Uuid) -> Result<BlacklistEntry, Error> {
    let rows = guards::blacklist(conn, Some(id), None, 1).await?;
    let row = rows.into_iter().next();
    Ok(listed(row.ok_or(Error::Inconsistent("blacklist"))?))
}

fn listed(row: EntryRow) -> BlacklistEntry {
    BlacklistEntry {
        id: row.id.to_string(),
        credit_code: row.credit_code,
        name: row.name,
        reason: row.reason,
        actor_name: row.actor_name,
        create_time: Some(timestamp(row.create_time)),
        remove_reason: row.remove_reason,
        remove_time: row.remove_time.map(timestamp),
    }
}

pub(super) fn filled(reason: &str) -> Result<&str, Fault> {
    Some(reason.trim())
        .filter(|reason| !reason.is_empty())
        .ok_or_else(|| Fault::invalid("reason", "REASON_BLANK", "请填写原因"))
}

fn not_listed() -> Fault {
    Fault::not_found(
        "BLACKLIST_NOT_FOUND",
        "没有找到这条黑名单记录，或已移出，请刷新列表",
    )
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let day = qihang_kit::clock::local;
        let fault = match refusal {
            Refusal::Frozen { until } => Fault::precondition(
                "EMPLOYER_FROZEN",
                format!("本校已暂停该单位，至 {} 为止", day(until)),
            ),
            Refusal::TooSoon { from } => Fault::precondition(
                "FREEZE_TOO_SOON",
                format!(
                    "30 天内已暂停过该单位，{} 之后才能再次暂停；需要长期停用请报省就业中心",
                    day(from)
                ),
            ),
            Refusal::NotFrozen => {
                Fault::precondition("EMPLOYER_NOT_FROZEN", "本校没有暂停该单位，请刷新页面后查看")
            }
        };
        Self::Fault(fault)
    }
}

#[tonic::async_trait]
impl employer_guard_service_server::EmployerGuardService for EmployerGuards {
    async fn freeze_employer(
        &self,
        request: Request<FreezeEmployerRequest>,
    ) -> Result<Response<EmployerFreeze>, Status> {
        Ok(Response::new(self.freeze(&request).await?))
    }

    async fn unfreeze_employer(
        &self,
        request: Request<UnfreezeEmployerRequest>,
    ) -> Result<Response<EmployerFreeze>, Status> {
        Ok(Response::new(self.unfreeze(&request).await?))
    }

    async fn list_employer_freezes(
        &self,
        request: Request<ListEmployerFreezesRequest>,
    ) -> Result<Response<ListEmployerFreezesResponse>, Status> {
        let person = Person::of(&request)?;
        Ok(Response::new(
            self.list_freezes(&person, request.get_ref()).await?,
        ))
    }

    async fn blacklist_employer(
        &self,
        request: Request<BlacklistEmployerRequest>,
    ) -> Result<Response<BlacklistEntry>, Status> {
        Ok(Response::new(self.add(&request).await?))
    }

    async fn unblacklist_employer(
        &self,
        request: Request<UnblacklistEmployerRequest>,
    ) -> Result<Response<BlacklistEntry>, Status> {
        Ok(Response::new(self.remove(&request).await?))
    }

    async fn list_blacklist(
        &self,
        request: Request<ListBlacklistRequest>,
    ) -> Result<Response<ListBlacklistResponse>, Status> {
        Ok(Response::new(self.list_blacklist(request.get_ref()).await?))
    }
}
