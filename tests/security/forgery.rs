//! Tokens, headers and cookies that somebody made up.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use qihang_standalone::demo::walk::PASSWORD;
use qihang_tests::SCHOOL;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::world::World;

/// A call that only a student may make.
const OWN: &str = "/v1/roster/mine";
/// A call that only the province may make.
const PROVINCIAL: &str = "/v1/employers";

pub(crate) async fn what_is_forged_is_refused(world: &World) {
    let base = world.first.student.base();
    let http = Client::builder().no_proxy().build().unwrap();
    let token = world.first.student.token().expect("signed in").to_owned();
    assert_eq!(
        status(http.get(format!("{base}{OWN}")).bearer_auth(&token)).await,
        200
    );
    for (what, forged) in forged(&http, base, &token).await {
        let code = status(http.get(format!("{base}{PROVINCIAL}")).bearer_auth(&forged)).await;
        assert_eq!(code, 401, "{what}");
    }
    headers_of_the_inside_are_ignored(&http, base).await;
    addresses_are_not_believed(world, &http, base).await;
    cookies_need_their_token(world, &http, base).await;
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// A student's token turned into the province's, in every way that is known.
async fn forged(http: &Client, base: &str, token: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["role"] = json!("PROVINCE");
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    let unsigned = |header: Value| format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header.to_string()));
    let keys: Value = http
        .get(format!("{base}/.well-known/jwks.json"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let key = &keys["keys"][0];
    let kid = key["kid"].as_str().expect("a key id");
    // The published half of the key as the secret of a symmetric signature.
    let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().expect("a key")).unwrap();
    let symmetric = |secret: &[u8]| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid.to_owned());
        encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    vec![
        (
            "changed claims under the old signature",
            format!("{}.{payload}.{}", parts[0], parts[2]),
        ),
        (
            "no algorithm",
            unsigned(json!({ "alg": "none", "typ": "JWT", "kid": kid })),
        ),
        (
            "no algorithm, in capitals",
            unsigned(json!({ "alg": "NONE", "kid": kid })),
        ),
        ("no signature", format!("{}.{payload}.", parts[0])),
        ("the public key as a secret", symmetric(&public)),
        ("an empty secret", symmetric(b"")),
        (
            "a key of the token's own",
            unsigned(json!({ "alg": "EdDSA", "jwk": key, "kid": "mine" })),
        ),
        (
            "a key from elsewhere",
            unsigned(json!({ "alg": "EdDSA", "jku": "http://127.0.0.1:1/", "kid": "../../x" })),
        ),
        ("a part too few", format!("{}.{payload}", parts[0])),
        ("rubbish", "名".repeat(3)),
    ]
}

/// What services tell each other in headers counts for nothing from outside.
async fn headers_of_the_inside_are_ignored(http: &Client, base: &str) {
    for (name, value) in [
        ("x-qihang-peer", "identity"),
        ("x-qihang-principal", "PROVINCE"),
        ("x-qihang-role", "PROVINCE"),
        ("grpc-metadata-x-qihang-peer", "identity"),
    ] {
        let request = http.get(format!("{base}{PROVINCIAL}")).header(name, value);
        assert_eq!(status(request).await, 401, "{name}");
    }
}

/// What the first student signs in with.
async fn credentials(world: &World) -> Value {
    let wanted =
        json!({ "schoolCode": SCHOOL, "studentNumber": world.first.person.number, "password": PASSWORD });
    world.first.student.with_captcha(wanted).await.unwrap()
}

/// The address of a session is the connection's, whatever a client says of it.
async fn addresses_are_not_believed(world: &World, http: &Client, base: &str) {
    let body = credentials(world).await;
    let mut request = http.post(format!("{base}/v1/sessions:loginStudent")).json(&body);
    for name in [
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "x-qihang-client-address",
        "true-client-ip",
    ] {
        request = request.header(name, "203.0.113.77");
    }
    assert_eq!(status(request).await, 200);
    let sessions = world.first.student.get("/v1/sessions").await.unwrap();
    assert!(!sessions.to_string().contains("203.0.113.77"), "{sessions}");
}

/// A page elsewhere may make a browser send its cookies, but cannot read the token that has to come with them.
async fn cookies_need_their_token(world: &World, http: &Client, base: &str) {
    let body = credentials(world).await;
    let login = http
        .post(format!("{base}/v1/sessions:loginStudent"))
        .header("x-qihang-client", "web")
        .json(&body);
    let answer = login.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let cookies: Vec<String> = answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned())
        .collect();
    let csrf = cookies
        .iter()
        .find_map(|cookie| Some(cookie.split_once("qh_csrf=")?.1.to_owned()))
        .expect("a CSRF cookie");
    let jar = cookies.join("; ");
    let post = |token: Option<&str>| {
        let request = http
            .post(format!("{base}/v1/sessions:revokeOthers"))
            .header("cookie", &jar)
            .header("x-qihang-client", "web")
            .json(&json!({}));
        match token {
            Some(token) => request.header("x-csrf-token", token),
            None => request,
        }
    };
    assert_eq!(status(post(None)).await, 403, "without a token");
    assert_eq!(status(post(Some("made-up"))).await, 403, "with another token");
    let elsewhere = post(Some(&csrf)).header("origin", "https://evil.example");
    assert_eq!(status(elsewhere).await, 403, "from another origin");
    let read = http.get(format!("{base}/v1/account")).header("cookie", &jar);
    assert_eq!(status(read).await, 200, "reading changes nothing");
}
