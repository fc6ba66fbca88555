//! Cookies, CSRF, origins, tokens.

use reqwest::Response;
use serde_json::json;

use crate::support::{Kitchen, json, report, token};

fn cookies(response: &Response) -> Vec<String> {
    response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

/// The cookies as a browser sends them, and the CSRF token.
fn jar(set: &[String]) -> (String, String) {
    let pairs: Vec<&str> = set
        .iter()
        .map(|cookie| cookie.split(';').next().unwrap())
        .collect();
    let csrf = pairs
        .iter()
        .find_map(|pair| pair.strip_prefix("qh_csrf="))
        .unwrap_or_default()
        .to_owned();
    (pairs.join("; "), csrf)
}

async fn login(kitchen: &Kitchen) -> (String, String) {
    let login = kitchen
        .plain("POST", "/v1/kitchen:login")
        .header("x-qihang-client", "web")
        .json(&json!({"name": "l"}));
    let response = login.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let set = cookies(&response);
    assert_eq!(set.len(), 3);
    assert!(
        set[0].starts_with("qh_at=e30.")
            && set[0].ends_with("; Path=/; Max-Age=1000; SameSite=Lax; HttpOnly")
    );
    let body = response.text().await.unwrap();
    assert!(!body.contains("old-refresh") && body.contains("李**"), "{body}");
    jar(&set)
}

#[tokio::test]
async fn a_program_gets_its_tokens_in_the_reply_and_no_cookies() {
    let kitchen = Kitchen::start().await;
    let response = kitchen
        .plain("POST", "/v1/kitchen:login")
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert!(cookies(&response).is_empty());
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["tokens"]["refreshToken"], "old-refresh");
}

#[tokio::test]
async fn a_page_calls_with_its_cookie_and_its_csrf_token() {
    let kitchen = Kitchen::start().await;
    let (jar, csrf) = login(&kitchen).await;
    let create = || {
        kitchen
            .plain("POST", "/v1/dishes")
            .header("cookie", &jar)
            .json(&json!({}))
    };
    let (status, problem) = json(create()).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (403, Some("CSRF_TOKEN_INVALID"))
    );
    let (_, metadata) = report(
        create()
            .header("x-csrf-token", &csrf)
            .header("x-qihang-client", "h5"),
    )
    .await;
    assert!(
        metadata["authorization"]
            .as_str()
            .unwrap()
            .starts_with("Bearer e30.")
    );
    assert_eq!(metadata["x-qihang-client-kind"], "h5");
    assert!(metadata.get("cookie").is_none());
    let foreign = create()
        .header("x-csrf-token", &csrf)
        .header("origin", "https://evil.example");
    assert_eq!(json(foreign).await.1["code"], "ORIGIN_NOT_ALLOWED");
    let (_, metadata) = report(kitchen.plain("GET", "/v1/dishes/1").header("cookie", &jar)).await;
    assert!(
        metadata["authorization"].is_string(),
        "reading needs no CSRF token"
    );
}

#[tokio::test]
async fn a_refresh_takes_the_token_from_its_cookie_and_sets_new_ones() {
    let kitchen = Kitchen::start().await;
    let (cookies_sent, csrf) = login(&kitchen).await;
    let refresh = || {
        let request = kitchen
            .plain("POST", "/v1/kitchen:refresh")
            .header("x-qihang-client", "web");
        request.header("cookie", &cookies_sent).json(&json!({}))
    };
    assert_eq!(json(refresh()).await.1["code"], "CSRF_TOKEN_INVALID");
    let response = refresh().header("x-csrf-token", &csrf).send().await.unwrap();
    let set = cookies(&response);
    assert!(set[1].starts_with("qh_rt=new-refresh;"), "{set:?}");
    assert!(!response.text().await.unwrap().contains("new-refresh"));
}

#[tokio::test]
async fn a_login_from_another_site_is_refused_and_a_stale_cookie_does_not_hinder_one() {
    let kitchen = Kitchen::start().await;
    let login = || {
        kitchen
            .plain("POST", "/v1/kitchen:login")
            .header("x-qihang-client", "web")
            .json(&json!({}))
    };
    assert_eq!(
        json(login().header("origin", "https://evil.example")).await.0,
        403
    );
    let stale = format!("qh_at={}", token("s0", "a1", -10));
    assert_eq!(json(login().header("cookie", stale)).await.0, 200);
}

#[tokio::test]
async fn a_logout_deletes_the_cookies() {
    let kitchen = Kitchen::start().await;
    let (jar, csrf) = login(&kitchen).await;
    let logout = kitchen
        .plain("POST", "/v1/kitchen:logout")
        .header("cookie", jar)
        .header("x-csrf-token", csrf);
    let response = logout.json(&json!({})).send().await.unwrap();
    let set = cookies(&response);
    assert_eq!(set.len(), 3);
    assert!(set.iter().all(|cookie| cookie.contains("Max-Age=0")), "{set:?}");
}

#[tokio::test]
async fn an_expired_cookie_is_no_hindrance_to_open_reads_and_a_login_is_asked_for_elsewhere() {
    let kitchen = Kitchen::start().await;
    let stale = format!("qh_at={}", token("s1", "a1", -10));
    let (_, metadata) = report(kitchen.plain("GET", "/v1/dishes").header("cookie", &stale)).await;
    assert!(metadata.get("authorization").is_none());
    let (_, metadata) = report(kitchen.plain("GET", "/v1/dishes/1").header("cookie", &stale)).await;
    assert!(
        metadata["authorization"].is_string(),
        "the service says that it is over"
    );
    let response = kitchen.plain("GET", "/v1/dishes/1").send().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers().contains_key("www-authenticate")
        ),
        (401, true)
    );
    assert_eq!(
        response.json::<serde_json::Value>().await.unwrap()["code"],
        "TOKEN_MISSING"
    );
}

#[tokio::test]
async fn a_refresh_that_is_refused_deletes_the_cookies() {
    let kitchen = Kitchen::start().await;
    let refresh = kitchen
        .plain("POST", "/v1/kitchen:refresh")
        .header("x-qihang-client", "web");
    let response = refresh
        .header("cookie", "qh_rt=dead")
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 401);
    assert!(
        cookies(&response)
            .iter()
            .all(|cookie| cookie.contains("Max-Age=0"))
    );
    assert_eq!(cookies(&response).len(), 3);
}
