//! The client of the public API that every importer shares.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode, header};
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Benchmark, Counts, Evidence, Submission, TaskResult};
use crate::native::http_client;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Tries of one request, while the server is not there or has no time.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// What a server may ask us to wait; beyond it, better come back later.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Results that the API takes in one upload.
const MOST_RESULTS: usize = 1000;
/// Bytes of an upload.
const LARGEST_UPLOAD: usize = 1024 * 1024;
/// How far a published mean may be from ours, which is added up in another order.
const ROUNDING: f64 = 1e-6;

/// What became of a submission that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Published,
    AlreadyThere,
}

/// Publishes through the API. Every request may be sent again: none has an effect twice.
pub(super) struct Publisher {
    client: Client,
    base: Url,
    api_key: header::HeaderValue,
}

/// What the server says of a run, new or opened earlier.
#[derive(Deserialize)]
struct OpenedRun {
    id: String,
    status: String,
    counts: Option<Counts>,
    aggregates: Option<Aggregates>,
}

#[derive(Deserialize)]
struct Aggregates {
    correct: Option<u64>,
    total: Option<u64>,
    score: Option<f64>,
}

/// A request's body.
struct Payload {
    media_type: &'static str,
    bytes: Bytes,
}

impl Payload {
    fn json(body: &impl Serialize) -> Result<Self, String> {
        let bytes = serde_json::to_vec(body).map_err(|error| error.to_string())?;
        Ok(Self { media_type: "application/json", bytes: bytes.into() })
    }

    fn lines(lines: String) -> Self {
        Self { media_type: "application/x-ndjson", bytes: lines.into() }
    }
}

/// An answer that is no success.
struct Refusal {
    status: StatusCode,
    code: String,
    reason: String,
}

impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.reason
    }
}

impl Publisher {
    /// A client of the API there, with this key.
    pub fn new(url: &str, api_key: &str) -> Result<Self, String> {
        let base = Url::parse(&format!("{}/api/v1/", url.trim_end_matches('/')))
            .map_err(|error| format!("--url {url}: {error}"))?;
        let mut api_key = header::HeaderValue::from_str(&format!("Bearer {api_key}"))
            .map_err(|_| "the API key holds characters that no key has".to_owned())?;
        api_key.set_sensitive(true);
        let client = http_client::builder().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
        Ok(Self { client, base, api_key })
    }

    /// Declares the benchmark version; one that is there with the same content stays.
    pub async fn declare_benchmark(&self, benchmark: &Benchmark, tell: &dyn Fn(&str)) -> Result<(), String> {
        let Benchmark { id, version, body } = benchmark;
        let path = format!("benchmarks/{id}/versions/{version}");
        match self.send(Method::PUT, &path, Some(Payload::json(body)?), tell).await {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.code == "version_in_use" => Err(format!(
                "version {version} of {id} is there with another definition (tasks, metric, attempts or texts), and with \
                 runs, so it never changes; import into a version of another name ({})",
                refusal.reason
            )),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Publishes one run, from wherever an earlier import left it.
    pub async fn publish(&self, submission: &Submission, tell: &dyn Fn(&str)) -> Result<Outcome, String> {
        self.declare_model(submission, tell).await?;
        let opened = self.send(Method::POST, "runs", Some(Payload::json(&submission.run)?), tell).await?;
        let run: OpenedRun = serde_json::from_value(opened)
            .map_err(|error| format!("the server's answer about the run is not understood: {error}"))?;
        match run.status.as_str() {
            "open" => {}
            "published" if run.has(&submission.evidence) => return Ok(Outcome::AlreadyThere),
            "published" => return Err(format!("run {} is published already, with other numbers", run.id)),
            status => return Err(format!("run {} is {status} on the server", run.id)),
        }
        match &submission.evidence {
            Evidence::Counts(counts) => {
                self.send(Method::PUT, &format!("runs/{}/counts", run.id), Some(Payload::json(counts)?), tell).await?;
            }
            Evidence::Results(results) => {
                let uploads = uploads(results)?;
                let path = format!("runs/{}/results", run.id);
                let whole = uploads.len();
                for (index, lines) in uploads.into_iter().enumerate() {
                    tell(&format!("{}: upload {} of {whole}", submission.run.model, index.saturating_add(1)));
                    self.send(Method::POST, &path, Some(Payload::lines(lines)), tell).await?;
                }
            }
        }
        self.send(Method::POST, &format!("runs/{}/publish", run.id), Some(Payload::json(&json!({}))?), tell).await?;
        Ok(Outcome::Published)
    }

    /// Declares the model where nobody has: what is said of one that is there stays.
    async fn declare_model(&self, submission: &Submission, tell: &dyn Fn(&str)) -> Result<(), String> {
        let model = &submission.model;
        let path = format!("models/{}/{}", model.provider, model.name);
        match self.send(Method::GET, &path, None, tell).await {
            Ok(_) => return Ok(()),
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND => {}
            Err(refusal) => return Err(refusal.into()),
        }
        let body = Payload::json(&json!({"displayName": model.display_name}))?;
        match self.send(Method::PUT, &path, Some(body), tell).await {
            Ok(_) => Ok(()),
            // Somebody else was faster: our run belongs to the model all the same.
            Err(refusal) if refusal.code == "not_owner" => Ok(()),
            Err(refusal) => Err(refusal.into()),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Payload>,
        tell: &dyn Fn(&str),
    ) -> Result<Value, Refusal> {
        let url = self.base.join(path).map_err(|error| Refusal::ours(format!("{path}: {error}")))?;
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let mut request =
                self.client.request(method.clone(), url.clone()).header(header::AUTHORIZATION, &self.api_key);
            if let Some(Payload { media_type, bytes }) = &body {
                request = request.header(header::CONTENT_TYPE, *media_type).body(bytes.clone());
            }
            let refusal = match request.send().await {
                Ok(response) => match understand(response).await {
                    Ok(answer) => return Ok(answer),
                    Err((refusal, asked)) => {
                        let later =
                            [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&refusal.status);
                        if !later || asked > LONGEST_PAUSE {
                            return Err(refusal);
                        }
                        pause = pause.max(asked);
                        refusal
                    }
                },
                Err(error) => Refusal::ours(http_client::describe(error)),
            };
            if tries >= TRIES {
                return Err(refusal);
            }
            tell(&format!("waiting {} s: {}", pause.as_secs_f32().ceil(), refusal.reason));
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
            tries = tries.saturating_add(1);
        }
    }
}

impl OpenedRun {
    /// Whether what is published are these very numbers.
    fn has(&self, evidence: &Evidence) -> bool {
        match evidence {
            Evidence::Counts(counts) => self.counts.as_ref() == Some(counts),
            Evidence::Results(results) => self.aggregates.as_ref().is_some_and(|published| published.agree(results)),
        }
    }
}

impl Aggregates {
    fn agree(&self, results: &[TaskResult]) -> bool {
        let (mut correct, mut total, mut tasks) = (0_u64, 0_u64, BTreeMap::<&str, (f64, f64)>::new());
        for result in results {
            correct = correct.saturating_add(result.correct.unwrap_or(u32::from(result.score >= 1.0)).into());
            total = total.saturating_add(result.samples.unwrap_or(1).into());
            let (sum, attempts) = tasks.entry(&result.task).or_default();
            *sum += result.score;
            *attempts += 1.0;
        }
        let means = tasks.values().map(|(sum, attempts)| sum / attempts);
        let count = tasks.values().map(|_| 1.0).sum::<f64>();
        let mean = means.sum::<f64>() / count;
        #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
        let rate = correct as f64 / total as f64;
        // The score of passes is their rate, any other the mean over tasks.
        let near = |score: f64| (score - mean).abs() <= ROUNDING || (score - rate).abs() <= ROUNDING;
        self.correct.is_none_or(|published| published == correct)
            && self.total.is_none_or(|published| published == total)
            && self.score.is_none_or(near)
    }
}

/// The results as bodies of uploads, a result a line, none larger than the API takes.
fn uploads(results: &[TaskResult]) -> Result<Vec<String>, String> {
    let (mut uploads, mut upload, mut lines) = (Vec::new(), String::new(), 0_usize);
    for result in results {
        let line = serde_json::to_string(result).map_err(|error| error.to_string())?;
        let size = upload.len().saturating_add(line.len()).saturating_add(1);
        if lines == MOST_RESULTS || (lines > 0 && size > LARGEST_UPLOAD) {
            uploads.push(std::mem::take(&mut upload));
            lines = 0;
        }
        upload.push_str(&line);
        upload.push('\n');
        lines = lines.saturating_add(1);
    }
    if lines > 0 {
        uploads.push(upload);
    }
    Ok(uploads)
}

impl Refusal {
    /// The trouble is on this side of the wire.
    fn ours(reason: String) -> Self {
        Self { status: StatusCode::IM_A_TEAPOT, code: String::new(), reason }
    }
}

/// The answer's body, or what the problem says and how long the server asks to wait.
async fn understand(response: reqwest::Response) -> Result<Value, (Refusal, Duration)> {
    let status = response.status();
    let asked = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map_or(Duration::ZERO, Duration::from_secs);
    let body = response.json::<Value>().await.unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut reason = match body.get("code") {
        Some(_) => format!("{} {}: {}", status.as_u16(), text("code"), text("detail")),
        None => status.to_string(),
    };
    for error in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        reason.push_str(&format!("; {} {}", part("pointer"), part("detail")));
    }
    Err((Refusal { status, code: text("code"), reason }, asked))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex},
    };

    use axum::{Router, extract::Request, http::HeaderMap};
    use tokio::net::TcpListener;

    use super::super::{Model, Run, Status};
    use super::*;
    use crate::native::connections::serve_router;

    /// A server that gives these answers, one after another, and what it was asked.
    async fn server(answers: Vec<(u16, Option<&'static str>, Value)>) -> (Publisher, Arc<Mutex<Vec<String>>>) {
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| {
            assert_eq!(request.headers()["authorization"], "Bearer aib_test");
            heard.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
            let (status, retry_after, body) = answers.lock().unwrap().pop_front().unwrap();
            let mut headers = HeaderMap::new();
            if let Some(seconds) = retry_after {
                headers.insert("retry-after", seconds.parse().unwrap());
            }
            async move { (StatusCode::from_u16(status).unwrap(), headers, axum::Json(body)) }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(serve_router(listener, app));
        (Publisher::new(&url, "aib_test").unwrap(), asked)
    }

    fn submission() -> Submission {
        Submission {
            model: Model { provider: "p".to_owned(), name: "m".to_owned(), display_name: "M".to_owned() },
            run: Run { model: "p/m".to_owned(), external_id: "x".to_owned(), ..Run::default() },
            evidence: Evidence::Counts(Counts {
                total: 2,
                correct_by_attempt: vec![1, 2],
                cost_usd: None,
                mean_latency_ms: Some(5.0),
            }),
        }
    }

    /// Two of three passes.
    fn results(tasks: usize) -> Vec<TaskResult> {
        (0..tasks)
            .map(|task| TaskResult::scored(format!("t{task}"), 1, if task % 3 == 0 { 0.0 } else { 1.0 }))
            .collect()
    }

    #[tokio::test]
    async fn waits_when_asked_to_and_publishes_once() {
        let (publisher, asked) = server(vec![
            (429, Some("0"), json!({"code": "rate_limited"})),
            (404, None, json!({"code": "not_found"})),
            (201, None, json!({})),
            (503, Some("0"), Value::Null),
            (201, None, json!({"id": "r1", "status": "open"})),
            (200, None, json!({})),
            (200, None, json!({})),
        ])
        .await;
        assert_eq!(publisher.publish(&submission(), &|_| {}).await, Ok(Outcome::Published));
        let run = "POST /api/v1/runs";
        let model = ["GET /api/v1/models/p/m", "PUT /api/v1/models/p/m"];
        let rest = ["PUT /api/v1/runs/r1/counts", "POST /api/v1/runs/r1/publish"];
        assert_eq!(*asked.lock().unwrap(), [model[0], model[0], model[1], run, run, rest[0], rest[1]]);
    }

    #[tokio::test]
    async fn results_are_uploaded_in_pieces() {
        let (publisher, asked) = server(vec![
            (200, None, json!({})),
            (201, None, json!({"id": "r1", "status": "open"})),
            (200, None, json!({"accepted": 1000})),
            (200, None, json!({"accepted": 0, "repeated": 200})),
            (200, None, json!({})),
        ])
        .await;
        let submission = Submission { evidence: Evidence::Results(results(1200)), ..submission() };
        assert_eq!(publisher.publish(&submission, &|_| {}).await, Ok(Outcome::Published));
        let upload = "POST /api/v1/runs/r1/results";
        let asked = asked.lock().unwrap();
        assert_eq!(asked[2..], [upload, upload, "POST /api/v1/runs/r1/publish"]);
    }

    #[test]
    fn no_upload_is_too_large() {
        let sizes = |results: &[TaskResult]| {
            let uploads = uploads(results).unwrap();
            assert!(uploads.iter().all(|upload| upload.len() <= LARGEST_UPLOAD && upload.ends_with("}\n")));
            uploads.iter().map(|upload| upload.lines().count()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&results(1000)), [1000]);
        assert_eq!(sizes(&results(2001)), [1000, 1000, 1]);
        let long = |task: usize| TaskResult::scored(format!("{}{task}", "\u{1}".repeat(200)), 1, 1.0);
        let sizes = sizes(&(0..1000).map(long).collect::<Vec<_>>());
        assert!(sizes.len() == 2 && sizes.iter().sum::<usize>() == 1000, "{sizes:?}");
    }

    #[test]
    fn published_results_are_compared() {
        let run = |aggregates: Value| -> OpenedRun {
            serde_json::from_value(json!({"id": "r", "status": "published", "aggregates": aggregates})).unwrap()
        };
        let evidence = Evidence::Results(results(3));
        assert!(run(json!({"correct": 2, "total": 3, "score": 2.0 / 3.0})).has(&evidence));
        assert!(!run(json!({"correct": 1, "total": 3, "score": 1.0 / 3.0})).has(&evidence));
        assert!(!run(Value::Null).has(&evidence));
        let partial = TaskResult { status: Status::Success, ..TaskResult::scored("t".to_owned(), 1, 0.25) };
        let partial = Evidence::Results(vec![partial]);
        assert!(run(json!({"correct": null, "total": null, "score": 0.25})).has(&partial));
        assert!(!run(json!({"correct": null, "total": null, "score": 0.5})).has(&partial));
    }

    #[tokio::test]
    async fn a_version_with_another_definition_is_told() {
        let in_use = json!({"code": "version_in_use", "detail": "Declare another version."});
        let (publisher, _) = server(vec![(409, None, in_use)]).await;
        let benchmark = Benchmark { id: "b".to_owned(), version: "2".to_owned(), body: json!({}) };
        let reason = publisher.declare_benchmark(&benchmark, &|_| {}).await.unwrap_err();
        assert!(reason.starts_with("version 2 of b is there with another definition"), "{reason}");
    }

    #[tokio::test]
    async fn leaves_alone_what_is_published() {
        let counts = json!({"total": 2, "correctByAttempt": [1, 2], "costUsd": null, "meanLatencyMs": 5});
        let published = json!({"id": "r1", "status": "published", "counts": counts});
        let (publisher, asked) = server(vec![(200, None, json!({})), (200, None, published)]).await;
        assert_eq!(publisher.publish(&submission(), &|_| {}).await, Ok(Outcome::AlreadyThere));
        assert_eq!(asked.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn says_why_it_failed() {
        let errors = json!({"code": "validation_failed", "detail": "Invalid.", "errors": [{"pointer": "/total", "detail": "must be 225"}]});
        let not_owner = json!({"code": "not_owner", "detail": "Not yours."});
        for (answers, reason) in [
            (
                vec![
                    (404, None, Value::Null),
                    (403, None, not_owner),
                    (201, None, json!({"id": "r", "status": "open"})),
                    (422, None, errors),
                ],
                "422 validation_failed: Invalid.; /total must be 225",
            ),
            (vec![(429, Some("3600"), json!({"code": "rate_limited", "detail": "Slow."}))], "429 rate_limited: Slow."),
            (vec![(502, None, Value::Null)], "502 Bad Gateway"),
            (
                vec![(200, None, json!({})), (201, None, json!({}))],
                "the server's answer about the run is not understood: missing field `id`",
            ),
            (
                vec![(200, None, json!({})), (200, None, json!({"id": "r", "status": "published", "counts": null}))],
                "run r is published already, with other numbers",
            ),
            (
                vec![(200, None, json!({})), (200, None, json!({"id": "r", "status": "withdrawn"}))],
                "run r is withdrawn on the server",
            ),
        ] {
            let (publisher, _) = server(answers).await;
            assert_eq!(publisher.publish(&submission(), &|_| {}).await, Err(reason.to_owned()));
        }
    }
}
