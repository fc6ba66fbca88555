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
    GetServiceBacklogRequest, ListServiceDeadLettersRequest, ReplayServiceDeadLetterRequest, ServiceBacklog,
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
    let buried = async {
        while backlog(&mut client).await.dead_letter_count == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), buried)
        .await
        .unwrap();
    let request = ListServiceDeadLettersRequest {};
    let letters = client
        .list_service_dead_letters(request)
        .await
        .unwrap()
        .into_inner()
        .dead_letters;
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}")
    };
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
    suite.shutdown().await;
}
