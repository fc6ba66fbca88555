//! The gateway's own pages, headers, compression, and its stop.

use std::time::Duration;

use qihang_gateway::Settings;

use crate::support::{Kitchen, json, settings};

#[tokio::test]
async fn health_readiness_and_metrics_answer() {
    let kitchen = Kitchen::start().await;
    assert_eq!(
        kitchen
            .plain("GET", "/healthz")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "ok\n"
    );
    let (status, ready) = json(kitchen.plain("GET", "/readyz")).await;
    assert_eq!(
        (status, ready["services"]["kitchen"].as_str()),
        (200, Some("serving"))
    );
    assert_eq!(
        kitchen
            .plain("GET", "/metrics")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "qihang_up 1\n"
    );
    let hidden = Kitchen::with(Settings {
        metrics_networks: Vec::new(),
        ..settings()
    })
    .await;
    assert_eq!(
        hidden
            .plain("GET", "/metrics")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        404
    );
}

#[tokio::test]
async fn pages_need_nothing_from_elsewhere_and_no_inline_code() {
    let kitchen = Kitchen::start().await;
    for path in ["/", "/docs"] {
        let page = kitchen.plain("GET", path).send().await.unwrap();
        let policy = page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let text = page.text().await.unwrap();
        assert!(
            !text.contains("://")
                && !text.contains("<style")
                && !text.contains("style=")
                && !text.contains("onclick")
        );
        let scripts = text.matches("<script").count();
        let from_files = text.matches("src=\"/").count();
        assert!(
            scripts > 0 && scripts <= from_files && text.matches("></script>").count() == scripts,
            "{text}"
        );
    }
    for path in ["/docs/docs.js", "/docs/docs.css"] {
        assert_eq!(
            kitchen.plain("GET", path).send().await.unwrap().status().as_u16(),
            200
        );
    }
}

#[tokio::test]
async fn the_openapi_document_is_served_with_a_tag() {
    let kitchen = Kitchen::start().await;
    let response = kitchen.plain("GET", "/openapi.json").send().await.unwrap();
    let tag = response.headers()["etag"].clone();
    let document: serde_json::Value = response.json().await.unwrap();
    assert!(document["paths"]["/v1/{kitchen}/dishes/{id}:serve"]["post"].is_object());
    assert_eq!(
        document["paths"]["/v1/dishes:watch"]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
            ["$ref"],
        "#/components/schemas/kitchen.v1.Tick"
    );
    let again = kitchen
        .plain("GET", "/openapi.json")
        .header("if-none-match", tag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status().as_u16(), 304);
}

#[tokio::test]
async fn every_answer_has_the_security_headers_and_long_ones_are_compressed() {
    let kitchen = Kitchen::start().await;
    let response = kitchen
        .plain("GET", "/v1/dishes?pageSize=1")
        .send()
        .await
        .unwrap();
    for name in [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "cross-origin-opener-policy",
        "permissions-policy",
        "x-request-id",
    ] {
        assert!(response.headers().contains_key(name), "{name}");
    }
    for encoding in ["gzip", "br", "zstd"] {
        let response = kitchen
            .plain("GET", "/openapi.json")
            .header("accept-encoding", encoding)
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["content-encoding"], encoding);
    }
    let photo = kitchen
        .plain("GET", "/v1/dishes/1/photo")
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert!(!photo.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn a_stop_lets_requests_under_way_end_and_is_told_before() {
    let mut kitchen = Kitchen::with(Settings {
        lame_duck_ms: 400,
        ..settings()
    })
    .await;
    let watch = kitchen.plain("GET", "/v1/dishes:watch?pageSize=3").send();
    assert_eq!(json(kitchen.plain("GET", "/readyz")).await.0, 200);
    let watch = watch.await.unwrap();
    kitchen.begin_to_stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (status, ready) = json(kitchen.plain("GET", "/readyz")).await;
    assert_eq!((status, ready["draining"].as_bool()), (503, Some(true)));
    assert!(watch.text().await.unwrap().contains("OVERLOADED"));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(kitchen.plain("GET", "/healthz").send().await.is_err());
}

#[tokio::test]
async fn a_stop_without_requests_is_quick() {
    let kitchen = Kitchen::start().await;
    tokio::time::timeout(Duration::from_secs(1), kitchen.stop())
        .await
        .unwrap();
}

#[tokio::test]
async fn only_listed_origins_may_read_answers() {
    let origin = "https://portal.example";
    let kitchen = Kitchen::with(Settings {
        origins: vec![origin.into()],
        ..settings()
    })
    .await;
    let get = |origin: &str| kitchen.plain("GET", "/v1/dishes").header("origin", origin);
    let allowed = get(origin).send().await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], origin);
    let other = get("https://evil.example").send().await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn an_address_of_no_call_is_a_page_only_for_who_reads_pages() {
    let kitchen = Kitchen::start().await;
    let status = |method: &'static str, path: &'static str, media: &'static str| {
        let request = kitchen.plain(method, path).header("accept", media);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status("GET", "/s/home", "text/html").await, 200);
    assert_eq!(status("GET", "/h5/", "text/html").await, 200);
    assert_eq!(status("GET", "/s/home", "application/json").await, 404);
    assert_eq!(status("GET", "/v1/nothing", "text/html").await, 404);
    assert_eq!(status("GET", "/assets/gone.js", "text/html").await, 404);
    assert_eq!(status("GET", "/h5/assets/gone.js", "text/html").await, 404);
    assert_eq!(status("POST", "/s/home", "text/html").await, 404);
}

#[tokio::test]
async fn files_of_the_pages_are_kept_for_ever_and_sent_compressed() {
    let kitchen = Kitchen::start().await;
    let page = kitchen.plain("GET", "/").send().await.unwrap();
    assert_eq!(page.headers()["cache-control"], "no-store");
    let text = page.text().await.unwrap();
    let start = text.find("/assets/").expect("the pages are built by make web");
    let script = text[start..].split('"').next().unwrap().to_owned();
    let file = kitchen
        .plain("GET", &script)
        .header("accept-encoding", "br")
        .send()
        .await
        .unwrap();
    assert_eq!(file.headers()["content-encoding"], "br");
    assert!(
        file.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
}
