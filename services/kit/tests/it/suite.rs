//! Several services in one process, on one database, started and stopped together; and a service under test.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use qihang_kit::{
    Context, Service,
    outbox::{self, Outgoing},
    run::Suite,
    settings::{Loaded, Loader, Unknown},
    tasks::Task,
    testing::{self, TestDb},
};
use qihang_proto::identity::v1::{
    BatchGetStudentsRequest, DirectoryStudent, GetJwksRequest,
    directory_service_client::DirectoryServiceClient,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    ground::{Ground, MIGRATOR, find},
    messages::{KEY, notes},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {}

/// Settings of a service on a test's database.
pub(crate) fn settings(db: &TestDb) -> Loaded<Config> {
    let loader = Loader::new("").unwrap().variables([], Unknown::Refuse).unwrap();
    let loader = loader
        .set("database.url", db.url())
        .unwrap()
        .set("files.url", "memory://")
        .unwrap();
    let loader = loader
        .set("auth.service_secret", "a secret that only tests know, and long")
        .unwrap();
    loader.load().unwrap()
}

async fn identity(ctx: Context, ground: Ground) -> anyhow::Result<Service> {
    Ok(Service {
        name: ctx.service,
        chains: vec![],
        subjects: None,
        sealed: None,
        routes: ground.routes(),
        consumers: vec![],
        tasks: vec![],
    })
}

/// Writes down what identity publishes.
async fn listener(ctx: Context) -> anyhow::Result<Service> {
    let table = "CREATE TABLE notes (sequence bigserial, consumer text, aggregate uuid, number integer)";
    sqlx::query(table).execute(&ctx.pool).await?;
    let routes = tonic::service::Routes::default();
    Ok(Service {
        name: ctx.service,
        chains: vec![],
        subjects: None,
        sealed: None,
        routes,
        consumers: vec![Arc::new(notes("steady"))],
        tasks: vec![],
    })
}

/// Writes a message into a service's outbox.
async fn announce(pool: &sqlx::PgPool, id: Uuid, name: &str) {
    let mut transaction = pool.begin().await.unwrap();
    let message = DirectoryStudent {
        name: name.to_owned(),
        ..Default::default()
    };
    outbox::publish(&mut transaction, Outgoing::new(id, KEY, Uuid::nil(), &message))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_of_one_process_call_each_other_and_hear_each_other() {
    let db = TestDb::new("kit_ground", &MIGRATOR).await;
    let settings = || settings(&db);
    let mut suite = Suite::new(&settings().common).unwrap();
    let ground = Ground::default();
    let first = ground.clone();
    let started = suite
        .add("identity", &MIGRATOR, settings(), |ctx, _: Config| {
            identity(ctx, first)
        })
        .await
        .unwrap();
    let second = suite
        .add("listener", &MIGRATOR, settings(), |ctx, _: Config| listener(ctx))
        .await
        .unwrap();
    assert!(started.ready()().await);
    announce(&started.pool, Uuid::from_u128(4), "4").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let taken = "SELECT count(*) FROM outbox WHERE publish_time IS NOT NULL";
    let taken: i64 = sqlx::query_scalar(taken).fetch_one(&started.pool).await.unwrap();
    assert_eq!(
        taken, 0,
        "a suite that only answers an operator leaves messages alone"
    );
    suite.start_work();
    let channels = suite.channels("listener", &settings().common).unwrap();
    let mut client = DirectoryServiceClient::new(channels.get("identity"));
    let request = BatchGetStudentsRequest {
        ids: vec![Uuid::nil().to_string()],
    };
    let answer = client.batch_get_students(request).await.unwrap().into_inner();
    assert_eq!(answer.students[0].name, "listener");

    announce(&started.pool, Uuid::max(), "5").await;
    let heard = async {
        while crate::messages::written(&second.pool, "steady").await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), heard)
        .await
        .unwrap();
    suite.shutdown().await;
    assert!(started.pool.is_closed());
}

struct Once(Context);

#[async_trait::async_trait]
impl Task for Once {
    fn name(&self) -> &'static str {
        "once"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn run_once(&self) -> anyhow::Result<bool> {
        let mut conn = self.0.pool.acquire().await?;
        let now = qihang_kit::db::now(&mut conn).await?;
        anyhow::ensure!(now == self.0.clock.now(), "both clocks show the same");
        Ok(false)
    }
}

#[tokio::test]
async fn a_service_under_test_is_stepped_by_hand() {
    let ground = Ground::default();
    let served = ground.clone();
    let build = |ctx: Context| async move {
        let routes = served.routes();
        let tasks: Vec<Arc<dyn Task>> = vec![Arc::new(Once(ctx.clone()))];
        Ok(Service {
            name: ctx.service,
            chains: vec![],
            subjects: None,
            sealed: None,
            routes,
            consumers: vec![Arc::new(notes("steady"))],
            tasks,
        })
    };
    let service = testing::service("identity", &MIGRATOR, build).await;
    let table = "CREATE TABLE notes (sequence bigserial, consumer text, aggregate uuid, number integer)";
    sqlx::query(table).execute(&service.db.pool).await.unwrap();
    service.advance(time::Duration::days(400)).await;
    service.run_tasks().await;
    assert!(
        DirectoryServiceClient::new(service.anonymous())
            .get_jwks(GetJwksRequest {})
            .await
            .is_ok()
    );
    let mut contracts = DirectoryServiceClient::new(service.as_service("contracts"));
    assert!(contracts.find_student(find("x")).await.is_ok());
    assert_eq!(ground.entered.load(Ordering::SeqCst), 1);
    crate::messages::publish(&service.db.pool, Uuid::nil(), 3).await;
    service.relay_until_idle().await;
    assert_eq!(
        crate::messages::written(&service.db.pool, "steady").await,
        [(Uuid::nil(), 3)]
    );
    let published = service.published().await;
    assert_eq!((published.len(), published[0].key.as_str()), (1, KEY));
    service.redeliver(&published[0]).await.unwrap();
    let message = DirectoryStudent {
        name: "4".to_owned(),
        ..Default::default()
    };
    service.deliver(KEY, Uuid::nil(), &message).await.unwrap();
    assert_eq!(
        crate::messages::written(&service.db.pool, "steady").await.len(),
        2
    );
}

#[tokio::test]
async fn neighbours_are_called_through_their_own_stack() {
    let ground = Ground::default();
    let build = |ctx: Context| identity(ctx, ground.clone());
    let service = testing::service("identity", &MIGRATOR, build).await;
    service.peer("documents", ground.routes());
    let mut documents = DirectoryServiceClient::new(service.ctx.channels.get("documents"));
    let request = BatchGetStudentsRequest {
        ids: vec![Uuid::nil().to_string()],
    };
    assert_eq!(
        documents
            .batch_get_students(request)
            .await
            .unwrap()
            .into_inner()
            .students[0]
            .name,
        "identity"
    );
    let (student, school) = (
        testing::student("4123010213", Uuid::nil()),
        testing::department_staff("1", "2"),
    );
    assert_ne!(student.account_id, school.account_id);
    assert!(!service.token(&testing::province_staff()).is_empty());
}
