//! The gateway as one value.

use anyhow::Context as _;
use axum::http::HeaderValue;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use prost_reflect::DescriptorPool;
use qihang_proto::POOL;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    call::Upstream,
    client::Networks,
    ports::Ports,
    problem::Problem,
    readiness::Readiness,
    session::Cookies,
    settings::Settings,
    transcode::{Table, route},
};

/// What every request needs; they share one.
pub struct Gateway {
    /// The settings.
    pub settings: Settings,
    /// The routes.
    pub table: Table,
    /// The cookies of browsers' sessions.
    pub cookies: Cookies,
    /// Networks whose word is believed.
    pub proxies: Networks,
    /// Networks that may read the metrics.
    pub observers: Networks,
    /// How it stands: starting, ready, draining.
    pub readiness: Readiness,
    /// The OpenAPI document.
    pub openapi: Document,
    /// Places of the calls that may be under way.
    pub calls: Semaphore,
    /// What it stands on.
    pub ports: Ports,
}

/// The OpenAPI document, written once.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text.
    pub json: Bytes,
    /// Its entity tag.
    pub etag: HeaderValue,
}

impl Document {
    fn new(document: &serde_json::Value) -> anyhow::Result<Self> {
        let json = Bytes::from(serde_json::to_vec(document)?);
        let digest = Sha256::digest(&json);
        let etag = BASE64_URL_SAFE_NO_PAD.encode(digest.get(..18).unwrap_or_default());
        Ok(Self {
            json,
            etag: HeaderValue::from_str(&format!("\"{etag}\""))?,
        })
    }
}

impl Gateway {
    /// Builds the gateway. `cookie_key` signs CSRF tokens.
    ///
    /// # Errors
    /// When a setting is wrong or the descriptors cannot be served.
    pub fn new(settings: Settings, cookie_key: &[u8], ports: Ports) -> anyhow::Result<Self> {
        Self::with_contract(&POOL, settings, cookie_key, ports)
    }

    /// Builds a gateway of any contract.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_contract(
        contract: &DescriptorPool,
        settings: Settings,
        cookie_key: &[u8],
        ports: Ports,
    ) -> anyhow::Result<Self> {
        settings.validate().map_err(anyhow::Error::msg)?;
        let routes = route::routes(contract).context("the annotations of the contract")?;
        let proxies = Networks::parse(&settings.trusted_proxies).map_err(anyhow::Error::msg)?;
        let table = Table::new(routes).context("the annotations of the contract")?;
        let openapi = Document::new(&crate::openapi::document(contract, &table))?;
        let observers = Networks::parse(&settings.metrics_networks).map_err(anyhow::Error::msg)?;
        Ok(Self {
            observers,
            readiness: Readiness::default(),
            openapi,
            table,
            cookies: Cookies::new(
                settings.cookies_are_secure(),
                cookie_key,
                settings.origins.clone(),
            ),
            proxies,
            calls: Semaphore::new(settings.max_calls),
            settings,
            ports,
        })
    }

    /// A client of one service.
    pub fn upstream(&self, service: &str) -> Upstream {
        Upstream::new((self.ports.services)(service), self.settings.max_reply_bytes)
    }

    /// A place among the calls under way. More than there is room for would only wait, here and in the services, until all
    /// of them are too late; so they are sent away at once.
    ///
    /// # Errors
    /// 503 with `Retry-After`.
    pub fn take_place(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.calls.try_acquire().map_err(|_| Problem::overloaded())
    }
}
