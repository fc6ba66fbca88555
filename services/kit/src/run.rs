//! Starting services: one alone ([`run`]), or several in one process ([`Suite`]).

mod alone;
pub mod keys;

use std::{future::Future, sync::Arc, time::Duration};

use opentelemetry::KeyValue;
use sqlx::{PgPool, migrate::Migrator};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::alone::run;
use crate::{
    auth::{DirectoryKeys, PeerTokens, Verifier},
    bus::Bus,
    cache::Cache,
    client::{Channels, Local, Registry},
    clock::Clock,
    consume::Subscription,
    context::Context,
    crypto::{
        data_keys,
        reseal::{Reseal, Sealed},
    },
    db,
    files::FileStore,
    history::{self, Chains},
    ids::Ids,
    operations,
    outbox::OutboxSignal,
    relay::Relay,
    server::{Layers, Ready, stack},
    service::Service,
    settings::{Common, Loaded},
    subject,
    tasks::{self, Sweep},
    telemetry,
};

/// Longest that the database may take to answer a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest that a start waits for the bus: then the service's queues stand before anybody can call it. Without the bus it
/// serves all the same; what it writes waits in the outbox.
const BUS_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks at the database's clock.
const CLOCK_LOOK: Duration = Duration::from_secs(30);
/// Pause between two looks for the bus.
const BUS_LOOK: Duration = Duration::from_millis(100);

/// Services that run in this process and know each other in memory.
pub struct Suite {
    registry: Registry,
    bus: Bus,
    clock: Clock,
    stop: CancellationToken,
    workers: Vec<JoinHandle<()>>,
    drain: Duration,
    relays: Vec<Relay>,
    started: Vec<Started>,
    tasks: Vec<(&'static str, Arc<dyn tasks::Task>, PgPool)>,
}

/// A service that runs.
#[derive(Clone)]
pub struct Started {
    /// Its name.
    pub name: &'static str,
    /// Its handlers with all layers.
    pub endpoint: Local,
    /// Its pool.
    pub pool: PgPool,
    /// Its consumers.
    pub subscriptions: Arc<Vec<Subscription>>,
    /// Its hash chains.
    pub chains: Arc<Vec<Arc<dyn Chains>>>,
    /// What it seals.
    pub sealed: Option<Sealed>,
}

impl Started {
    /// Checks the service's hash chains: a line for each kind, and whether all are whole.
    ///
    /// # Errors
    /// The database's.
    pub async fn verify_chains(&self) -> anyhow::Result<(Vec<String>, bool)> {
        history::verify(&self.chains, &self.pool).await
    }

    /// Whether the service can do its work now: the database answers in time. The bus does not count: without it requests go
    /// on and messages wait, and `bus_up` and `outbox_oldest_age_seconds` tell of it.
    #[must_use]
    pub fn ready(&self) -> Ready {
        let pool = self.pool.clone();
        Arc::new(move || {
            let pool = pool.clone();
            Box::pin(async move {
                let database =
                    tokio::time::timeout(PROBE_TIMEOUT, sqlx::query("SELECT 1").execute(&pool)).await;
                matches!(database, Ok(Ok(_)))
            })
        })
    }
}

impl Suite {
    /// An empty suite on one bus.
    ///
    /// # Errors
    /// When the bus' URL is bad.
    pub fn new(common: &Common) -> anyhow::Result<Self> {
        Ok(Self {
            registry: Registry::default(),
            bus: Bus::open(&common.bus.url)?,
            clock: Clock::steady(),
            stop: CancellationToken::new(),
            workers: Vec::new(),
            drain: Duration::from_millis(common.limits.drain_ms),
            relays: Vec::new(),
            started: Vec::new(),
            tasks: Vec::new(),
        })
    }

    /// Brings a service's schema up to date, and builds the service; it answers calls from now on. [`Suite::start_work`] comes
    /// after the last.
    ///
    /// # Errors
    /// When a part cannot be opened, a migration fails or the service refuses its settings.
    pub async fn add<C, F, R>(
        &mut self,
        name: &'static str,
        migrator: &'static Migrator,
        settings: Loaded<C>,
        build: F,
    ) -> anyhow::Result<Started>
    where
        F: FnOnce(Context, C) -> R,
        R: Future<Output = anyhow::Result<Service>>,
    {
        settings.common.validate()?;
        let context = self.context(name, &settings.common).await?;
        db::migrate(&context.pool, name, migrator).await?;
        let service = build(context.clone(), settings.own).await?;
        Ok(self.start(service, &context, &settings.common))
    }

    /// The channels of a caller in this process that is no service of it, such as the gateway.
    ///
    /// # Errors
    /// When a peer's URL is bad.
    pub fn channels(&self, name: &'static str, common: &Common) -> anyhow::Result<Channels> {
        let tokens = PeerTokens::new(&common.auth.service_secret, self.clock.clone());
        Channels::new(name, tokens, self.registry.clone(), &common.peers)
    }

    /// Begins to consume, to run tasks and to publish what the services wrote; to be called when all are added. A message left
    /// from an earlier run would otherwise be taken for done before those who care for it listen. Commands of operators leave
    /// it out: they take no message from the services that run.
    pub fn start_work(&mut self) {
        if let Some(service) = self.started.first() {
            let follow = follow(self.clock.clone(), service.pool.clone(), self.stop.clone());
            self.workers.push(tokio::spawn(follow));
        }
        for service in &self.started {
            for subscription in service.subscriptions.iter() {
                self.workers
                    .extend(self.bus.subscribe(subscription.clone(), &self.stop));
            }
        }
        for (service, task, pool) in self.tasks.drain(..) {
            self.workers
                .push(tasks::spawn(service, task, pool, self.stop.clone()));
        }
        let services = self.started.iter().map(|service| service.name).collect();
        let watch = self.bus.clone().watch(services, self.stop.clone());
        self.workers.push(tokio::spawn(watch));
        for relay in self.relays.drain(..) {
            let stop = self.stop.clone();
            self.workers
                .push(tokio::spawn(async move { relay.run(stop).await }));
        }
    }

    /// Waits until the queues of all services stand, or for a few seconds when the bus is away.
    pub async fn wait_for_bus(&self) {
        let standing = async {
            while !self.bus.healthy().await {
                tokio::time::sleep(BUS_LOOK).await;
            }
        };
        if tokio::time::timeout(BUS_PATIENCE, standing).await.is_err() {
            tracing::warn!("the bus is away; requests are served, messages wait in the outbox");
        }
    }

    /// The clock of the services, for those who call them.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The services that run.
    #[must_use]
    pub fn started(&self) -> &[Started] {
        &self.started
    }

    /// Cancelled when the suite stops.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Stops relays, consumers and tasks after what they have in hand, then closes the pools.
    pub async fn shutdown(self) {
        self.stop.cancel();
        let all = futures::future::join_all(self.workers);
        if tokio::time::timeout(self.drain, all).await.is_err() {
            tracing::warn!("background work was still under way when the drain time was over");
        }
        for service in self.started {
            service.pool.close().await;
        }
    }

    async fn context(&self, name: &'static str, common: &Common) -> anyhow::Result<Context> {
        let pool = db::connect(&common.database, name).await?;
        self.clock.follow(&pool).await?;
        Ok(Context {
            service: name,
            pool,
            clock: self.clock.clone(),
            ids: Ids::timed(self.clock.clone()),
            cache: Cache::open(&common.cache.url).await?,
            files: FileStore::open(&common.files.url)?,
            channels: self.channels(name, common)?,
            outbox: OutboxSignal::default(),
        })
    }

    fn start(&mut self, service: Service, context: &Context, common: &Common) -> Started {
        let layers = Layers {
            verifier: Verifier::new(
                DirectoryKeys(context.channels.clone()),
                &common.auth,
                context.clock.clone(),
            ),
            peers: PeerTokens::new(&common.auth.service_secret, context.clock.clone()),
            limits: common.limits,
        };
        observe_pool(service.name, &context.pool);
        let subscriptions: Vec<Subscription> = service
            .consumers
            .into_iter()
            .map(|consumer| Subscription {
                service: service.name,
                consumer,
                pool: context.pool.clone(),
            })
            .collect();
        let subscriptions = Arc::new(subscriptions);
        let operations = operations::server(service.name, context.pool.clone(), subscriptions.clone());
        let routes = service
            .routes
            .add_service(operations)
            .add_service(subject::server(service.subjects));
        let endpoint = stack(service.name, routes, layers);
        self.registry.add(service.name, endpoint.clone());
        let relay = Relay::new(
            service.name,
            context.pool.clone(),
            self.bus.clone(),
            context.outbox.clone(),
            common.relay,
        );
        self.relays.push(relay);
        let own = own_tasks(&context.pool, service.sealed.as_ref());
        for task in service.tasks.into_iter().chain(own) {
            self.tasks.push((service.name, task, context.pool.clone()));
        }
        let started = Started {
            name: service.name,
            endpoint,
            pool: context.pool.clone(),
            subscriptions,
            chains: Arc::new(service.chains),
            sealed: service.sealed,
        };
        self.started.push(started.clone());
        started
    }
}

/// Sets the clock by the database's again and again.
async fn follow(clock: Clock, pool: PgPool, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CLOCK_LOOK) => {}
        }
        if let Err(error) = clock.follow(&pool).await {
            tracing::debug!(%error, "the database does not tell the time");
        }
    }
}

/// What kit itself does in the background of a service.
fn own_tasks(pool: &PgPool, sealed: Option<&Sealed>) -> Vec<Arc<dyn tasks::Task>> {
    let mut own: Vec<Arc<dyn tasks::Task>> = vec![Arc::new(Sweep { pool: pool.clone() })];
    if let Some(sealed) = sealed {
        own.push(Arc::new(data_keys::Refresh {
            sealer: sealed.sealer.clone(),
            pool: pool.clone(),
        }));
        own.push(Arc::new(Reseal::new(sealed.clone(), pool.clone())));
    }
    own
}

/// Shows how full a pool is; read when metrics are.
fn observe_pool(service: &'static str, pool: &PgPool) {
    let meter = opentelemetry::global::meter(telemetry::SCOPE);
    let pool = pool.clone();
    meter
        .u64_observable_gauge("db_pool_connections")
        .with_description("Open connections to the database, by what they do")
        .with_callback(move |gauge| {
            let idle = u64::try_from(pool.num_idle()).unwrap_or(u64::MAX);
            let labels = |state| [KeyValue::new("service", service), KeyValue::new("state", state)];
            gauge.observe(idle, &labels("idle"));
            gauge.observe(u64::from(pool.size()).saturating_sub(idle), &labels("used"));
        })
        .build();
}

/// Waits for SIGTERM or SIGINT.
pub async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        _ => drop(tokio::signal::ctrl_c().await),
    }
}
