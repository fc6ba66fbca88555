//! What every service answers about its own messages.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use qihang_kit::{Context, Service, client::ServiceChannel, run::Suite, testing::TestDb};
use qihang_proto::operations::v1::{
    DeadLetter, DropServiceDeadLetterRequest, GetServiceBacklogRequest, ListServiceDeadLettersRequest,
    ReplayServiceDeadLetterRequest, ServiceBacklog,
    service_operations_service_client::ServiceOperationsServiceClient,
};
use tonic::Code;
use uuid::Uuid;

use crate::{
    ground::MIGRATOR,
    messages::{KEY, Notes, notes, publish, written},
    suite::{Config, settings},
};

type Client = ServiceOperationsServiceClient<ServiceChannel>;

/// A service whose only consumer refuses everything as long as `reject` says so.
async fn stubborn(ctx: Context, reject: Arc<AtomicBool>) -> anyhow::Result<Service> {
    let table = "CREATE TABLE notes (sequence bigserial, consumer text, aggregate uuid, number integer)";
    sqlx::query(table).execute(&ctx.pool).await?;
    Ok(Service {
        name: ctx.service,
        chains: vec![],
        subjects: None,
        sealed: None,
        routes: tonic::service::Routes::default(),
        consumers: vec![Arc::new(Notes {
            reject,
            ..notes("stubborn")
        })],
        tasks: vec![],
    })
}

async fn backlog(client: &mut Client) -> ServiceBacklog {
    client
        .get_service_backlog(GetServiceBacklogRequest {})
        .await
        .unwrap()
        .into_inner()
}

/// The one message that is given up on, once it is.
async fn buried(client: &mut Client) -> DeadLetter {
    let waits = async {
        while backlog(client).await.dead_letter_count == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waits)
        .await
        .unwrap();
    let request = ListServiceDeadLettersRequest {};
    let listed = client.list_service_dead_letters(request).await.unwrap();
    let mut letters = listed.into_inner().dead_letters;
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_got_stuck_is_seen_and_replayed_once_its_cause_is_mended() {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let common = settings(&db).common;
    let mut suite = Suite::new(&common).unwrap();
    let reject = Arc::new(AtomicBool::new(true));
    let stuck = reject.clone();
    let started = suite
        .add("ground", &MIGRATOR, settings(&db), |ctx, _: Config| {
            stubborn(ctx, stuck)
        })
        .await
        .unwrap();
    let channels = suite.channels("identity", &common).unwrap();
    assert_eq!(channels.names(), ["ground"]);
    let mut client = Client::new(channels.get("ground"));

    publish(&started.pool, Uuid::nil(), 7).await;
    assert_eq!(backlog(&mut client).await.outbox_count, 1, "no relay runs yet");
    suite.start_work();
    let letter = buried(&mut client).await;
    assert_eq!(
        (
            letter.service.as_str(),
            letter.consumer.as_str(),
            letter.key.as_str()
        ),
        ("ground", "stubborn", KEY)
    );

    let replay = || ReplayServiceDeadLetterRequest {
        id: letter.id.clone(),
    };
    let refused = client.replay_service_dead_letter(replay()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    reject.store(false, Ordering::SeqCst);
    client.replay_service_dead_letter(replay()).await.unwrap();
    let again = client.replay_service_dead_letter(replay()).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    assert_eq!(written(&started.pool, "stubborn").await, [(Uuid::nil(), 7)]);
    let left = backlog(&mut client).await;
    assert_eq!((left.outbox_count, left.dead_letter_count), (0, 0));

    reject.store(true, Ordering::SeqCst);
    publish(&started.pool, Uuid::max(), 8).await;
    let letter = buried(&mut client).await;
    let give_up = || DropServiceDeadLetterRequest {
        id: letter.id.clone(),
    };
    client.drop_service_dead_letter(give_up()).await.unwrap();
    let gone = client.drop_service_dead_letter(give_up()).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    assert_eq!(backlog(&mut client).await.dead_letter_count, 0);
    suite.shutdown().await;
}
