//! Settings of this service, explained in `services/contracts/defaults.toml`.

use std::collections::BTreeMap;

use qihang_kit::crypto::CryptoSettings;
use serde::Deserialize;

/// Settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Keys of personal data.
    pub crypto: CryptoSettings,
    /// Signing.
    pub signing: SigningSettings,
    /// Reviews.
    pub reviews: ReviewSettings,
}

/// Settings of reviews.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewSettings {
    /// Hours within which a review should be decided.
    pub hours: u32,
    /// The same for single kinds.
    pub hours_by_kind: BTreeMap<String, u32>,
}

/// Settings of signing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningSettings {
    /// Where verification pages are, e.g. `https://www.example.cn`.
    pub public_url: String,
    /// Offers of one employer to one student in a year.
    pub offers_per_year: i64,
}
