//! Uploads and downloads.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Kitchen, json};

fn pieces(count: usize, size: usize) -> reqwest::Body {
    let piece = Bytes::from(vec![7_u8; size]);
    reqwest::Body::wrap_stream(stream::iter(vec![Ok::<_, Infallible>(piece); count]))
}

#[tokio::test]
async fn an_upload_streams_through_whole() {
    let kitchen = Kitchen::start().await;
    let (status, report) = json(
        kitchen
            .ask("PUT", "/v1/dishes/d9/photo")
            .body(vec![1_u8; 999_999]),
    )
    .await;
    assert_eq!((status, report["bytes"].as_str()), (200, Some("999999")));
    let request: serde_json::Value = serde_json::from_str(report["request"].as_str().unwrap()).unwrap();
    assert_eq!(
        (request["id"].as_str(), request["body"]["totalBytes"].as_str()),
        (Some("d9"), Some("999999"))
    );
    let (status, report) = json(kitchen.ask("PUT", "/v1/dishes/d9/photo").body(pieces(10, 1000))).await;
    assert_eq!((status, report["bytes"].as_str()), (200, Some("10000")));
    let (status, report) = json(kitchen.ask("PUT", "/v1/dishes/d9/photo")).await;
    assert_eq!((status, report["bytes"].as_str()), (200, Some("0")));
}

#[tokio::test]
async fn too_long_an_upload_is_refused_declared_or_not() {
    let kitchen = Kitchen::start().await;
    let (status, problem) = json(
        kitchen
            .ask("PUT", "/v1/dishes/d9/photo")
            .body(vec![1_u8; 1_000_001]),
    )
    .await;
    assert_eq!(
        (status, problem["metadata"]["maxBytes"].as_str()),
        (413, Some("1000000"))
    );
    let (status, problem) = json(
        kitchen
            .ask("PUT", "/v1/dishes/d9/photo")
            .body(pieces(11, 100_000)),
    )
    .await;
    assert_eq!((status, problem["code"].as_str()), (413, Some("BODY_TOO_LARGE")));
    let big = serde_json::json!({ "dish": { "name": "x".repeat(1_100_000) } });
    assert_eq!(json(kitchen.ask("POST", "/v1/dishes").json(&big)).await.0, 413);
}

#[tokio::test]
async fn a_body_that_stalls_ends_with_408() {
    let kitchen = Kitchen::start().await;
    let stalling = || {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
        reqwest::Body::wrap_stream(first.chain(stream::pending()))
    };
    let upload = kitchen.ask("PUT", "/v1/dishes/d9/photo").body(stalling());
    assert_eq!(json(upload).await.0, 408);
    let create = kitchen
        .ask("POST", "/v1/dishes")
        .header("content-type", "application/json")
        .body(stalling());
    assert_eq!(json(create).await.0, 408);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let settings = qihang_gateway::Settings {
        header_timeout_ms: 200,
        ..crate::support::settings()
    };
    let kitchen = Kitchen::with(settings).await;
    let mut socket = TcpStream::connect(kitchen.url.trim_start_matches("http://"))
        .await
        .unwrap();
    socket
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn a_download_has_its_name_length_and_ranges() {
    let kitchen = Kitchen::start().await;
    let whole = kitchen.plain("GET", "/v1/dishes/d9/photo").send().await.unwrap();
    let headers = whole.headers().clone();
    assert_eq!(
        (
            headers["content-type"].to_str().unwrap(),
            headers["content-length"].to_str().unwrap()
        ),
        ("image/png", "100000")
    );
    assert!(
        headers["content-disposition"]
            .to_str()
            .unwrap()
            .ends_with("filename*=UTF-8''%E7%85%A7%E7%89%87.png")
    );
    assert!(
        !headers.contains_key("set-cookie"),
        "a service must not set cookies"
    );
    let content = whole.bytes().await.unwrap();
    assert_eq!(content.len(), 100_000);

    let get = |name: &'static str, value: &'static str| {
        kitchen.plain("GET", "/v1/dishes/d9/photo").header(name, value)
    };
    let part = get("range", "bytes=10-19").send().await.unwrap();
    assert_eq!(part.status().as_u16(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 10-19/100000");
    assert_eq!(part.headers()["content-length"], "10");
    assert_eq!(part.bytes().await.unwrap(), content.slice(10..20));
    assert_eq!(
        get("range", "bytes=900000-")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        416
    );
    assert_eq!(
        get("if-none-match", "\"photo\"")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        304
    );
    let head = kitchen.plain("HEAD", "/v1/dishes/d9/photo").send().await.unwrap();
    assert_eq!(
        (
            head.status().as_u16(),
            head.headers()["content-length"].to_str().unwrap()
        ),
        (200, "100000")
    );
}

#[tokio::test]
async fn a_torn_download_is_not_taken_for_a_whole_one() {
    let kitchen = Kitchen::start().await;
    // Whether the head was sent before the end depends on timing; the content must not look whole either way.
    if let Ok(response) = kitchen.plain("GET", "/v1/dishes/torn/photo").send().await {
        assert_eq!(response.status().as_u16(), 200);
        assert!(response.bytes().await.is_err());
    }
}
