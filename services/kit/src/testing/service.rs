//! A service behind its whole server stack, stepped by the test.

use std::{future::Future, net::IpAddr, sync::Arc};

use bytes::Bytes;
use prost::Message;
use sqlx::{PgPool, migrate::Migrator};
use time::{Duration, OffsetDateTime};
use tonic::{
    Request, Status,
    service::{Interceptor, Routes, interceptor::InterceptedService},
};
use uuid::Uuid;

use super::{TestDb, TestKeys};
use crate::{
    auth::{
        ADDRESS_HEADER, CLIENT_HEADER, ClientKind, FixedKeys, GATEWAY, PeerTokens, Principal, REQUEST_HEADER,
        Verifier,
    },
    bus::{Bus, Local as LocalBus},
    cache::Cache,
    client::{Channels, Registry, ServiceChannel},
    clock::{Clock, FakeClock},
    consume::{ConsumeError, Delivery, Subscription},
    context::Context,
    crypto::{
        data_keys,
        reseal::{Reseal, Sealed},
    },
    files::FileStore,
    history::{self, Chains},
    ids::Ids,
    outbox::OutboxSignal,
    relay::Relay,
    server::{Layers, stack},
    service::Service,
    settings::{AuthSettings, Common, Secret},
    subject,
    tasks::Task,
};

/// Rounds after which a test's messages or tasks are going round in circles.
const ROUNDS: usize = 1000;

/// A service under test. Its database goes when this value goes.
pub struct TestService {
    /// What the service was built from.
    pub ctx: Context,
    /// Its clock.
    pub clock: TestClock,
    /// The key that signs its callers' tokens.
    pub keys: TestKeys,
    /// Its database.
    pub db: TestDb,
    registry: Registry,
    common: Common,
    relay: Relay,
    subscriptions: Vec<Subscription>,
    tasks: Vec<Arc<dyn Task>>,
    chains: Vec<Arc<dyn Chains>>,
    sealed: Option<Sealed>,
}

/// The time of a service and of its database, which stands until it is moved.
#[derive(Clone)]
pub struct TestClock {
    handle: FakeClock,
    pool: PgPool,
}

/// Builds a service on a database of its own and puts the whole server stack around it.
///
/// # Panics
/// When a part cannot be made or the service refuses to be built.
#[expect(clippy::expect_used, reason = "tests")]
pub async fn service<F, R>(name: &'static str, migrator: &'static Migrator, build: F) -> TestService
where
    F: FnOnce(Context) -> R,
    R: Future<Output = anyhow::Result<Service>>,
{
    let db = TestDb::new(name, migrator).await;
    let (clock, handle) = whole_second();
    let mut common = Common::embedded().expect("embedded defaults");
    common.auth.service_secret = Secret::from("a secret that only tests know, and long");
    let registry = Registry::default();
    let tokens = PeerTokens::new(&common.auth.service_secret, clock.clone());
    let channels = Channels::new(name, tokens, registry.clone(), &common.peers).expect("channels");
    let ctx = Context {
        service: name,
        pool: db.pool.clone(),
        clock,
        ids: Ids::random(),
        cache: Cache::memory(),
        files: FileStore::memory(),
        channels,
        outbox: OutboxSignal::default(),
    };
    let clock = TestClock {
        handle,
        pool: db.pool.clone(),
    };
    clock.set(clock.now()).await;
    let service = build(ctx.clone()).await.expect("the service can be built");
    let bus = LocalBus::default();
    let subscription = |consumer| Subscription {
        service: name,
        consumer,
        pool: db.pool.clone(),
    };
    let subscriptions: Vec<Subscription> = service.consumers.into_iter().map(subscription).collect();
    for subscription in &subscriptions {
        bus.add(subscription.clone());
    }
    let relay = Relay::new(
        name,
        db.pool.clone(),
        Bus::Local(bus),
        ctx.outbox.clone(),
        common.relay,
    );
    let test = TestService {
        ctx,
        clock,
        keys: TestKeys::default(),
        db,
        registry,
        common,
        relay,
        subscriptions,
        tasks: service.tasks,
        chains: service.chains,
        sealed: service.sealed,
    };
    let subjects = subject::server(service.subjects);
    test.peer(name, service.routes.add_service(subjects));
    test
}

/// A clock that stands at the present second.
fn whole_second() -> (Clock, FakeClock) {
    let now = Clock::system().now();
    Clock::fake(OffsetDateTime::from_unix_timestamp(now.unix_timestamp()).unwrap_or(now))
}

impl TestService {
    /// Puts a neighbour beside the service: it is called through its own server stack, and knows the same keys.
    pub fn peer(&self, name: &'static str, routes: Routes) {
        let layers = Layers {
            verifier: Verifier::new(
                FixedKeys(self.keys.set()),
                &self.common.auth,
                self.ctx.clock.clone(),
            ),
            peers: PeerTokens::new(&self.common.auth.service_secret, self.ctx.clock.clone()),
            limits: self.common.limits,
        };
        self.registry.add(name, stack(name, routes, layers));
    }

    /// The way in that the gateway has, for calls without a login.
    #[must_use]
    pub fn channel(&self) -> ServiceChannel {
        self.ctx.channels.named(GATEWAY).get(self.ctx.service)
    }

    /// The way in for a client of any kind.
    #[must_use]
    pub fn acting(&self, acting: Acting) -> InterceptedService<ServiceChannel, Acting> {
        InterceptedService::new(self.channel(), acting)
    }

    /// The way in for nobody.
    #[must_use]
    pub fn anonymous(&self) -> InterceptedService<ServiceChannel, Acting> {
        self.acting(Acting::default())
    }

    /// The way in for somebody who is signed in.
    #[must_use]
    pub fn as_principal(&self, principal: &Principal) -> InterceptedService<ServiceChannel, Acting> {
        self.acting(Acting {
            token: Some(self.token(principal)),
            ..Acting::default()
        })
    }

    /// The way in for another service.
    #[must_use]
    pub fn as_service(&self, name: &'static str) -> ServiceChannel {
        self.ctx.channels.named(name).get(self.ctx.service)
    }

    /// Moves time forward, in the service and in `kit_now()`.
    pub async fn advance(&self, by: Duration) {
        self.clock.advance(by).await;
    }

    /// An access token, good for 15 minutes, of somebody who has proved just now who they are; an older proof takes
    /// `keys.token`.
    #[must_use]
    pub fn token(&self, principal: &Principal) -> String {
        let now = self.clock.now();
        let fresh = Principal {
            auth_time: now,
            ..principal.clone()
        };
        self.keys.token(&fresh, now)
    }

    /// Settings of tokens, for services that issue some.
    #[must_use]
    pub fn auth(&self) -> &AuthSettings {
        &self.common.auth
    }

    /// Publishes the outbox and lets this service's own consumers act, tries again included, until nothing is left.
    ///
    /// # Panics
    /// When the database fails or messages go round in circles.
    #[expect(clippy::expect_used, clippy::panic, reason = "tests")]
    pub async fn relay_until_idle(&self) {
        for _ in 0..ROUNDS {
            while self.relay.run_once().await.expect("the relay runs") > 0 {}
            // What waits for a later try is due at once: tests do not wait.
            let waiting = sqlx::query(
                "UPDATE outbox SET due_time = now() - interval '1 second' WHERE publish_time IS NULL",
            )
            .execute(&self.db.pool)
            .await
            .expect("the outbox can be written");
            if waiting.rows_affected() == 0 {
                return;
            }
        }
        panic!("messages go round in circles");
    }

    /// Checks the service's hash chains: a line for each kind, and whether all are whole.
    ///
    /// # Panics
    /// When the database fails.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn verify_chains(&self) -> (Vec<String>, bool) {
        history::verify(&self.chains, &self.db.pool)
            .await
            .expect("a database")
    }

    /// Changes the data key, seals everything anew and drops the old keys. Every column of sealed values must be declared.
    ///
    /// # Panics
    /// When a column is not declared, a value does not open, or an old key is still used.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn change_data_key(&self) {
        let (sealed, pool) = (self.sealed.clone().expect("it seals"), &self.db.pool);
        let declared = sealed.columns.iter();
        let mut declared: Vec<String> = declared.map(|at| format!("{}.{}", at.table, at.column)).collect();
        declared.sort();
        let there: Vec<String> = sqlx::query_scalar(
            "SELECT relname || '.' || attname FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
             WHERE relnamespace = current_schema::regnamespace AND relkind = 'r' AND relpersistence = 'p'
               AND right(attname, 7) = '_sealed' ORDER BY 1",
        )
        .fetch_all(pool)
        .await
        .expect("a catalogue");
        assert_eq!(declared, there, "every column of sealed values is sealed again");
        let old = data_keys::list(pool).await.expect("keys");
        data_keys::rotate(&sealed.sealer, pool, std::time::Duration::ZERO)
            .await
            .expect("a new key");
        let task = Reseal::new(sealed.clone(), pool.clone()).at_once();
        while task.run_once().await.expect("values are sealed again") {}
        sqlx::query("UPDATE data_keys SET complete_time = complete_time - interval '1 hour'")
            .execute(pool)
            .await
            .expect("an hour goes by");
        for key in old {
            sealed
                .drop_key(pool, &key.id)
                .await
                .expect("nothing needs the old key");
        }
        data_keys::refresh(&sealed.sealer, pool).await.expect("keys");
    }

    /// Runs each task until it finds nothing more to do.
    ///
    /// # Panics
    /// When a task fails or never ends.
    #[expect(clippy::panic, reason = "tests")]
    pub async fn run_tasks(&self) {
        for task in &self.tasks {
            let mut rounds = 0;
            loop {
                match task.run_once().await {
                    Ok(false) => break,
                    Ok(true) => rounds += 1,
                    Err(error) => panic!("task {}: {error:#}", task.name()),
                }
                assert!(rounds < ROUNDS, "task {} never ends", task.name());
            }
        }
    }

    /// Everything the service has published or is about to, oldest first.
    ///
    /// # Panics
    /// When the database fails.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn published(&self) -> Vec<Delivery> {
        type Row = (Uuid, String, Uuid, OffsetDateTime, Vec<u8>, String);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, key, aggregate, create_time, payload, traceparent FROM outbox ORDER BY sequence",
        )
        .fetch_all(&self.db.pool)
        .await
        .expect("the outbox can be read");
        let delivery = |(id, key, aggregate, time, payload, traceparent): Row| Delivery {
            id,
            key,
            aggregate: aggregate.to_string(),
            time,
            payload: payload.into(),
            traceparent,
        };
        rows.into_iter().map(delivery).collect()
    }

    /// Hands a message of another service to this service's consumers.
    ///
    /// # Errors
    /// The first consumer's.
    pub async fn deliver(
        &self,
        key: &str,
        aggregate: Uuid,
        message: &impl Message,
    ) -> Result<(), ConsumeError> {
        let delivery = Delivery {
            id: self.ctx.ids.new_id(),
            key: key.to_owned(),
            aggregate: aggregate.to_string(),
            time: self.clock.now(),
            payload: Bytes::from(message.encode_to_vec()),
            traceparent: String::new(),
        };
        self.redeliver(&delivery).await
    }

    /// Hands a message over, perhaps not for the first time.
    ///
    /// # Errors
    /// The first consumer's.
    pub async fn redeliver(&self, delivery: &Delivery) -> Result<(), ConsumeError> {
        for subscription in self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.wants(&delivery.key))
        {
            subscription.handle(delivery).await?;
        }
        Ok(())
    }
}

impl TestClock {
    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.handle.now()
    }

    /// Moves time forward, in the service and in `kit_now()`.
    pub async fn advance(&self, by: Duration) {
        self.set(self.now() + by).await;
    }

    /// Sets the time, in the service and in `kit_now()`.
    ///
    /// # Panics
    /// When the database fails.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn set(&self, to: OffsetDateTime) {
        self.handle.set(to);
        sqlx::query("UPDATE kit_clock SET fixed = $1")
            .bind(to)
            .execute(&self.pool)
            .await
            .expect("the clock can be set");
    }
}

/// Who calls, as the gateway would say it.
#[derive(Clone, Debug)]
pub struct Acting {
    /// Access token.
    pub token: Option<String>,
    /// Address of the client.
    pub address: IpAddr,
    /// Kind of the client.
    pub client: ClientKind,
    /// Id of the request.
    pub request_id: String,
}

impl Default for Acting {
    fn default() -> Self {
        let address = IpAddr::from([192, 0, 2, 1]);
        Self {
            token: None,
            address,
            client: ClientKind::Web,
            request_id: Ids::random().new_id().to_string(),
        }
    }
}

impl Interceptor for Acting {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        let mut set = |name: &'static str, value: String| {
            if let Ok(value) = value.parse() {
                metadata.insert(name, value);
            }
        };
        if let Some(token) = &self.token {
            set("authorization", format!("Bearer {token}"));
        }
        set(ADDRESS_HEADER, self.address.to_string());
        set(CLIENT_HEADER, self.client.as_str().to_owned());
        set(REQUEST_HEADER, self.request_id.clone());
        Ok(request)
    }
}
