//! Settings of this service, explained in `services/contracts/defaults.toml`.

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
}

/// Settings of signing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningSettings {
    /// Where verification pages are, e.g. `https://www.example.cn`.
    pub public_url: String,
    /// Offers of one employer to one student in a year.
    pub offers_per_year: i64,
    /// Template of the document.
    pub template: String,
}
