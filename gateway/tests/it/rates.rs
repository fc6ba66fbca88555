//! Limits.

use std::time::Duration;

use qihang_gateway::Settings;
use serde_json::json;

use crate::support::{Kitchen, json, settings, token};

#[tokio::test]
async fn the_third_call_of_two_a_minute_waits_and_another_account_does_not() {
    let kitchen = Kitchen::start().await;
    let serve = |account: &str| {
        let request = kitchen
            .plain("POST", "/v1/dishes/d1:serve")
            .bearer_auth(token("s", account, 60));
        request.json(&json!({}))
    };
    let first = serve("a1").send().await.unwrap();
    assert_eq!(
        (
            &first.headers()["ratelimit-limit"],
            &first.headers()["ratelimit-remaining"]
        ),
        (&"2".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(json(serve("a1")).await.0, 200);
    let third = serve("a1").send().await.unwrap();
    assert_eq!(third.status().as_u16(), 429);
    assert_eq!(
        (
            &third.headers()["retry-after"],
            &third.headers()["ratelimit-remaining"]
        ),
        (&"60".parse().unwrap(), &"0".parse().unwrap())
    );
    assert_eq!(
        third.json::<serde_json::Value>().await.unwrap()["code"],
        "RATE_LIMITED"
    );
    assert_eq!(json(serve("a2")).await.0, 200);
}

#[tokio::test]
async fn accounts_do_not_help_where_the_address_counts() {
    let kitchen = Kitchen::with(Settings {
        rate_per_minute: 2,
        ..settings()
    })
    .await;
    let login = |account: &str| {
        kitchen
            .plain("POST", "/v1/kitchen:login")
            .bearer_auth(token("s", account, 60))
            .json(&json!({}))
    };
    let mut statuses = Vec::new();
    for account in ["a1", "a2", "a3"] {
        statuses.push(json(login(account)).await.0);
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn one_address_has_a_limit_over_everything() {
    let settings = Settings {
        address_rate_per_minute: 2,
        trusted_proxies: vec!["127.0.0.1".into()],
        ..settings()
    };
    let kitchen = Kitchen::with(settings).await;
    let get = |account: &str, address: &str| {
        kitchen
            .plain("GET", "/v1/dishes/1")
            .bearer_auth(token("s", account, 60))
            .header("x-forwarded-for", address)
    };
    let mut statuses = Vec::new();
    for (account, address) in [
        ("a1", "2001:db8::1"),
        ("a2", "2001:db8::2"),
        ("a3", "2001:db8::3"),
        ("a4", "2001:db8:0:1::1"),
    ] {
        statuses.push(json(get(account, address)).await.0);
    }
    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[tokio::test]
async fn calls_beyond_the_places_are_sent_away_at_once_and_health_answers() {
    let kitchen = Kitchen::with(Settings {
        max_calls: 2,
        ..settings()
    })
    .await;
    let slow = || kitchen.plain("GET", "/v1/failures/slow").send();
    let under_way = [tokio::spawn(slow()), tokio::spawn(slow())];
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = slow().await.unwrap();
    assert_eq!(refused.status().as_u16(), 503);
    assert_eq!(refused.headers()["retry-after"], "2");
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "OVERLOADED");
    let health = kitchen.plain("GET", "/healthz").send().await.unwrap();
    assert_eq!(health.status().as_u16(), 200);
    assert!(
        under_way.iter().all(|call| !call.is_finished()),
        "it waited for a place"
    );
    for call in under_way {
        assert_eq!(call.await.unwrap().unwrap().status().as_u16(), 200);
    }
    assert_eq!(slow().await.unwrap().status().as_u16(), 200);
}
