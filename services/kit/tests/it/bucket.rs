//! As much of S3 as a file store uses, in memory, for signed requests only.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;

#[derive(Default)]
struct Store {
    objects: HashMap<String, Bytes>,
    parts: HashMap<String, BTreeMap<u32, Bytes>>,
}

type Shared = Arc<Mutex<Store>>;

/// Starts a bucket; answers its endpoint.
pub(crate) async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::disable())
        .with_state(Shared::default());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    endpoint
}

async fn answer(
    State(store): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signature = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !signature.starts_with("AWS4-HMAC-SHA256 Credential=key/") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut store = store.lock().unwrap();
    let path = uri.path().to_owned();
    match (method, query.get("uploadId"), query.get("partNumber")) {
        (Method::POST, None, _) if query.contains_key("delete") => {
            let text = String::from_utf8(body.to_vec()).unwrap();
            let key = text
                .split("<Key>")
                .nth(1)
                .unwrap()
                .split("</Key>")
                .next()
                .unwrap();
            store.objects.remove(&format!("{path}/{key}"));
            format!("<DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>").into_response()
        }
        (Method::POST, None, _) => {
            store.parts.insert(path.clone(), BTreeMap::new());
            let id = "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>";
            id.into_response()
        }
        (Method::PUT, Some(_), Some(number)) => {
            store
                .parts
                .get_mut(&path)
                .unwrap()
                .insert(number.parse().unwrap(), body);
            [(header::ETAG, format!("\"{number}\""))].into_response()
        }
        (Method::POST, Some(_), _) => {
            let parts = store.parts.remove(&path).unwrap();
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            store.objects.insert(path, whole.into());
            "<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>"
                .into_response()
        }
        (Method::DELETE, Some(_), _) => {
            store.parts.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::PUT, ..) => {
            store.objects.insert(path, body);
            [(header::ETAG, "\"1\"")].into_response()
        }
        (Method::DELETE, ..) => {
            store.objects.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
        (Method::GET | Method::HEAD, ..) => read(store.objects.get(&path), &headers),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn read(object: Option<&Bytes>, headers: &HeaderMap) -> Response {
    let Some(object) = object else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let common = [
        (header::ETAG, "\"1\""),
        (header::LAST_MODIFIED, "Mon, 01 Jun 2026 08:00:00 GMT"),
    ];
    let Some(range) = headers.get(header::RANGE) else {
        return (common, object.clone()).into_response();
    };
    let (first, last) = range
        .to_str()
        .unwrap()
        .trim_start_matches("bytes=")
        .split_once('-')
        .unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let place = [(
        header::CONTENT_RANGE,
        format!("bytes {first}-{last}/{}", object.len()),
    )];
    (
        StatusCode::PARTIAL_CONTENT,
        common,
        place,
        object.slice(first..=last),
    )
        .into_response()
}
