//! Settings of identity; `defaults.toml` says what each is for.

use std::time::Duration as StdDuration;

use qihang_kit::{crypto::CryptoSettings, settings::Secret};
use serde::Deserialize;
use time::Duration;

use crate::domain::signing_keys::Policy;

/// Settings of identity.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Master keys of personal data.
    pub crypto: CryptoSettings,
    /// Access and refresh tokens.
    pub tokens: Tokens,
    /// Keys that sign access tokens.
    pub signing_keys: SigningKeys,
    /// Captchas.
    pub captcha: Captcha,
    /// Passwords.
    pub passwords: Passwords,
    /// Limits by address and person.
    pub limits_of_attempts: Limits,
    /// Erasing accounts.
    pub erasure: Erasure,
    /// The first administrator.
    pub bootstrap: Bootstrap,
}

/// `[tokens]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// `iss` of access tokens.
    pub issuer: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// Life of an access token.
    pub access_minutes: i64,
    /// Life of an unused refresh token.
    pub refresh_days: i64,
    /// Life of a session however often it is refreshed.
    pub session_days: i64,
}

/// `[signing_keys]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeys {
    /// A key signs for so long.
    pub rotate_days: i64,
    /// The next key is published so long before it signs.
    pub publish_ahead_minutes: i64,
}

/// `[captcha]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Captcha {
    /// When signing in asks for a captcha.
    pub login: CaptchaMode,
    /// Life of a captcha.
    pub seconds: u64,
    /// Leading zero bits of a proof of work.
    pub difficulty: u32,
}

/// When signing in asks for a captcha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptchaMode {
    /// Every time.
    Always,
    /// After a failure of the same account or of the same address.
    Risk,
}

/// `[erasure]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Days in which the owner can take the wish back.
    pub wait_days: i64,
    /// Exports of one account in a day.
    pub exports_per_day: i64,
}

/// `[passwords]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    /// Memory of one hash.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Hashes at the same time.
    pub parallel: usize,
}

/// `[limits_of_attempts]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Failed registrations of one address, or of one student number, in an hour.
    pub verify_per_hour: i64,
    /// Look-ups of a student number by one address in an hour.
    pub lookup_per_hour: i64,
    /// Look-ups of one person's student number in a day.
    pub lookup_per_person: i64,
    /// Failed sign-ins of one address in 15 minutes.
    pub login_failures: i64,
    /// Students whose masked values one account may look at in an hour.
    pub reveals_per_hour: i64,
    /// Days that the audit of sign-ins and look-ups is kept.
    pub audit_days: i32,
}

/// `[bootstrap]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Login of the first administrator of the province; empty makes none.
    pub login: String,
    /// Name.
    pub name: String,
    /// Password.
    pub password: Secret,
    /// Base32 secret of its one-time codes; empty leaves it to the first sign-in.
    pub totp_secret: Secret,
    /// Login of staff whose second factor is removed at the start; empty for nobody.
    pub reset_second_factor: String,
}

impl Config {
    pub(crate) fn key_policy(&self) -> Policy {
        Policy {
            rotate_after: Duration::days(self.signing_keys.rotate_days),
            publish_ahead: Duration::minutes(self.signing_keys.publish_ahead_minutes),
            // A replica may sign with the old key until it looks again, and clocks differ a little.
            keep_retired: self.access_life() + Duration::minutes(10),
        }
    }

    pub(crate) fn access_life(&self) -> Duration {
        Duration::minutes(self.tokens.access_minutes)
    }

    pub(crate) fn refresh_life(&self) -> Duration {
        Duration::days(self.tokens.refresh_days)
    }

    pub(crate) fn session_life(&self) -> Duration {
        Duration::days(self.tokens.session_days)
    }

    pub(crate) fn captcha_life(&self) -> StdDuration {
        StdDuration::from_secs(self.captcha.seconds)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn validate(&self) -> anyhow::Result<()> {
        let positive = [
            ("tokens.access_minutes", self.tokens.access_minutes),
            ("tokens.refresh_days", self.tokens.refresh_days),
            ("tokens.session_days", self.tokens.session_days),
            ("signing_keys.rotate_days", self.signing_keys.rotate_days),
            (
                "signing_keys.publish_ahead_minutes",
                self.signing_keys.publish_ahead_minutes,
            ),
            (
                "limits_of_attempts.verify_per_hour",
                self.limits_of_attempts.verify_per_hour,
            ),
            (
                "limits_of_attempts.lookup_per_hour",
                self.limits_of_attempts.lookup_per_hour,
            ),
            (
                "limits_of_attempts.lookup_per_person",
                self.limits_of_attempts.lookup_per_person,
            ),
            (
                "limits_of_attempts.login_failures",
                self.limits_of_attempts.login_failures,
            ),
            (
                "limits_of_attempts.reveals_per_hour",
                self.limits_of_attempts.reveals_per_hour,
            ),
            (
                "limits_of_attempts.audit_days",
                i64::from(self.limits_of_attempts.audit_days),
            ),
        ];
        for (name, value) in positive {
            anyhow::ensure!(value > 0, "{name} must be above 0");
        }
        anyhow::ensure!(
            (1..=28).contains(&self.captcha.difficulty),
            "captcha.difficulty must be 1 to 28"
        );
        anyhow::ensure!(
            (30..=600).contains(&self.captcha.seconds),
            "captcha.seconds must be 30 to 600"
        );
        anyhow::ensure!(self.passwords.parallel > 0, "passwords.parallel must be above 0");
        let rotate = Duration::days(self.signing_keys.rotate_days);
        anyhow::ensure!(
            Duration::minutes(self.signing_keys.publish_ahead_minutes) < rotate,
            "signing_keys.publish_ahead_minutes must be shorter than signing_keys.rotate_days"
        );
        Ok(())
    }
}
