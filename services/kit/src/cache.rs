//! What may be lost: captcha answers, rate limits, presence. In process (`memory://`) or Redis (`redis://…`).

mod leases;
mod memory;
mod redis;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use self::{leases::Leases, memory::Memory, redis::Redis};
use crate::status::Fault;

/// A cache by URL.
#[derive(Clone)]
pub struct Cache(Kind);

#[derive(Clone)]
enum Kind {
    Memory(Memory),
    Redis(Redis, Arc<Limits>),
}

/// What limits need beside Redis.
struct Limits {
    leases: Leases,
    /// Counts while Redis is away.
    fallback: Memory,
}

/// What a rate limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// True when the call may go on.
    pub allowed: bool,
    /// Calls left in the window.
    pub remaining: u32,
    /// When to come back if not.
    pub retry_after: Duration,
}

impl Cache {
    /// Opens the cache of a URL.
    ///
    /// # Errors
    /// When the scheme is unknown or the URL is bad. Redis need not be up yet.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        match url.split_once("://").map(|(scheme, _)| scheme) {
            Some("memory") => Ok(Self::memory()),
            Some("redis" | "rediss") => Ok(Self(Kind::Redis(
                Redis::open(url).await?,
                Arc::new(Limits::new()),
            ))),
            _ => anyhow::bail!("cache.url must begin with memory:// or redis://"),
        }
    }

    /// A cache of this process alone.
    #[must_use]
    pub fn memory() -> Self {
        Self(Kind::Memory(Memory::new()))
    }

    /// The value of a key.
    ///
    /// # Errors
    /// UNAVAILABLE when Redis is away.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        match &self.0 {
            Kind::Memory(memory) => Ok(memory.get(key).await),
            Kind::Redis(redis, _) => redis.get(key).await.map_err(unavailable),
        }
    }

    /// Sets a key for `ttl`.
    ///
    /// # Errors
    /// UNAVAILABLE when Redis is away.
    pub async fn set(&self, key: &str, value: impl Into<Bytes>, ttl: Duration) -> Result<(), Fault> {
        match &self.0 {
            Kind::Memory(memory) => memory.set(key, value.into(), ttl).await,
            Kind::Redis(redis, _) => redis.set(key, value.into(), ttl).await.map_err(unavailable)?,
        }
        Ok(())
    }

    /// Sets a key unless it is set; `true` when it was not.
    ///
    /// # Errors
    /// UNAVAILABLE when Redis is away.
    pub async fn add(&self, key: &str, value: impl Into<Bytes>, ttl: Duration) -> Result<bool, Fault> {
        match &self.0 {
            Kind::Memory(memory) => Ok(memory.add(key, value.into(), ttl).await),
            Kind::Redis(redis, _) => redis.add(key, value.into(), ttl).await.map_err(unavailable),
        }
    }

    /// Gets and deletes a key in one step: of several callers one gets the value.
    ///
    /// # Errors
    /// UNAVAILABLE when Redis is away.
    pub async fn take(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        match &self.0 {
            Kind::Memory(memory) => Ok(memory.take(key).await),
            Kind::Redis(redis, _) => redis.take(key).await.map_err(unavailable),
        }
    }

    /// Deletes a key; `true` when it was set.
    ///
    /// # Errors
    /// UNAVAILABLE when Redis is away.
    pub async fn delete(&self, key: &str) -> Result<bool, Fault> {
        Ok(self.take(key).await?.is_some())
    }

    /// Adds one to a counter that ends `ttl` after its first count; answers the new value.
    ///
    /// # Errors
    /// UNAVAILABLE when Redis is away.
    pub async fn incr(&self, key: &str, ttl: Duration) -> Result<u64, Fault> {
        match &self.0 {
            Kind::Memory(memory) => Ok(memory.incr(key, ttl).await),
            Kind::Redis(redis, _) => redis.incr(key, ttl).await.map_err(unavailable),
        }
    }

    /// Counts one call against a sliding window. With Redis, calls of a large limit are leased a few at a time. While it is
    /// away each process counts for itself, so that a limit is looser but never gone.
    pub async fn allow(&self, key: &str, limit: u32, window: Duration) -> Decision {
        match &self.0 {
            Kind::Memory(memory) => memory.allow(key, limit, window).await,
            Kind::Redis(redis, limits) => limits.allow(redis, key, limit, window).await,
        }
    }
}

impl Limits {
    fn new() -> Self {
        Self {
            leases: Leases::new(),
            fallback: Memory::new(),
        }
    }

    async fn allow(&self, redis: &Redis, key: &str, limit: u32, window: Duration) -> Decision {
        match self.counted(redis, key, limit, window).await {
            Ok(decision) => decision,
            Err(error) => {
                tracing::warn!(error = %error, "redis is away, limits are counted in this process");
                self.fallback.allow(key, limit, window).await
            }
        }
    }

    /// Calls that find their lease in another's hands do not wait, and do not lease as well: that would use up the limit.
    async fn counted(
        &self,
        redis: &Redis,
        key: &str,
        limit: u32,
        window: Duration,
    ) -> ::redis::RedisResult<Decision> {
        let size = Leases::size(limit);
        if size > 1
            && let Ok(mut lease) = self.leases.of(key).await.try_lock_owned()
        {
            if let Some(decision) = lease.take() {
                return Ok(decision);
            }
            let decision = redis.allow(key, size, limit, window).await?;
            if decision.allowed {
                return Ok(lease.fill(size, decision));
            }
            // The last few are counted one by one.
        }
        redis.allow(key, 1, limit, window).await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
fn unavailable(error: ::redis::RedisError) -> Fault {
    tracing::warn!(error = %error, "cache is away");
    Fault::unavailable("CACHE_UNAVAILABLE", "系统繁忙，请稍后再试。")
}

/// The estimate of a sliding window from two fixed ones: the earlier counts by the part that still overlaps.
fn decide(current: u64, previous: u64, elapsed: Duration, limit: u32, window: Duration) -> Decision {
    let overlap = 1.0 - (elapsed.as_secs_f64() / window.as_secs_f64()).clamp(0.0, 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate"
    )]
    let used = current.saturating_add((previous as f64 * overlap) as u64);
    let left = u64::from(limit).saturating_sub(used);
    Decision {
        allowed: used <= u64::from(limit),
        remaining: u32::try_from(left).unwrap_or(u32::MAX),
        retry_after: window.saturating_sub(elapsed).max(Duration::from_secs(1)),
    }
}
