//! The client of the public API that every importer shares.

use std::time::Duration;

use http::{Method, StatusCode, header};
use reqwest::{Client, Url};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Benchmark, Submission};
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
        let base = Url::parse(&format!("{}/api/v1/", url.trim_end_matches('/'))).map_err(|error| format!("--url {url}: {error}"))?;
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
        let run = self.send(Method::POST, "runs", &submission.run, waiting).await?;
        let member = |name: &str| run.get(name).and_then(Value::as_str).ok_or_else(|| format!("the server's answer has no {name}"));
        if member("status")? == "published" {
            return Ok(Outcome::AlreadyThere);
        }
        let id = member("id")?;
        self.send(Method::PUT, &format!("runs/{id}/counts"), &submission.counts, waiting).await?;
        self.send(Method::POST, &format!("runs/{id}/publish"), &json!({}), waiting).await?;
        Ok(Outcome::Published)
    }

    async fn send(&self, method: Method, path: &str, body: &impl Serialize, waiting: &dyn Fn(&str)) -> Result<Value, Refusal> {
        let url = self.base.join(path).map_err(|error| Refusal::ours(format!("{path}: {error}")))?;
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let request = self.client.request(method.clone(), url.clone()).header(header::AUTHORIZATION, &self.api_key).json(body);
            let refusal = match request.send().await {
                Ok(response) => match understand(response).await {
                    Ok(answer) => return Ok(answer),
                    Err((refusal, asked)) => {
                        let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&refusal.status);
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
    let mut reason = format!("{} {} {}", status.as_u16(), text("code"), text("detail")).trim_end().to_owned();
    for error in body.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        reason.push_str(&format!("; {} {}", part("pointer"), part("detail")));
    }
    Err((Refusal { status, code: text("code"), reason }, asked))
}
