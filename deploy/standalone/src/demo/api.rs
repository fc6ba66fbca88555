//! A client of the HTTP API as somebody outside would write one.

use std::{
    fmt,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use qihang_kit::ids::Ids;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Longest that a call may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Longest that a patient client waits for a busy server, in all and at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// The API, as nobody or as somebody.
#[derive(Clone, Debug)]
pub struct Api {
    http: Client,
    base: String,
    token: Option<String>,
    address: Option<Ipv4Addr>,
    ids: Ids,
    patient: bool,
}

/// An answer of any kind.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Media type.
    pub content_type: String,
    /// Bytes.
    pub body: Vec<u8>,
}

/// A refusal: problem+json.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What was asked.
    pub call: String,
    /// Status.
    pub status: u16,
    /// The document.
    pub document: Value,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} answered {}: {}",
            self.call, self.status, self.document
        )
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// The stable reason.
    #[must_use]
    pub fn code(&self) -> &str {
        text(&self.document, "/code")
    }
}

impl Answer {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Api {
    /// The API of a gateway, as nobody.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        // Refused when somebody in the process has chosen one before: then that one is used.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token: None,
            address: None,
            ids: Ids::random(),
            patient: false,
        })
    }

    /// The same API, asked again after as long as a busy server wants (`Retry-After`), as a client should.
    #[must_use]
    pub fn patient(self) -> Self {
        Self {
            patient: true,
            ..self
        }
    }

    /// The same API, calling from another address as far as a gateway believes this one: limits count by it.
    #[must_use]
    pub fn at(self, address: Ipv4Addr) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }

    /// The same API as the owner of the tokens in a reply.
    ///
    /// # Errors
    /// When there are none.
    pub fn signed_in(&self, reply: &Value) -> anyhow::Result<Self> {
        let token = text(reply, "/tokens/accessToken");
        anyhow::ensure!(!token.is_empty(), "the reply holds no access token");
        Ok(Self {
            token: Some(token.to_owned()),
            ..self.clone()
        })
    }

    /// The gateway's address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The access token; `None` for nobody.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Calls and takes any answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let body = body.map(|body| ("application/json", serde_json::to_vec(body).unwrap_or_default()));
        self.send_bytes(method, path, body).await
    }

    /// Calls with raw bytes and takes any answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> anyhow::Result<Answer> {
        let request = self.request(&method, path, body);
        let begun = Instant::now();
        loop {
            let again = request.try_clone().context("a body that cannot be sent twice")?;
            let response = again.send().await.with_context(|| format!("{method} {path}"))?;
            match pause(&response) {
                Some(pause) if self.patient && begun.elapsed() + pause < PATIENCE => {
                    tokio::time::sleep(pause).await;
                }
                _ => return answer(response).await,
            }
        }
    }

    /// A request; one of its own keeps its key when it is sent again.
    fn request(&self, method: &Method, path: &str, body: Option<(&str, Vec<u8>)>) -> RequestBuilder {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(address) = self.address {
            request = request.header("x-forwarded-for", address.to_string());
        }
        if [Method::POST, Method::PATCH].contains(method) {
            request = request.header("idempotency-key", self.ids.new_id().to_string());
        }
        if let Some((content_type, bytes)) = body {
            request = request.header("content-type", content_type).body(bytes);
        }
        request
    }

    /// Calls and wants success.
    ///
    /// # Errors
    /// [`Problem`] for any other answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let answer = self.send(method.clone(), path, body).await?;
        Ok(success(&method, path, answer)?.json())
    }

    /// GET.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// GET of bytes.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub async fn download(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.send(Method::GET, path, None).await?;
        Ok(success(&Method::GET, path, answer)?.body)
    }

    /// POST.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(&body)).await
    }

    /// PATCH.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub async fn patch(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::PATCH, path, Some(&body)).await
    }

    /// Uploads a file for a purpose and gives its id.
    ///
    /// # Errors
    /// As [`Api::call`], and when the file is refused.
    pub async fn upload(
        &self,
        purpose: &str,
        name: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<String> {
        let opened = self
            .post(
                "/v1/uploads",
                json!({ "purpose": purpose, "fileName": name, "sizeBytes": bytes.len().to_string() }),
            )
            .await?;
        let id = text(&opened, "/id").to_owned();
        let path = format!("/v1/uploads/{id}");
        let answer = self
            .send_bytes(Method::PUT, &path, Some((content_type, bytes)))
            .await?;
        let file = success(&Method::PUT, &path, answer)?.json();
        anyhow::ensure!(
            text(&file, "/state") == "STATE_READY",
            "{name} was refused: {}",
            text(&file, "/rejectReason")
        );
        Ok(id)
    }

    /// Solves a captcha by work: `captchaId` and `captchaAnswer` for the call that wants one.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub async fn with_captcha(&self, mut body: Value) -> anyhow::Result<Value> {
        let captcha = self
            .post("/v1/captchas", json!({ "kind": "KIND_PROOF_OF_WORK" }))
            .await?;
        let challenge = text(&captcha, "/challenge").to_owned();
        let difficulty = captcha
            .pointer("/difficulty")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let answer = tokio::task::spawn_blocking(move || work(&challenge, difficulty)).await?;
        if let Some(fields) = body.as_object_mut() {
            fields.insert("captchaId".to_owned(), json!(text(&captcha, "/id")));
            fields.insert("captchaAnswer".to_owned(), json!(answer));
        }
        Ok(body)
    }
}

/// A text in a document; empty when it is not there.
#[must_use]
pub fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// How long a server that is busy wants to be left alone.
fn pause(response: &Response) -> Option<Duration> {
    let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&response.status());
    let seconds = response
        .headers()
        .get("retry-after")?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    busy.then(|| Duration::from_secs(seconds))
}

async fn answer(response: Response) -> anyhow::Result<Answer> {
    let header = response.headers().get("content-type");
    Ok(Answer {
        status: response.status(),
        content_type: header
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        body: response.bytes().await?.to_vec(),
    })
}

fn success(method: &Method, path: &str, answer: Answer) -> Result<Answer, Problem> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(Problem {
        call: format!("{method} {path}"),
        status: answer.status.as_u16(),
        document: answer.json(),
    })
}

/// The first number such that SHA-256 of the challenge followed by it begins with so many zero bits.
#[must_use]
pub fn work(challenge: &str, difficulty: u64) -> String {
    let begun = Sha256::new_with_prefix(challenge);
    let mut number = 0_u64;
    loop {
        let answer = number.to_string();
        let mut hash = begun.clone();
        hash.update(&answer);
        let hash = hash.finalize();
        let head = hash
            .iter()
            .take(8)
            .fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
        if u64::from(head.leading_zeros()) >= difficulty {
            return answer;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// Answers each connection with the next of these, and says which keys came.
    async fn server(answers: &'static [&'static str]) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut keys = Vec::new();
            for answer in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut asked = vec![0; 4096];
                let length = connection.read(&mut asked).await.unwrap();
                let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
                let key = asked.lines().find(|line| line.starts_with("idempotency-key"));
                keys.push(key.unwrap_or_default().to_owned());
                let answer =
                    format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
            keys
        });
        (base, served)
    }

    const BUSY: &str = "503 Service Unavailable\r\nretry-after: 0";

    #[tokio::test]
    async fn a_patient_client_asks_a_busy_server_again_under_the_same_key() {
        let (base, served) = server(&[BUSY, "429 Too Many Requests\r\nretry-after: 0", "200 OK"]).await;
        let api = Api::new(&base).unwrap().patient();
        api.post("/v1/thing", json!({})).await.unwrap();
        let keys = served.await.unwrap();
        assert!(
            keys[0].len() > 36 && keys.iter().all(|key| *key == keys[0]),
            "{keys:?}"
        );
    }

    #[tokio::test]
    async fn others_are_told_and_so_is_who_would_wait_too_long() {
        for (patient, answer) in [(false, BUSY), (true, "429 Too Many Requests\r\nretry-after: 900")] {
            let (base, _served) = server(vec![answer].leak()).await;
            let api = Api::new(&base).unwrap();
            let api = if patient { api.patient() } else { api };
            let error = api.get("/v1/thing").await.unwrap_err();
            assert!([429, 503].contains(&error.downcast_ref::<Problem>().unwrap().status));
        }
    }

    #[test]
    fn work_begins_with_the_zero_bits_wanted() {
        let answer = work("启航", 12);
        let hash = Sha256::digest(format!("启航{answer}"));
        assert_eq!(hash[0], 0);
        assert!(hash[1] < 16);
    }
}
