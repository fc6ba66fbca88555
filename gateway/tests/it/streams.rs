//! Server streams as events and as lines.

use crate::support::{Kitchen, json};

#[tokio::test]
async fn a_stream_comes_as_events_with_ids_heartbeats_and_its_error() {
    let kitchen = Kitchen::start().await;
    let response = kitchen
        .plain("GET", "/v1/dishes:watch?pageSize=3")
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    assert!(!response.headers().contains_key("content-encoding"));
    let text = response.text().await.unwrap();
    assert!(text.contains("id: 1\ndata: {\"sequence\":\"1\"}\n\n"), "{text}");
    assert!(text.contains("id: 3\ndata: {\"sequence\":\"3\"}\n\n"), "{text}");
    assert!(text.matches(": alive\n\n").count() >= 2, "{text}");
    let (_, error) = text.split_once("event: error\ndata: ").unwrap();
    let problem: serde_json::Value = serde_json::from_str(error.trim()).unwrap();
    assert_eq!(
        (problem["code"].as_str(), problem["status"].as_u64()),
        (Some("OVERLOADED"), Some(503))
    );
}

#[tokio::test]
async fn a_stream_that_ends_says_so_and_one_that_never_begins_is_a_problem() {
    let kitchen = Kitchen::start().await;
    let text = kitchen
        .plain("GET", "/v1/dishes:watch?pageSize=1")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(text.ends_with("event: end\ndata: {}\n\n"), "{text}");
    let (status, problem) = json(kitchen.plain("GET", "/v1/dishes:watch?pageSize=-1")).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (400, Some("INVALID_ARGUMENT"))
    );
}

#[tokio::test]
async fn a_program_may_have_lines_of_json() {
    let kitchen = Kitchen::start().await;
    let request = kitchen
        .plain("GET", "/v1/dishes:watch?pageSize=3")
        .header("accept", "application/x-ndjson");
    let text = request.send().await.unwrap().text().await.unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[2]["sequence"], "3");
    assert_eq!(lines[3]["error"]["code"], "OVERLOADED");
}
