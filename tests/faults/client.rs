//! An HTTP client that does what a good one does: it calls again with the same key while the answer says that it may.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use qihang_kit::ids::Ids;
use qihang_standalone::demo::api::{text, work};
use reqwest::Method;
use serde_json::{Value, json};

/// Longest that one operation is tried; longer than any fault lasts.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest that one answer may take: the gateway's own limit and a little.
const ANSWER: Duration = Duration::from_secs(20);
/// Captchas that one call may use up.
const CAPTCHAS: usize = 5;
/// Pause after an answer that names none, or after none.
const PAUSE: Duration = Duration::from_millis(250);
/// Refusals that pass by themselves: messages take a moment, and a student has to read.
const PASSING: [&str; 4] = [
    "READ_TOKEN_EARLY",
    "DOCUMENT_NOT_READY",
    "ORIGIN_NOT_APPROVED",
    "EMPLOYER_NOT_APPROVED",
];

/// What clients met.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Calls that were made again.
    pub(crate) retries: AtomicUsize,
    /// Longest that one operation had to be tried, in milliseconds.
    pub(crate) longest_ms: AtomicU64,
    /// Answers that are never right, whatever is away: 500, and 503 or 504 without Retry-After.
    pub(crate) wrong: AtomicUsize,
}

/// The API as somebody.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    address: String,
    token: Option<String>,
    ids: Ids,
    counts: Arc<Counts>,
}

/// A refusal that stays.
#[derive(Debug)]
pub(crate) struct Refusal {
    call: String,
    pub(crate) status: u16,
    document: Value,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} answered {}: {}",
            self.call, self.status, self.document
        )
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// The stable reason.
    pub(crate) fn code(&self) -> &str {
        text(&self.document, "/code")
    }
}

/// What came of one try.
enum Try {
    Done(Value),
    Again(Duration, String),
    Refused(Refusal),
}

impl Client {
    pub(crate) fn new(base: &str, counts: Arc<Counts>) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().timeout(ANSWER).build()?,
            base: base.to_owned(),
            address: "10.0.0.1".to_owned(),
            token: None,
            ids: Ids::random(),
            counts,
        })
    }

    /// The same, calling from another address: limits count by it.
    pub(crate) fn at_address(&self, number: u32) -> Self {
        Self {
            address: format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255),
            ..self.clone()
        }
    }

    pub(crate) fn with_token(&self, token: Option<&str>) -> Self {
        Self {
            token: token.map(str::to_owned),
            ..self.clone()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Posts with a captcha, which is good for once: when the answer was lost, with another one.
    pub(crate) async fn post_with_captcha(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let mut last = None;
        for _ in 0..CAPTCHAS {
            match self.post(path, self.with_captcha(body.clone()).await?).await {
                Err(error) if error.is::<Refusal>() => last = Some(error),
                outcome => return outcome,
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no captcha was tried")))
    }

    /// Adds the answer to a captcha by work.
    pub(crate) async fn with_captcha(&self, mut body: Value) -> anyhow::Result<Value> {
        let captcha = self
            .post("/v1/captchas", json!({ "kind": "KIND_PROOF_OF_WORK" }))
            .await?;
        let difficulty = captcha
            .pointer("/difficulty")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let answer = work(text(&captcha, "/challenge"), difficulty);
        if let Some(fields) = body.as_object_mut() {
            fields.insert("captchaId".to_owned(), json!(text(&captcha, "/id")));
            fields.insert("captchaAnswer".to_owned(), json!(answer));
        }
        Ok(body)
    }

    /// Calls once: the status, 0 for no answer, and how long it took. The pages of a process about itself name no time.
    pub(crate) async fn status(&self, path: &str, body: Option<Value>) -> (u16, Duration) {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let begun = Instant::now();
        let key = self.ids.new_id().to_string();
        let status = match self.send(&method, path, body.as_ref(), &key).await {
            Ok(response) => {
                let status = response.status().as_u16();
                let says_when = response.headers().contains_key("retry-after") || !path.starts_with("/v1/");
                self.note_wrong(&format!("{method} {path}"), status, says_when);
                status
            }
            Err(_) => 0,
        };
        (status, begun.elapsed())
    }

    /// Calls until the answer is final. The key stays the same, so that the effect is had once.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let key = self.ids.new_id().to_string();
        let begun = Instant::now();
        let mut failing: Option<Instant> = None;
        loop {
            match self.once(&method, path, body.as_ref(), &key).await {
                Try::Done(value) => {
                    self.over(failing);
                    return Ok(value);
                }
                Try::Refused(refusal) => return Err(refusal.into()),
                Try::Again(_, last) if begun.elapsed() > PATIENCE => {
                    anyhow::bail!("{method} {path} came to nothing in {PATIENCE:?}: {last}")
                }
                Try::Again(pause, last) => {
                    if PASSING.iter().any(|code| last.contains(code)) {
                        self.over(failing.take());
                    } else {
                        failing.get_or_insert_with(Instant::now);
                        self.counts.retries.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Notes how long an operation had been failing that is answered again.
    fn over(&self, failing: Option<Instant>) {
        let took = failing.map_or(Duration::ZERO, |since| since.elapsed());
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.counts.longest_ms.fetch_max(took, Ordering::Relaxed);
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: &str,
    ) -> reqwest::Result<reqwest::Response> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base))
            .header("x-forwarded-for", &self.address);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("idempotency-key", key).json(body);
        }
        request.send().await
    }

    async fn once(&self, method: &Method, path: &str, body: Option<&Value>, key: &str) -> Try {
        let response = match self.send(method, path, body, key).await {
            Ok(response) => response,
            Err(error) => return Try::Again(PAUSE, error.to_string()),
        };
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after");
        let after = after.and_then(|value| value.to_str().ok()?.parse().ok());
        let is_pdf = response
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind == "application/pdf");
        let Ok(bytes) = response.bytes().await else {
            return Try::Again(PAUSE, "the answer broke off".to_owned());
        };
        if (200..300).contains(&status) {
            // A page of bytes is an answer too; its length says enough.
            let length = json!({ "bytes": bytes.len(), "pdf": is_pdf });
            return Try::Done(serde_json::from_slice(&bytes).unwrap_or(length));
        }
        let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        self.judge(format!("{method} {path}"), status, after, document)
    }

    fn note_wrong(&self, call: &str, status: u16, says_when: bool) {
        if status == 500 || (matches!(status, 503 | 504) && !says_when) {
            self.counts.wrong.fetch_add(1, Ordering::Relaxed);
            tell(&format!("wrong answer {status} of {call}"));
        }
    }

    fn judge(&self, call: String, status: u16, after: Option<u64>, document: Value) -> Try {
        let busy = matches!(status, 503 | 504);
        self.note_wrong(&format!("{call}: {document}"), status, after.is_some());
        let passing = PASSING.contains(&text(&document, "/code"));
        if busy || passing || matches!(status, 429 | 500 | 502) {
            let pause = after.map_or(PAUSE, Duration::from_secs);
            return Try::Again(pause, format!("{status} {document}"));
        }
        Try::Refused(Refusal {
            call,
            status,
            document,
        })
    }
}

#[expect(clippy::print_stdout, reason = "whoever runs it must see what was wrong")]
pub(crate) fn tell(text: &str) {
    println!("  {text}");
}
