//! How often somebody may call.

use std::{net::IpAddr, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use qihang_proto::options::v1::RateKey;

use crate::{
    client::limit_key,
    ports::{Counter, Decision},
    problem::Problem,
    settings::Settings,
    transcode::Call,
};

const WINDOW: Duration = Duration::from_secs(60);

/// Counts a call. `account` is who the token says it is; a forged one gains nothing, since the service refuses it and the
/// address is counted as well.
///
/// # Errors
/// 429 with `Retry-After` when the caller or the address is over its limit.
pub async fn check(
    counter: &dyn Counter,
    settings: &Settings,
    call: &Call,
    who: (IpAddr, Option<&str>),
) -> Result<HeaderMap, Problem> {
    let (address, account) = (limit_key(who.0), who.1);
    let limit = match call.access.rate_per_minute {
        0 => settings.rate_per_minute,
        limit => limit,
    };
    let caller = match account {
        Some(account) if call.access.rate_key() != RateKey::Address => format!("account:{account}"),
        _ => format!("address:{address}"),
    };
    let all = format!("rate:all:{address}");
    let own = format!("rate:{}:{caller}", call.name);
    // Both at once: they share one way to the counter and back.
    let (everything, decision) = tokio::join!(
        counter.allow(&all, settings.address_rate_per_minute, WINDOW),
        counter.allow(&own, limit, WINDOW),
    );
    if !everything.allowed {
        return Err(refusal(settings.address_rate_per_minute, everything));
    }
    if decision.allowed {
        Ok(headers(limit, decision))
    } else {
        Err(refusal(limit, decision))
    }
}

fn refusal(limit: u32, decision: Decision) -> Problem {
    let wait = decision.retry_after.max(Duration::from_secs(1));
    let detail = format!("请求过于频繁，请在 {} 秒后重试", wait.as_secs());
    let mut problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", detail);
    problem.retry_after = Some(wait);
    problem.headers = headers(limit, decision);
    problem
}

fn headers(limit: u32, decision: Decision) -> HeaderMap {
    let seconds = decision.retry_after.as_secs() + u64::from(decision.retry_after.subsec_nanos() > 0);
    HeaderMap::from_iter([
        (
            HeaderName::from_static("ratelimit-limit"),
            HeaderValue::from(limit),
        ),
        (
            HeaderName::from_static("ratelimit-remaining"),
            HeaderValue::from(decision.remaining),
        ),
        (
            HeaderName::from_static("ratelimit-reset"),
            HeaderValue::from(seconds),
        ),
    ])
}
