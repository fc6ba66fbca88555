//! The second factor of the demonstration's staff: enrolled and answered as an authenticator would do it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use qihang_kit::{clock::Clock, totp::Totp};
use serde_json::{Value, json};

use super::api::{Api, Problem, text};

/// A code counts once: who signs in twice within a step waits for the next one.
const PATIENCE: Duration = Duration::from_secs(100);
/// Pause between two tries.
const LOOK: Duration = Duration::from_secs(2);

/// The present code of a secret in base32.
///
/// # Errors
/// When it is no secret.
pub fn code(secret: &str) -> anyhow::Result<String> {
    let totp = Totp::from_base32(secret).context("the secret must be 16 bytes or more in base32")?;
    Ok(totp.code(Clock::system().now()))
}

/// What people need to add a secret to their authenticator, or to do without one.
#[must_use]
pub fn shown(login: &str, secret: &str) -> String {
    let address = Totp::from_base32(secret).and_then(|totp| totp.address(login));
    format!("动态验证码 qihang totp {secret}  {}", address.unwrap_or_default())
}

/// Enrols a second factor for somebody who is signed in without one: who they are with it, and its secret in base32.
///
/// # Errors
/// The first refusal.
pub async fn enrol(api: &Api) -> anyhow::Result<(Api, String)> {
    let made = api.post("/v1/account:enrolTotp", json!({})).await?;
    let secret = text(&made, "/secret").to_owned();
    let confirmed = api
        .post("/v1/account:confirmTotp", json!({ "code": code(&secret)? }))
        .await?;
    let codes = confirmed.pointer("/recoveryCodes").and_then(Value::as_array);
    ensure!(
        codes.is_some_and(|codes| codes.len() == 10),
        "no recovery codes: {confirmed}"
    );
    Ok((api.signed_in(&confirmed)?, secret))
}

/// Signs staff in, with a code once one is asked for; the reply, and who they are.
///
/// # Errors
/// The first refusal that does not pass by itself.
pub async fn sign_in(
    nobody: &Api,
    login: &str,
    password: &str,
    secret: &str,
) -> anyhow::Result<(Value, Api)> {
    let begun = Instant::now();
    loop {
        let wanted = json!({ "login": login, "password": password, "totpCode": code(secret)? });
        let answer = nobody
            .post("/v1/sessions:loginStaff", nobody.with_captcha(wanted).await?)
            .await;
        match answer {
            Ok(reply) => {
                let api = nobody.signed_in(&reply)?;
                return Ok((reply, api));
            }
            Err(error) if begun.elapsed() < PATIENCE && used(&error) => tokio::time::sleep(LOOK).await,
            Err(error) => return Err(error),
        }
    }
}

/// True when the code was used before, or when the pause after that is not over: a patient client has called again by then,
/// with a captcha that was good for once.
fn used(error: &anyhow::Error) -> bool {
    let problem = error.downcast_ref::<Problem>();
    problem.is_some_and(|problem| {
        ["SECOND_FACTOR_WRONG", "LOGIN_THROTTLED", "CAPTCHA_INVALID"].contains(&problem.code())
    })
}
