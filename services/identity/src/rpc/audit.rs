//! AuditService.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Principal, Role},
    page,
    status::Fault,
};
use qihang_proto::identity::v1::{
    AuditEvent, ListAuditEventsRequest, ListAuditEventsResponse, ListMyAuditEventsRequest, account,
    audit_event, audit_service_server,
};
use time::OffsetDateTime;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::audit_titles,
    error::Error,
    rpc::{account_view, person::timestamp},
    store::audit_list::{self, EventRow, Filter},
};

/// Shows the audit.
pub(crate) struct AuditService(pub(crate) Arc<App>);

impl AuditService {
    async fn list(
        &self,
        principal: &Principal,
        request: &ListAuditEventsRequest,
    ) -> Result<ListAuditEventsResponse, Error> {
        let filter = filter(principal, request)?;
        let page = page::Query::new(request.page_size, &request.page_token, &filter)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows = audit_list::list(&mut conn, &filter, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.id);
        // A school learns what others did to its own, but not from where.
        let near = |row: &EventRow| {
            let outside = row.actor_id.is_some() && row.actor_school != filter.school;
            filter.school.is_none() || !outside
        };
        Ok(ListAuditEventsResponse {
            events: rows.iter().map(|row| view(row, near(row))).collect(),
            next_page_token,
        })
    }

    async fn list_own(
        &self,
        principal: &Principal,
        request: &ListMyAuditEventsRequest,
    ) -> Result<ListAuditEventsResponse, Error> {
        let own = principal.account_id;
        let page = page::Query::new(request.page_size, &request.page_token, &own)?;
        let mut conn = self.0.ctx.pool.acquire().await?;
        let rows =
            audit_list::list_own(&mut conn, own, principal.student_id, page.after()?, page.limit()).await?;
        let (rows, next_page_token) = page.finish(rows, |row| row.id);
        let near = |row: &EventRow| row.actor_id.is_none_or(|actor| actor == own);
        Ok(ListAuditEventsResponse {
            events: rows.iter().map(|row| view(row, near(row))).collect(),
            next_page_token,
        })
    }
}

fn filter(principal: &Principal, request: &ListAuditEventsRequest) -> Result<Filter, Fault> {
    let (start_time, end_time) = (
        instant("startTime", request.start_time)?,
        instant("endTime", request.end_time)?,
    );
    if let (Some(start), Some(end)) = (start_time, end_time)
        && end <= start
    {
        return Err(Fault::invalid(
            "endTime",
            "TIME_RANGE_INVALID",
            "结束时间应晚于开始时间，请重新选择",
        ));
    }
    Ok(Filter {
        school: match principal.role {
            Role::Province => None,
            // Nobody else passes the access layer; without a school nothing is in scope.
            _ => Some(principal.school_code.clone().unwrap_or_default()),
        },
        event: Some(request.event.trim().to_owned()).filter(|event| !event.is_empty()),
        outcome: match request.outcome() {
            audit_event::Outcome::Unspecified => None,
            audit_event::Outcome::Done => Some("DONE"),
            audit_event::Outcome::Refused => Some("REFUSED"),
        },
        account_id: uuid(&request.account_id),
        student_id: uuid(&request.student_id),
        start_time,
        end_time,
    })
}

/// An id that validation has let through.
fn uuid(text: &str) -> Option<Uuid> {
    text.parse().ok()
}

fn instant(
    field: &'static str,
    time: Option<prost_types::Timestamp>,
) -> Result<Option<OffsetDateTime>, Fault> {
    let Some(time) = time else {
        return Ok(None);
    };
    let nanos = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .filter(|time| (1970..10_000).contains(&time.year()))
        .map(Some)
        .ok_or_else(|| Fault::invalid(field, "TIME_INVALID", "时间不正确，请重新选择"))
}

fn view(row: &EventRow, near: bool) -> AuditEvent {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let outcome = match row.outcome.as_str() {
        "REFUSED" => audit_event::Outcome::Refused,
        _ => audit_event::Outcome::Done,
    };
    let actor_role = row
        .actor_role
        .as_deref()
        .map_or(account::Role::Unspecified, account_view::role);
    AuditEvent {
        id: row.id.to_string(),
        event: row.event.clone(),
        outcome: outcome.into(),
        account_id: id(row.account_id),
        account_name: row.account_name.clone().unwrap_or_default(),
        actor_id: id(row.actor_id),
        actor_name: row.actor_name.clone().unwrap_or_default(),
        actor_role: actor_role.into(),
        student_id: id(row.student_id),
        reason: row.reason.clone(),
        address: if near { row.address.clone() } else { String::new() },
        client: row.client.clone(),
        create_time: Some(timestamp(row.create_time)),
        sequence: row.sequence.unwrap_or_default(),
        title: audit_titles::title(&row.event).to_owned(),
    }
}

#[tonic::async_trait]
impl audit_service_server::AuditService for AuditService {
    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Result<Response<ListAuditEventsResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.list(principal, request.get_ref()).await?))
    }

    async fn list_my_audit_events(
        &self,
        request: Request<ListMyAuditEventsRequest>,
    ) -> Result<Response<ListAuditEventsResponse>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.list_own(principal, request.get_ref()).await?))
    }
}
