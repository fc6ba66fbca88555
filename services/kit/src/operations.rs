//! What each service answers about its own messages: how much waits, what a consumer gave up on, and trying that again.
//! [`crate::run::Suite`] puts it beside every service's own calls.

use std::sync::Arc;

use qihang_proto::operations::v1::{
    DeadLetter, DropServiceDeadLetterRequest, DropServiceDeadLetterResponse, GetServiceBacklogRequest,
    ListServiceDeadLettersRequest, ListServiceDeadLettersResponse, ReplayServiceDeadLetterRequest,
    ReplayServiceDeadLetterResponse, ServiceBacklog,
    service_operations_service_server::{ServiceOperationsService, ServiceOperationsServiceServer},
};
use sqlx::PgPool;
use tonic::{Request, Response, Status, async_trait};

use crate::{
    consume::{self, ConsumeError, Subscription},
    status::Fault,
};

/// Handlers of `ServiceOperationsService`.
pub(crate) struct Operations {
    service: &'static str,
    pool: PgPool,
    subscriptions: Arc<Vec<Subscription>>,
}

/// The calls of one service.
pub(crate) fn server(
    service: &'static str,
    pool: PgPool,
    subscriptions: Arc<Vec<Subscription>>,
) -> ServiceOperationsServiceServer<Operations> {
    ServiceOperationsServiceServer::new(Operations {
        service,
        pool,
        subscriptions,
    })
}

#[async_trait]
impl ServiceOperationsService for Operations {
    async fn get_service_backlog(
        &self,
        _request: Request<GetServiceBacklogRequest>,
    ) -> Result<Response<ServiceBacklog>, Status> {
        let (outbox, oldest, letters): (i64, i64, i64) = sqlx::query_as(
            "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(create_time)), 0)::bigint,
                    (SELECT count(*) FROM dead_letters WHERE replay_time IS NULL)
             FROM outbox WHERE publish_time IS NULL",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(Fault::database)?;
        Ok(Response::new(ServiceBacklog {
            outbox_count: count(outbox),
            outbox_oldest_seconds: count(oldest),
            dead_letter_count: count(letters),
        }))
    }

    async fn list_service_dead_letters(
        &self,
        _request: Request<ListServiceDeadLettersRequest>,
    ) -> Result<Response<ListServiceDeadLettersResponse>, Status> {
        let letters = consume::dead_letters(&self.pool).await.map_err(Fault::database)?;
        let dead_letters = letters.into_iter().map(|letter| self.shown(letter)).collect();
        Ok(Response::new(ListServiceDeadLettersResponse { dead_letters }))
    }

    async fn replay_service_dead_letter(
        &self,
        request: Request<ReplayServiceDeadLetterRequest>,
    ) -> Result<Response<ReplayServiceDeadLetterResponse>, Status> {
        let id = request.get_ref().id.parse().map_err(|_| not_found())?;
        match consume::replay(&self.subscriptions, &self.pool, Some(id)).await {
            Ok(0) => Err(not_found().into()),
            Ok(_) => Ok(Response::new(ReplayServiceDeadLetterResponse {})),
            Err(error) if error.is::<ConsumeError>() => Err(failed_again().into()),
            Err(error) => match error.downcast::<sqlx::Error>() {
                Ok(error) => Err(Fault::database(error).into()),
                Err(error) => Err(Fault::internal(error.as_ref()).into()),
            },
        }
    }

    async fn drop_service_dead_letter(
        &self,
        request: Request<DropServiceDeadLetterRequest>,
    ) -> Result<Response<DropServiceDeadLetterResponse>, Status> {
        self.drop_letter(&request.get_ref().id).await?;
        Ok(Response::new(DropServiceDeadLetterResponse {}))
    }
}

impl Operations {
    async fn drop_letter(&self, id: &str) -> Result<(), Fault> {
        let id = id.parse().map_err(|_| not_found())?;
        if consume::drop_dead_letter(&self.pool, id).await? {
            Ok(())
        } else {
            Err(not_found())
        }
    }

    fn shown(&self, letter: consume::DeadLetter) -> DeadLetter {
        DeadLetter {
            id: letter.id.to_string(),
            consumer: letter.consumer,
            message_id: letter.message_id.to_string(),
            key: letter.key,
            attempts: u32::try_from(letter.attempts).unwrap_or_default(),
            error: letter.error,
            create_time: Some(prost_types::Timestamp {
                seconds: letter.create_time.unix_timestamp(),
                nanos: i32::try_from(letter.create_time.nanosecond()).unwrap_or_default(),
            }),
            service: self.service.to_owned(),
        }
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn not_found() -> Fault {
    Fault::not_found(
        "DEAD_LETTER_NOT_FOUND",
        "没有找到这条未送达的消息，可能已经重新投递成功，请刷新列表",
    )
}

fn failed_again() -> Fault {
    Fault::precondition(
        "DEAD_LETTER_FAILED_AGAIN",
        "重新投递后仍然失败，请先排除列表中“错误”一栏所示的原因",
    )
}
