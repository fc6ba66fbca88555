//! One-time codes of the second factor (RFC 6238): HMAC-SHA-1, six digits, steps of thirty seconds, one step of leeway to
//! either side. That a step counts once is for the caller to keep.

use std::fmt;

use time::OffsetDateTime;
use totp_rs::{Builder, Secret, Totp as Codes};

/// Bytes of a secret.
pub const SECRET_LENGTH: usize = 20;
/// Who the codes are for, as authenticators show it.
const ISSUER: &str = "启航";

/// The codes of one secret.
pub struct Totp(Codes);

impl fmt::Debug for Totp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Totp")
    }
}

impl Totp {
    /// The codes of a secret; `None` when it is shorter than 16 bytes.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        Self::of(Secret::new(secret.into()), "")
    }

    /// The codes of a secret in base32, as people type it.
    #[must_use]
    pub fn from_base32(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        Self::of(Secret::try_from_base32(text.to_uppercase()).ok()?, "")
    }

    fn of(secret: Secret, account: &str) -> Option<Self> {
        let codes = Builder::new()
            .with_secret(secret)
            .with_issuer(Some(ISSUER))
            .with_account_name(account);
        codes.build().ok().map(Self)
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        self.0.secret().as_bytes()
    }

    /// The secret in base32.
    #[must_use]
    pub fn base32(&self) -> String {
        self.0.secret().to_base32()
    }

    /// The `otpauth://` address that authenticators read from a QR code; `None` when the account's name is empty or holds
    /// a colon.
    #[must_use]
    pub fn address(&self, account: &str) -> Option<String> {
        Self::of(self.0.secret().clone(), account)?.0.to_url().ok()
    }

    /// The code at a time.
    #[must_use]
    pub fn code(&self, at: OffsetDateTime) -> String {
        self.0.generate(seconds(at)).to_string()
    }

    /// The step whose code this is, when it is one of the present step and its two neighbours.
    #[must_use]
    pub fn step(&self, code: &str, now: OffsetDateTime) -> Option<i64> {
        let step = self.0.check(code, seconds(now))?;
        i64::try_from(step).ok()
    }
}

fn seconds(time: OffsetDateTime) -> u64 {
    u64::try_from(time.unix_timestamp()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    /// The secret of the RFC's test vectors.
    const RFC: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    /// Appendix B of RFC 6238, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let totp = Totp::new(RFC).unwrap();
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(totp.code(at(seconds)), code);
            assert_eq!(totp.step(code, at(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn one_step_to_either_side_counts_and_no_more() {
        let totp = Totp::new(RFC).unwrap();
        let now = at(1_234_567_890);
        for (away, counts) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let then = now + Duration::seconds(away);
            let step = totp.step(&totp.code(then), now);
            assert_eq!(step.is_some(), counts, "{away}");
            assert!(step.is_none_or(|step| step == then.unix_timestamp() / 30));
        }
        for rubbish in ["", "12345", "1234567", "abcdef", "００５９２４", "-05924"] {
            assert_eq!(totp.step(rubbish, now), None, "{rubbish}");
        }
    }

    #[test]
    fn a_secret_survives_base32_and_the_address_names_issuer_and_account() {
        let totp = Totp::new(RFC).unwrap();
        let text = totp.base32();
        assert_eq!(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let typed = Totp::from_base32(&format!(" {} {}", text[..16].to_lowercase(), &text[16..])).unwrap();
        assert_eq!(typed.secret(), RFC);
        let address = totp.address("province.admin").unwrap();
        assert!(
            address.starts_with("otpauth://totp/%E5%90%AF%E8%88%AA:province"),
            "{address}"
        );
        assert!(address.contains(&format!("secret={text}")), "{address}");
        assert!(Totp::from_base32("GEZDG").is_none() && Totp::from_base32("1!").is_none());
    }
}
