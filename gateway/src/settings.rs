//! The gateway's settings; every one is explained in `defaults.toml`.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

/// What can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address of the HTTP listener.
    pub http: SocketAddr,
    /// Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<String>,
    /// Networks that may read `/metrics`.
    pub metrics_networks: Vec<String>,
    /// Origins other than the gateway's own whose pages may use cookies, and that may read answers (CORS).
    pub origins: Vec<String>,
    /// Whether cookies are `Secure` with the `__Host-` prefix.
    pub secure_cookies: SecureCookies,
    /// Largest JSON body.
    pub max_body_bytes: u64,
    /// Largest reply message of a service.
    pub max_reply_bytes: usize,
    /// Calls that may be under way in the services at once; more get 503. Streams do not count.
    pub max_calls: usize,
    /// Connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// Time a call may take.
    pub request_timeout_ms: u64,
    /// Time a streamed upload or download may take.
    pub transfer_timeout_ms: u64,
    /// Time an event stream may stay open; clients come back with `Last-Event-ID`.
    pub stream_timeout_ms: u64,
    /// Longest pause between two pieces of a body.
    pub body_pause_ms: u64,
    /// Time the headers of a request may take.
    pub header_timeout_ms: u64,
    /// Pause between two signs of life on an event stream.
    pub heartbeat_ms: u64,
    /// Calls a minute that one caller may make of a method that says nothing itself.
    pub rate_per_minute: u32,
    /// Calls a minute that one address may make of everything together; a campus shares one.
    pub address_rate_per_minute: u32,
    /// Seconds that caches may keep answers of cacheable calls.
    pub cache_seconds: u32,
    /// Time that requests under way get after the stop signal.
    pub drain_ms: u64,
    /// Time between the stop signal and the end of accepting, so that load balancers notice.
    pub lame_duck_ms: u64,
}

/// When cookies are `Secure`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SecureCookies {
    /// Unless the listener is on a loopback address.
    Auto,
    /// Always.
    Always,
    /// Never; for development behind plain HTTP only.
    Never,
}

impl Settings {
    /// The embedded defaults, for tests.
    ///
    /// # Panics
    /// Never for a build that passed its tests: the text is this crate's own.
    #[expect(
        clippy::expect_used,
        reason = "the embedded defaults are checked by the tests"
    )]
    pub fn for_testing() -> Self {
        let defaults: toml::Table = include_str!("../defaults.toml")
            .parse()
            .expect("defaults.toml is TOML");
        let section = defaults
            .get("gateway")
            .cloned()
            .expect("defaults.toml has a section `gateway`");
        section.try_into().expect("defaults.toml has every setting")
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// The setting that is wrong and why.
    pub fn validate(&self) -> Result<(), String> {
        crate::client::Networks::parse(&self.trusted_proxies)
            .map_err(|text| format!("trusted_proxies: `{text}` is neither an address nor a network"))?;
        crate::client::Networks::parse(&self.metrics_networks)
            .map_err(|text| format!("metrics_networks: `{text}` is neither an address nor a network"))?;
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            return Err(format!(
                "origins: `{origin}` is not an origin like https://portal.example"
            ));
        }
        if self.rate_per_minute == 0 || self.address_rate_per_minute == 0 {
            return Err("rate_per_minute and address_rate_per_minute must be above 0".to_owned());
        }
        if self.max_calls == 0 || self.max_connections == 0 {
            return Err("max_calls and max_connections must be above 0".to_owned());
        }
        Ok(())
    }

    /// True when cookies are `Secure`.
    pub fn cookies_are_secure(&self) -> bool {
        match self.secure_cookies {
            SecureCookies::Auto => !self.http.ip().is_loopback(),
            SecureCookies::Always => true,
            SecureCookies::Never => false,
        }
    }

    /// Time a call may take.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// Time a streamed upload or download may take.
    pub fn transfer_timeout(&self) -> Duration {
        Duration::from_millis(self.transfer_timeout_ms)
    }

    /// Time an event stream may stay open.
    pub fn stream_timeout(&self) -> Duration {
        Duration::from_millis(self.stream_timeout_ms)
    }

    /// Longest pause between two pieces of a body.
    pub fn body_pause(&self) -> Duration {
        Duration::from_millis(self.body_pause_ms)
    }
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
}
