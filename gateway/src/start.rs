//! From settings and kit's parts to a running gateway: alone with remote services, or beside them in one process.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use async_trait::async_trait;
use qihang_kit::{
    auth::{GATEWAY, PeerTokens},
    cache::Cache,
    client::{Channels, Registry},
    clock::Clock,
    ids::Ids,
    settings::{Loader, Secret, Unknown},
    telemetry::{Metrics, Telemetry},
};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tower::util::BoxCloneSyncService;

use crate::{
    gateway::Gateway,
    ports::{Counter, Decision, Ports},
    server::serve,
    settings::Settings,
};

/// The gateway's own defaults, with comments.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// Fewest characters of the secret that services share.
const MIN_SECRET: usize = 32;

/// What stands in the gateway's own part of the settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[gateway]`.
    pub gateway: Settings,
}

/// What the gateway is built from.
#[derive(Clone)]
pub struct Parts {
    /// Ways to the services; calls carry the name `gateway`.
    pub channels: Channels,
    /// Where limits are counted.
    pub cache: Cache,
    /// The time.
    pub clock: Clock,
    /// Ids of requests.
    pub ids: Ids,
    /// The metrics of the process.
    pub metrics: Metrics,
}

/// Builds the gateway. `secret` is the one that services share; the key of CSRF tokens is derived from it.
///
/// # Errors
/// When a setting is wrong or the contract cannot be served.
pub fn build(settings: Settings, secret: &Secret, parts: Parts) -> anyhow::Result<Gateway> {
    let Parts {
        channels,
        cache,
        clock,
        ids,
        metrics,
    } = parts;
    let channels = channels.named(GATEWAY);
    let ports = Ports {
        services: Arc::new(move |name| BoxCloneSyncService::new(channels.get(name))),
        counter: Arc::new(CacheCounter(cache)),
        now: Arc::new(move || clock.now()),
        new_id: Arc::new(move || ids.new_id()),
        metrics: Arc::new(move || metrics.text()),
    };
    Gateway::new(settings, secret.expose_secret().as_bytes(), ports)
}

/// Runs the gateway alone, with remote services, until SIGTERM or SIGINT.
///
/// # Errors
/// When a setting is wrong or the address is taken.
pub async fn run() -> anyhow::Result<()> {
    let loaded = Loader::new(DEFAULTS)?
        .environment(Unknown::Refuse)?
        .load::<Config>()?;
    let (common, settings) = (loaded.common, loaded.own.gateway);
    if common.auth.service_secret.expose_secret().chars().count() < MIN_SECRET {
        anyhow::bail!(
            "setting `auth.service_secret`: is required, {MIN_SECRET} characters or more, the same for all services"
        );
    }
    let mut telemetry = Telemetry::start(GATEWAY, &common.telemetry)?;
    let outcome = run_with(settings, &common, telemetry.metrics()).await;
    // Flushing blocks; nothing else runs any more.
    telemetry.flush();
    outcome
}

async fn run_with(
    settings: Settings,
    common: &qihang_kit::settings::Common,
    metrics: Metrics,
) -> anyhow::Result<()> {
    let (clock, ids) = (Clock::system(), Ids::random());
    let tokens = PeerTokens::new(&common.auth.service_secret, clock.clone());
    let channels = Channels::new(GATEWAY, tokens, Registry::default(), &common.peers)?;
    let cache = Cache::open(&common.cache.url).await?;
    let address = settings.http;
    let gateway = build(
        settings,
        &common.auth.service_secret,
        Parts {
            channels,
            cache,
            clock,
            ids,
            metrics,
        },
    )?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    tracing::info!(%address, "the gateway listens");
    serve(gateway, listener, stopped()?).await
}

fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

struct CacheCounter(Cache);

#[async_trait]
impl Counter for CacheCounter {
    async fn allow(&self, key: &str, limit: u32, window: Duration) -> Decision {
        let decision = self.0.allow(key, limit, window).await;
        Decision {
            allowed: decision.allowed,
            remaining: decision.remaining,
            retry_after: decision.retry_after,
        }
    }
}
