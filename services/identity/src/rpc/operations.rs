//! OperationsService: asks every service of the suite about its queues, for the province.

use std::{sync::Arc, time::Duration};

use qihang_kit::{
    auth::{self, Caller},
    client::ServiceChannel,
    status::Fault,
};
use qihang_proto::{
    identity::v1::{
        DropDeadLetterRequest, DropDeadLetterResponse, GetOperationsRequest, ListDeadLettersRequest,
        ListDeadLettersResponse, Operations, ReplayDeadLetterRequest, ReplayDeadLetterResponse,
        ServiceStatus, operations_service_server,
    },
    operations::v1::{
        DropServiceDeadLetterRequest, GetServiceBacklogRequest, ListServiceDeadLettersRequest,
        ReplayServiceDeadLetterRequest, service_operations_service_client::ServiceOperationsServiceClient,
    },
};
use tonic::{Code, Request, Response, Status};

use crate::{
    App,
    rpc::employer_guards::filled,
    store::audit::{self, Event},
};

/// Longest that the overview waits for a service; one that hangs must not hide the others.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shows the suite at work and replays what got stuck.
pub(crate) struct OperationsService(pub(crate) Arc<App>);

type Client = ServiceOperationsServiceClient<ServiceChannel>;

impl OperationsService {
    fn client(&self, service: &str) -> Client {
        Client::new(self.0.ctx.channels.get(service))
    }

    /// A service by a name that somebody typed.
    fn named(&self, service: &str) -> Result<Client, Fault> {
        if self.0.ctx.channels.names().iter().any(|name| name == service) {
            Ok(self.client(service))
        } else {
            Err(Fault::invalid(
                "service",
                "SERVICE_UNKNOWN",
                "没有这个服务，请从运行概览中选择",
            ))
        }
    }

    async fn note(&self, event: &Event, caller: &Caller) -> Result<(), Fault> {
        let mut conn = self.0.ctx.pool.acquire().await?;
        Ok(audit::write(&mut conn, self.0.ctx.ids.new_id(), event, caller).await?)
    }

    async fn status(&self, name: String) -> ServiceStatus {
        let mut client = self.client(&name);
        let asked = client.get_service_backlog(GetServiceBacklogRequest {});
        let backlog = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(reply)) => Some(reply.into_inner()),
            Ok(Err(_)) | Err(_) => None,
        };
        ServiceStatus {
            name,
            reachable: backlog.is_some(),
            backlog,
        }
    }
}

#[tonic::async_trait]
impl operations_service_server::OperationsService for OperationsService {
    async fn get_operations(&self, _: Request<GetOperationsRequest>) -> Result<Response<Operations>, Status> {
        let names = self.0.ctx.channels.names();
        let services = futures::future::join_all(names.into_iter().map(|name| self.status(name))).await;
        Ok(Response::new(Operations { services }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let mut client = self.named(&request.get_ref().service)?;
        let listed = client
            .list_service_dead_letters(ListServiceDeadLettersRequest {})
            .await;
        let dead_letters = listed.map_err(passed_on)?.into_inner().dead_letters;
        Ok(Response::new(ListDeadLettersResponse { dead_letters }))
    }

    async fn replay_dead_letter(
        &self,
        request: Request<ReplayDeadLetterRequest>,
    ) -> Result<Response<ReplayDeadLetterResponse>, Status> {
        let mut client = self.named(&request.get_ref().service)?;
        let (account, caller) = (auth::principal(&request)?.account_id, auth::caller(&request));
        let wanted = ReplayServiceDeadLetterRequest {
            id: request.get_ref().id.clone(),
        };
        let replayed = client.replay_service_dead_letter(wanted).await;
        let event = Event {
            refused: replayed.is_err(),
            ..Event::of("operations.replay", account)
        };
        self.note(&event, &caller).await?;
        replayed.map_err(passed_on)?;
        Ok(Response::new(ReplayDeadLetterResponse {}))
    }

    async fn drop_dead_letter(
        &self,
        request: Request<DropDeadLetterRequest>,
    ) -> Result<Response<DropDeadLetterResponse>, Status> {
        let (account, caller) = (auth::principal(&request)?.account_id, auth::caller(&request));
        let asked = request.get_ref();
        let reason = filled(&asked.reason)?;
        let wanted = DropServiceDeadLetterRequest { id: asked.id.clone() };
        let dropped = self.named(&asked.service)?.drop_service_dead_letter(wanted).await;
        let event = Event {
            refused: dropped.is_err(),
            reason: reason.to_owned(),
            ..Event::of("operations.drop", account)
        };
        self.note(&event, &caller).await?;
        dropped.map_err(passed_on)?;
        Ok(Response::new(DropDeadLetterResponse {}))
    }
}

/// What the service refused is the caller's answer; anything else is that it is away.
fn passed_on(status: Status) -> Status {
    match status.code() {
        Code::NotFound | Code::FailedPrecondition => status,
        _ => Fault::unavailable("SERVICE_AWAY", "该服务暂时没有响应，请稍后再试").into(),
    }
}
