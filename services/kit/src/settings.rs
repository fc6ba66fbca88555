//! Settings: embedded commented defaults, the environment over them, nothing unknown, secrets hidden.
//!
//! A setting exists when one of the two embedded `defaults.toml` names it (kit's or the service's); whatever else is set is
//! refused by name. `QIHANG_DATABASE__URL` sets `url` in `[database]`, `QIHANG_DATABASE__PASSWORD_FILE` reads `password`
//! from a file. A table that is empty in the defaults (`[peers]`) takes any key.

use std::{collections::BTreeMap, fmt, net::SocketAddr, ops::Deref, path::PathBuf, time::Duration};

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Deserializer};
use toml::Value;

mod loader;

pub use loader::{Loader, Unknown, load};
use loader::{parse, shape};

/// Settings that every service has, with comments.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// Prefix of environment variables that are settings.
pub const PREFIX: &str = "QIHANG_";

/// Variables with the prefix that are for tests, not settings.
const NOT_SETTINGS: &str = "QIHANG_TEST_";

/// A text that is hidden in `Debug` and wiped from memory.
pub type Secret = secrecy::SecretString;

/// What every service can be set to; each field is explained in `defaults.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// Address of the gRPC listener.
    pub listen: SocketAddr,
    /// Address of the listener for metrics and probes.
    #[serde(deserialize_with = "blank_is_none")]
    pub metrics_listen: Option<SocketAddr>,
    /// The database.
    pub database: DatabaseSettings,
    /// The message bus.
    pub bus: BusSettings,
    /// The cache.
    pub cache: CacheSettings,
    /// The file store.
    pub files: FilesSettings,
    /// Logs, traces, metrics.
    pub telemetry: TelemetrySettings,
    /// Tokens.
    pub auth: AuthSettings,
    /// Addresses of other services.
    pub peers: BTreeMap<String, String>,
    /// Limits of the server.
    pub limits: LimitSettings,
    /// Publishing and consuming.
    pub relay: RelaySettings,
}

/// `[database]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// Connection URL.
    pub url: Url,
    /// Password, when it is not in the URL.
    #[serde(deserialize_with = "blank_secret_is_none")]
    pub password: Option<Secret>,
    /// Connections at most.
    pub max_connections: u32,
    /// Longest wait for a connection.
    pub acquire_timeout_ms: u64,
}

/// `[bus]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusSettings {
    /// `local://` or `amqp://…`.
    pub url: Url,
}

/// `[cache]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheSettings {
    /// `memory://` or `redis://…`.
    pub url: Url,
}

/// `[files]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesSettings {
    /// `file://…` or `s3://…`.
    pub url: Url,
}

/// `[telemetry]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// OTLP endpoint; empty means none.
    pub otlp_endpoint: String,
    /// Form of log lines.
    pub log_format: LogFormat,
    /// Which log lines.
    pub log_filter: String,
    /// Share of new traces kept.
    pub sample_ratio: f64,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `[auth]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// Secret shared by the services.
    pub service_secret: Secret,
    /// Issuer of access tokens.
    pub issuer: String,
    /// Audience of access tokens.
    pub audience: String,
}

/// `[limits]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Calls at once.
    pub max_concurrent: usize,
    /// Largest message.
    pub max_message_bytes: usize,
    /// Longest unary call.
    pub request_timeout_ms: u64,
    /// Longest streaming call.
    pub stream_timeout_ms: u64,
    /// Age at which connections are closed gracefully.
    pub connection_age_ms: u64,
    /// Time between "not ready" and "no new calls".
    pub lame_duck_ms: u64,
    /// Time for calls under way.
    pub drain_ms: u64,
}

/// `[relay]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelaySettings {
    /// Messages in one go.
    pub batch: i64,
    /// Pause between two looks.
    pub poll_ms: u64,
    /// First pause after a failure.
    pub retry_base_ms: u64,
}

/// A URL whose password does not show in `Debug`.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Url(String);

/// Settings of one service: what all have, and its own.
#[derive(Clone, Debug)]
pub struct Loaded<C> {
    /// What every service has.
    pub common: Common,
    /// The service's own.
    pub own: C,
}

/// A setting is missing, unknown or wrong.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The embedded defaults are not TOML.
    #[error("embedded defaults: {0}")]
    Defaults(String),
    /// No such setting.
    #[error("{origin}: there is no setting `{key}`")]
    Unknown {
        /// The name.
        key: String,
        /// Where it was set.
        origin: String,
    },
    /// A value of the wrong kind.
    #[error("setting `{key}`: {problem}")]
    Value {
        /// The name.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A secret's file cannot be read.
    #[error("setting `{key}`: cannot read {}: {source}", path.display())]
    File {
        /// The name.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The values do not fit their types.
    #[error("settings: {0}")]
    Shape(String),
}

impl Common {
    /// kit's defaults alone, for a process that sets the rest by code.
    ///
    /// # Errors
    /// Never for a build that passed its tests.
    pub fn embedded() -> Result<Self, SettingsError> {
        Value::Table(parse(DEFAULTS)?).try_into().map_err(shape)
    }

    /// Checks what types cannot, whoever runs the service.
    fn check(&self) -> Result<(), SettingsError> {
        let wrong = |key: &str, problem: &str| {
            Err(SettingsError::Value {
                key: key.to_owned(),
                problem: problem.to_owned(),
            })
        };
        if !(0.0..=1.0).contains(&self.telemetry.sample_ratio) {
            return wrong("telemetry.sample_ratio", "must be between 0 and 1");
        }
        if self.limits.max_concurrent == 0
            || self.limits.max_message_bytes == 0
            || self.limits.request_timeout_ms == 0
        {
            return wrong(
                "limits",
                "max_concurrent, max_message_bytes and request_timeout_ms must be above 0",
            );
        }
        if self.database.max_connections == 0 {
            return wrong("database.max_connections", "must be above 0");
        }
        if self.relay.batch < 1 || self.relay.poll_ms == 0 || self.relay.retry_base_ms == 0 {
            return wrong("relay", "batch, poll_ms and retry_base_ms must be above 0");
        }
        Ok(())
    }

    /// Checks what a service needs before it can start.
    ///
    /// # Errors
    /// The setting that is missing.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.check()?;
        let missing = |key: &str, problem: &str| {
            Err(SettingsError::Value {
                key: key.to_owned(),
                problem: problem.to_owned(),
            })
        };
        if self.database.url.is_empty() {
            return missing("database.url", "is required, e.g. postgres://user@host/database");
        }
        if self.auth.service_secret.expose_secret().chars().count() < 32 {
            return missing(
                "auth.service_secret",
                "is required, 32 characters or more, the same for all services",
            );
        }
        Ok(())
    }
}

impl LimitSettings {
    /// Longest call of a method.
    #[must_use]
    pub fn timeout(&self, streaming: bool) -> Duration {
        Duration::from_millis(if streaming {
            self.stream_timeout_ms
        } else {
            self.request_timeout_ms
        })
    }
}

impl Deref for Url {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Url {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Url {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => write!(formatter, "{scheme}://…@{place}"),
            _ => formatter.write_str(&self.0),
        }
    }
}

fn blank_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        Ok(None)
    } else {
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

fn blank_secret_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let secret = Secret::deserialize(deserializer)?;
    Ok((!secret.expose_secret().is_empty()).then_some(secret))
}

#[cfg(test)]
mod tests;
