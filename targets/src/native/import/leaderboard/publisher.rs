//! The client of the public API that every importer shares.

use std::time::Duration;

use http::{Method, StatusCode, header};
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Benchmark, Counts, Submission};
use crate::native::http_client;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Tries of one request, while the server is not there or has no time.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// What a server may ask us to wait; beyond it, better come back later.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

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
    pub async fn declare_benchmark(&self, benchmark: &Benchmark, waiting: &dyn Fn(&str)) -> Result<(), String> {
        let path = format!("benchmarks/{}/versions/{}", benchmark.id, benchmark.version);
        self.send(Method::PUT, &path, &benchmark.body, waiting).await?;
        Ok(())
    }

    /// Publishes one run, from wherever an earlier import left it.
    pub async fn publish(&self, submission: &Submission, waiting: &dyn Fn(&str)) -> Result<Outcome, String> {
        let model = &submission.model;
        let path = format!("models/{}/{}", model.provider, model.name);
        match self.send(Method::PUT, &path, &json!({"displayName": model.display_name}), waiting).await {
            Ok(_) => {}
            // Somebody else has declared the model: our run belongs to it all the same.
            Err(refusal) if refusal.status == StatusCode::FORBIDDEN && refusal.code == "not_owner" => {}
            Err(refusal) => return Err(refusal.into()),
        }
        let opened = self.send(Method::POST, "runs", &submission.run, waiting).await?;
        let run: OpenedRun = serde_json::from_value(opened)
            .map_err(|error| format!("the server's answer about the run is not understood: {error}"))?;
        match run.status.as_str() {
            "open" => {}
            "published" if run.counts.as_ref() == Some(&submission.counts) => return Ok(Outcome::AlreadyThere),
            "published" => return Err(format!("run {} is published already, with other numbers", run.id)),
            status => return Err(format!("run {} is {status} on the server", run.id)),
        }
        self.send(Method::PUT, &format!("runs/{}/counts", run.id), &submission.counts, waiting).await?;
        self.send(Method::POST, &format!("runs/{}/publish", run.id), &json!({}), waiting).await?;
        Ok(Outcome::Published)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        waiting: &dyn Fn(&str),
    ) -> Result<Value, Refusal> {
        let url = self.base.join(path).map_err(|error| Refusal::ours(format!("{path}: {error}")))?;
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let request = self
                .client
                .request(method.clone(), url.clone())
                .header(header::AUTHORIZATION, &self.api_key)
                .json(body);
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
            waiting(&format!("waiting {} s: {}", pause.as_secs_f32().ceil(), refusal.reason));
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
            tries = tries.saturating_add(1);
        }
    }
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
    use serde_json::Map;
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::super::{Model, Run};
    use super::*;
    use crate::native::serve;

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
        tokio::spawn(async move { serve::accept(&listener, &app, &CancellationToken::new()).await });
        (Publisher::new(&url, "aib_test").unwrap(), asked)
    }

    fn submission() -> Submission {
        Submission {
            model: Model { provider: "p".to_owned(), name: "m".to_owned(), display_name: "M".to_owned() },
            run: Run {
                model: "p/m".to_owned(),
                benchmark: "b",
                version: "1",
                harness: "h",
                harness_version: "1".to_owned(),
                commit: "abc".to_owned(),
                dirty: false,
                command: "c".to_owned(),
                generation_config: Map::new(),
                evaluator_relationship: "third_party",
                started_at: "2025-01-01T00:00:00.000Z".to_owned(),
                external_id: "x".to_owned(),
            },
            counts: Counts { total: 2, correct_by_attempt: vec![1, 2], cost_usd: None, mean_latency_ms: Some(5.0) },
        }
    }

    #[tokio::test]
    async fn waits_when_asked_to_and_publishes_once() {
        let (publisher, asked) = server(vec![
            (429, Some("0"), json!({"code": "rate_limited"})),
            (200, None, json!({})),
            (503, Some("0"), Value::Null),
            (201, None, json!({"id": "r1", "status": "open"})),
            (200, None, json!({})),
            (200, None, json!({})),
        ])
        .await;
        assert_eq!(publisher.publish(&submission(), &|_| {}).await, Ok(Outcome::Published));
        let run = "POST /api/v1/runs";
        let model = "PUT /api/v1/models/p/m";
        let rest = ["PUT /api/v1/runs/r1/counts", "POST /api/v1/runs/r1/publish"];
        assert_eq!(*asked.lock().unwrap(), [model, model, run, run, rest[0], rest[1]]);
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
                vec![(403, None, not_owner), (201, None, json!({"id": "r", "status": "open"})), (422, None, errors)],
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
