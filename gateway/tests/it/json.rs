//! Routes, bindings, JSON and errors of plain calls.

use serde_json::json;

use crate::support::{Kitchen, json, report};

#[tokio::test]
async fn a_body_of_every_type_reaches_the_service_and_comes_back() {
    let kitchen = Kitchen::start().await;
    let dish = json!({
        "id": "d1", "name": "锅包肉", "price": "9007199254740993", "kind": "KIND_HOT", "parts": [{"id": "p", "price": 5}],
        "notes": {"b": "2", "a": "1"}, "weight": "NaN", "picture": "-_8", "time": "2026-06-01T08:00:00+08:00",
        "duration": "1.5s", "mask": "name,updateTime", "limit": 7, "free": {"x": [1, null, true]}, "right": 3, "vegan": false,
    });
    let body = json!({ "dish": dish, "request_id": "" });
    let (request, metadata) = report(kitchen.ask("POST", "/v1/dishes").json(&body)).await;
    let seen = &request["dish"];
    assert_eq!(seen["price"], "9007199254740993");
    assert_eq!(seen["kind"], "KIND_HOT");
    assert_eq!(seen["parts"][0]["price"], "5");
    assert_eq!(seen["notes"], json!({"a": "1", "b": "2"}));
    assert_eq!(
        (seen["weight"].as_str(), seen["picture"].as_str()),
        (Some("NaN"), Some("+/8="))
    );
    assert_eq!(
        (seen["time"].as_str(), seen["duration"].as_str()),
        (Some("2026-06-01T00:00:00Z"), Some("1.500s"))
    );
    assert_eq!(
        (&seen["limit"], &seen["right"], &seen["vegan"]),
        (&json!(7), &json!(3), &json!(false))
    );
    assert_eq!(seen["free"], json!({"x": [1.0, null, true]}));
    assert!(seen.get("left").is_none() && seen["parts"][0].get("vegan").is_none());
    assert_eq!(metadata["x-qihang-client-kind"], "api");
    assert_eq!(metadata["x-qihang-client-address"], "127.0.0.1");
    assert!(
        metadata["authorization"]
            .as_str()
            .unwrap()
            .starts_with("Bearer e30.")
    );
    assert!(metadata["grpc-timeout"].as_str().unwrap().ends_with('m'));
}

#[tokio::test]
async fn every_fault_of_a_body_is_named_by_its_field() {
    let kitchen = Kitchen::start().await;
    let body = json!({ "dish": {
        "nmae": "x", "price": "many", "parts": [{}, {"kind": "KIND_WARM"}], "left": "l", "right": 1, "time": "noon",
    }});
    let (status, problem) = json(kitchen.ask("POST", "/v1/dishes").json(&body)).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (400, Some("VALIDATION_FAILED"))
    );
    let fields: Vec<(&str, &str)> = problem["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["field"].as_str().unwrap(), field["code"].as_str().unwrap()))
        .collect();
    let expected = [
        ("dish.nmae", "UNKNOWN_FIELD"),
        ("dish.price", "WRONG_TYPE"),
        ("dish.parts[1].kind", "WRONG_TYPE"),
        ("dish.right", "ONEOF_CONFLICT"),
        ("dish.time", "WRONG_TYPE"),
    ];
    assert_eq!(fields, expected);
    assert!(
        problem["fields"][2]["message"]
            .as_str()
            .unwrap()
            .contains("KIND_HOT、KIND_COLD")
    );
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused_with_the_place() {
    let kitchen = Kitchen::start().await;
    let send = |body: String| {
        kitchen
            .ask("POST", "/v1/dishes")
            .header("content-type", "application/json")
            .body(body)
    };
    let (status, problem) = json(send("{\"dish\": }".into())).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("MALFORMED_JSON")));
    assert!(
        problem["detail"].as_str().unwrap().contains("第 1 行第 10 列"),
        "{problem}"
    );
    let (_, problem) = json(send("{\"dish\": {\"name\": \"a\", \"name\": \"b\"}}".into())).await;
    assert_eq!(problem["fields"][0]["field"], "dish.name");
    assert_eq!(problem["fields"][0]["code"], "DUPLICATE_FIELD");
    let (_, problem) = json(send("[".repeat(100))).await;
    assert_eq!(problem["fields"][0]["code"], "TOO_DEEP");
    let (status, _) = json(
        kitchen
            .ask("POST", "/v1/dishes")
            .header("content-type", "text/plain")
            .body("x"),
    )
    .await;
    assert_eq!(status, 415);
    let (status, _) = json(kitchen.ask("POST", "/v1/dishes").body("{}")).await;
    assert_eq!(status, 415);
    let (status, problem) = json(kitchen.ask("GET", "/v1/dishes/1").json(&json!({"id": "2"}))).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (400, Some("BODY_NOT_ALLOWED"))
    );
}

#[tokio::test]
async fn query_path_and_body_fill_one_request() {
    let kitchen = Kitchen::start().await;
    let path = "/v1/dishes?pageSize=5&kinds=KIND_HOT&kinds=2&filter.name=%E9%94%85+%E5%8C%85&after=2026-06-01T00:00:00Z&exact=true";
    let (request, _) = report(kitchen.plain("GET", path)).await;
    assert_eq!(request["pageSize"], 5);
    assert_eq!(request["kinds"], json!(["KIND_HOT", "KIND_COLD"]));
    assert_eq!(request["filter"]["name"], "锅 包");
    assert_eq!(
        (&request["after"], &request["exact"]),
        (&json!("2026-06-01T00:00:00Z"), &json!(true))
    );

    let (_, problem) = json(kitchen.plain(
        "GET",
        "/v1/dishes?pageSize=a&pageSize=1&size=2&filter.parts.name=x&kinds=3x",
    ))
    .await;
    let fields: Vec<&str> = problem["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["pageSize", "size", "filter.parts.name", "kinds"]);
    let (_, problem) = json(kitchen.plain("GET", "/v1/dishes?page_size=1&pageSize=1")).await;
    assert_eq!(problem["fields"][0]["code"], "DUPLICATE_FIELD");

    let update = kitchen
        .ask("PATCH", "/v1/dishes/a%2Fb?updateMask=name")
        .header("if-match", "\"3\"");
    let (request, _) = report(update.json(&json!({"name": "n"}))).await;
    assert_eq!(
        (&request["dish"]["id"], &request["dish"]["name"]),
        (&json!("a/b"), &json!("n"))
    );
    assert_eq!(
        (&request["etag"], &request["updateMask"]),
        (&json!("\"3\""), &json!("name"))
    );
    let (status, problem) = json(kitchen.ask("PATCH", "/v1/dishes/a").json(&json!({"id": "b"}))).await;
    assert_eq!(
        (status, problem["fields"][0]["field"].as_str()),
        (400, Some("dish.id"))
    );
}

#[tokio::test]
async fn verbs_bindings_and_reply_fields_work() {
    let kitchen = Kitchen::start().await;
    let (request, _) = report(
        kitchen
            .ask("POST", "/v1/kitchens/k1/dishes/d1:serve")
            .json(&json!({"table": 4})),
    )
    .await;
    assert_eq!(request, json!({"id": "d1", "kitchen": "kitchens/k1", "table": 4}));
    let (status, names) = json(kitchen.plain("GET", "/v1/kitchens/a/b/names")).await;
    assert_eq!((status, names), (200, json!(["宫保"])));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let kitchen = Kitchen::start().await;
    let (status, problem) = json(kitchen.ask("POST", "/v1/nothing")).await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("ROUTE_NOT_FOUND")));
    let response = kitchen.ask("DELETE", "/v1/dishes").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["allow"]),
        (405, &"GET, POST".parse().unwrap())
    );
    let response = kitchen.plain("OPTIONS", "/v1/dishes").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["allow"]),
        (204, &"GET, POST".parse().unwrap())
    );
    let response = kitchen.plain("POST", "/healthz").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 404);
}

#[tokio::test]
async fn idempotency_key_fills_the_request_id() {
    let kitchen = Kitchen::start().await;
    let key = "0190a0b0-0000-7000-8000-000000000001";
    let create = || kitchen.ask("POST", "/v1/dishes").json(&json!({}));
    let (request, _) = report(create().header("idempotency-key", key)).await;
    assert_eq!(request["requestId"], key);
    let (status, problem) = json(create().header("idempotency-key", "one")).await;
    assert_eq!(
        (status, problem["fields"][0]["field"].as_str()),
        (400, Some("requestId"))
    );
}

#[tokio::test]
async fn errors_are_problems_that_leak_nothing() {
    let kitchen = Kitchen::start().await;
    let response = kitchen.plain("GET", "/v1/failures/busy").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(response.headers()["retry-after"], "3");
    let response = kitchen.plain("GET", "/v1/failures/late").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 504);
    assert_eq!(
        response.headers()["retry-after"],
        "2",
        "whoever was too late may come again"
    );
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json; charset=utf-8"
    );
    let (status, problem) = json(kitchen.plain("GET", "/v1/failures/secret")).await;
    assert_eq!((status, problem["code"].as_str()), (500, Some("INTERNAL")));
    assert!(!problem.to_string().contains("SELECT"));
    assert_eq!(json(kitchen.plain("GET", "/v1/failures/state")).await.0, 409);
    let id = "0190a0b0-0000-7000-8000-000000000002";
    let response = kitchen
        .plain("GET", "/v1/failures/state")
        .header("x-request-id", id)
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-request-id"], id);
    assert!(
        !response.json::<serde_json::Value>().await.unwrap()["trace_id"]
            .as_str()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn cacheable_reads_have_tags_and_others_are_not_kept() {
    let kitchen = Kitchen::start().await;
    let list = || {
        kitchen
            .plain("GET", "/v1/dishes?pageSize=5")
            .header("x-request-id", "0190a0b0-0000-7000-8000-000000000003")
    };
    let first = list().send().await.unwrap();
    assert_eq!(first.headers()["cache-control"], "public, max-age=60");
    let tag = first.headers()["etag"].clone();
    let second = list().header("if-none-match", tag).send().await.unwrap();
    assert_eq!(second.status().as_u16(), 304);
    assert!(second.bytes().await.unwrap().is_empty());
    let get = kitchen.ask("GET", "/v1/dishes/1").send().await.unwrap();
    assert_eq!(
        (&get.headers()["etag"], &get.headers()["cache-control"]),
        (&"\"7\"".parse().unwrap(), &"no-store".parse().unwrap())
    );
}
