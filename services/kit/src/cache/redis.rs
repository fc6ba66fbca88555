//! The cache that replicas share.

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use redis::{
    AsyncCommands as _, Client, ExistenceCheck, RedisResult, Script, SetExpiry, SetOptions,
    aio::ConnectionManager,
};

use super::{Decision, decide};

/// Before every key, so that the suite can share a Redis.
const PREFIX: &str = "qihang:";

/// Redis' own clock cuts the windows, so that all replicas agree.
const ALLOW: &str = "local now = redis.call('TIME')
     local ms = now[1] * 1000 + math.floor(now[2] / 1000)
     local window = tonumber(ARGV[1])
     local slot = math.floor(ms / window)
     local elapsed = ms - slot * window
     local previous = tonumber(redis.call('GET', KEYS[1] .. ':' .. (slot - 1)) or '0')
     local key = KEYS[1] .. ':' .. slot
     local current = tonumber(redis.call('GET', key) or '0') + tonumber(ARGV[3])
     local used = current + math.floor(previous * (window - elapsed) / window)
     if used <= tonumber(ARGV[2]) then
         redis.call('SET', key, current, 'PX', window * 2)
     end
     return {current, previous, elapsed}";

#[derive(Clone)]
pub(super) struct Redis {
    client: Client,
    connection: std::sync::Arc<tokio::sync::OnceCell<ConnectionManager>>,
}

impl Redis {
    #[expect(clippy::unused_async, reason = "the same shape as other openings")]
    pub(super) async fn open(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::open(url)?,
            connection: std::sync::Arc::default(),
        })
    }

    /// Connected when first needed; it reconnects by itself afterwards.
    async fn connection(&self) -> RedisResult<ConnectionManager> {
        let config = redis::aio::ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(500)))
            .set_response_timeout(Some(Duration::from_millis(500)))
            .set_number_of_retries(1);
        let client = self.client.clone();
        self.connection
            .get_or_try_init(|| async { ConnectionManager::new_with_config(client, config).await })
            .await
            .cloned()
    }

    pub(super) async fn get(&self, key: &str) -> RedisResult<Option<Bytes>> {
        let value: Option<Vec<u8>> = self.connection().await?.get(name(key)).await?;
        Ok(value.map(Bytes::from))
    }

    pub(super) async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> RedisResult<()> {
        self.connection()
            .await?
            .pset_ex(name(key), value.as_ref(), milliseconds(ttl))
            .await
    }

    pub(super) async fn add(&self, key: &str, value: Bytes, ttl: Duration) -> RedisResult<bool> {
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(milliseconds(ttl)));
        let set: Option<String> = self
            .connection()
            .await?
            .set_options(name(key), value.as_ref(), options)
            .await?;
        Ok(set.is_some())
    }

    pub(super) async fn take(&self, key: &str) -> RedisResult<Option<Bytes>> {
        let value: Option<Vec<u8>> = self.connection().await?.get_del(name(key)).await?;
        Ok(value.map(Bytes::from))
    }

    pub(super) async fn incr(&self, key: &str, ttl: Duration) -> RedisResult<u64> {
        let script = Script::new(
            "local count = redis.call('INCR', KEYS[1])
             if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
             return count",
        );
        script
            .key(name(key))
            .arg(milliseconds(ttl))
            .invoke_async(&mut self.connection().await?)
            .await
    }

    /// Counts so many calls, all or none of them.
    pub(super) async fn allow(
        &self,
        key: &str,
        calls: u32,
        limit: u32,
        window: Duration,
    ) -> RedisResult<Decision> {
        // Redis' own clock cuts the windows, so that all replicas agree.
        static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(ALLOW));
        let (current, previous, elapsed): (u64, u64, u64) = SCRIPT
            .key(name(key))
            .arg(milliseconds(window))
            .arg(limit)
            .arg(calls)
            .invoke_async(&mut self.connection().await?)
            .await?;
        Ok(decide(
            current,
            previous,
            Duration::from_millis(elapsed),
            limit,
            window,
        ))
    }
}

fn name(key: &str) -> String {
    format!("{PREFIX}{key}")
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
