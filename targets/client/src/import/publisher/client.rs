//! The client of the API that all importers share.

use std::time::Duration;

use aibaas_core::wire::{BenchmarkVersionPut, ModelPut};
use http::{Method, StatusCode, header};
use reqwest::{Client, Response, Url};
use serde_json::{Value, json};

use super::{
    opened_run::OpenedRun,
    payload::{Payload, uploads},
};
use crate::{
    api::{ApiError, Problem, ProblemError, client_builder, retry_after, with_retries},
    import::plan::{Benchmark, Evidence, Submission},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Outcome of a submission that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Published {
        run: String,
    },
    AlreadyThere {
        run: String,
    },
    /// There is a run of its external id that another request opened.
    DeclaredOtherwise,
}

/// Client that publishes through the API. Every request may be sent again: none has an effect twice.
pub struct Publisher {
    client: Client,
    base: Url,
    api_key: header::HeaderValue,
}

impl Publisher {
    /// Creates a client of the API at this address, with this key.
    ///
    /// # Errors
    /// A text that says what is wrong with the address or the key.
    pub fn new(url: &str, api_key: &str) -> Result<Self, String> {
        let base = Url::parse(&format!("{}/api/v1/", url.trim_end_matches('/')))
            .map_err(|error| format!("--url {url}: {error}"))?;
        let mut api_key = header::HeaderValue::from_str(&format!("Bearer {api_key}"))
            .map_err(|_| "the API key holds characters that no key has".to_owned())?;
        api_key.set_sensitive(true);
        let client = client_builder().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
        Ok(Self { client, base, api_key })
    }

    /// Declares the benchmark version; an existing one with the same content stays.
    ///
    /// # Errors
    /// A text that says why it is not declared.
    pub async fn declare_benchmark(&self, benchmark: &Benchmark, report: &dyn Fn(&str)) -> Result<(), String> {
        let Benchmark { id, version, body } = benchmark;
        let path = format!("benchmarks/{id}/versions/{version}");
        let mut declared = self.send(Method::PUT, &path, Some(Payload::json(body)?), report).await;
        // The version that it scores anew may not exist, now or when this one was declared.
        let is_alone = |error: &ApiError| error.points_at(&["/otherScoringOf"]) || error.code == "version_in_use";
        if body.other_scoring_of.is_some() && declared.as_ref().is_err_and(is_alone) {
            let alone = BenchmarkVersionPut { other_scoring_of: None, ..body.clone() };
            declared = self.send(Method::PUT, &path, Some(Payload::json(&alone)?), report).await;
        }
        match declared {
            Ok(_) => Ok(()),
            Err(error) if error.code == "version_in_use" => Err(format!(
                "version {version} of {id} is there with another definition (tasks, scorer, metric, attempts or texts), \
                 and with runs, so it never changes; name another version with --benchmark-version ({})",
                error.reason
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Publishes one run, continuing from wherever an earlier import left it.
    ///
    /// # Errors
    /// A text that says why it is not published.
    pub async fn publish(&self, submission: &Submission, report: &dyn Fn(&str)) -> Result<Outcome, String> {
        let Some(run) = self.open(submission, report).await? else { return Ok(Outcome::DeclaredOtherwise) };
        match run.status.as_str() {
            "open" => {}
            "published" if run.has(&submission.evidence) => return Ok(Outcome::AlreadyThere { run: run.id }),
            "published" => return Err(format!("run {} is published already, with other numbers", run.id)),
            status => return Err(format!("run {} is {status} on the server", run.id)),
        }
        match &submission.evidence {
            Evidence::Counts(counts) => {
                self.send(Method::PUT, &format!("runs/{}/counts", run.id), Some(Payload::json(counts)?), report)
                    .await?;
            }
            Evidence::Score(score) => {
                self.send(Method::PUT, &format!("runs/{}/score", run.id), Some(Payload::json(score)?), report).await?;
            }
            Evidence::Results(results) => {
                let uploads = uploads(results)?;
                let path = format!("runs/{}/results", run.id);
                let whole = uploads.len();
                for (index, lines) in uploads.into_iter().enumerate() {
                    report(&format!("{}: upload {} of {whole}", submission.run.model, index.saturating_add(1)));
                    self.send(Method::POST, &path, Some(Payload::lines(lines)), report).await?;
                }
            }
        }
        self.send(Method::POST, &format!("runs/{}/publish", run.id), Some(Payload::json(&json!({}))?), report).await?;
        Ok(Outcome::Published { run: run.id })
    }

    /// Opens the run, or finds it; returns `None` where another request opened the run of its external id. The model is
    /// declared only where a new run needs it: a run that exists under another name must not leave a model without runs
    /// behind.
    async fn open(&self, submission: &Submission, report: &dyn Fn(&str)) -> Result<Option<OpenedRun>, String> {
        let body = &submission.run;
        let mut opened = self.send(Method::POST, "runs", Some(Payload::json(body)?), report).await;
        if opened.as_ref().is_err_and(|error| error.points_at(&["/model"])) {
            self.declare_model(submission, report).await?;
            opened = self.send(Method::POST, "runs", Some(Payload::json(body)?), report).await;
        }
        match opened {
            Ok(run) => serde_json::from_value(run)
                .map(Some)
                .map_err(|error| format!("the server's answer about the run is not understood: {error}")),
            Err(error) if error.code == "external_id_conflict" => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn declare_model(&self, submission: &Submission, report: &dyn Fn(&str)) -> Result<(), String> {
        let model = &submission.model;
        let path = format!("models/{}/{}", model.provider, model.name);
        let body = Payload::json(&ModelPut::named(model.display_name.as_str()))?;
        match self.send(Method::PUT, &path, Some(body), report).await {
            Ok(_) => Ok(()),
            // Another client was faster: our run belongs to the model all the same.
            Err(error) if error.code == "not_owner" => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Payload>,
        report: &dyn Fn(&str),
    ) -> Result<Value, ApiError> {
        let url = self.base.join(path).map_err(|error| ApiError::unsent(format!("{path}: {error}")))?;
        with_retries(report, || async {
            let mut request =
                self.client.request(method.clone(), url.clone()).header(header::AUTHORIZATION, &self.api_key);
            if let Some(Payload { media_type, bytes }) = &body {
                request = request.header(header::CONTENT_TYPE, *media_type).body(bytes.clone());
            }
            answer_of(request.send().await.map_err(ApiError::unanswered)?).await
        })
        .await
    }
}

/// Returns the body of a success, or the problem (RFC 9457) as an error.
async fn answer_of(response: Response) -> Result<Value, ApiError> {
    let status = response.status();
    let asked = retry_after(response.headers());
    let body = response.bytes().await.unwrap_or_default();
    if status.is_success() {
        return Ok(serde_json::from_slice(&body).unwrap_or(Value::Null));
    }
    let Problem { code, detail, errors } = Problem::read(&body);
    let mut reason = match &code {
        Some(code) => format!("{} {code}: {}", status.as_u16(), detail.unwrap_or_default()),
        None => status.to_string(),
    };
    let mut pointers = Vec::new();
    for ProblemError { pointer, detail } in errors {
        reason.push_str(&format!("; {pointer} {detail}"));
        pointers.push(pointer);
    }
    let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    let retry_after = later.then_some(asked);
    Err(ApiError { status: Some(status), code: code.unwrap_or_default(), pointers, reason, retry_after })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aibaas_core::{
        domain::measure::Metric,
        wire::{CountsPut, GivenScorePut, ResultInput, RunCreate},
    };

    use super::*;
    use crate::{
        import::plan::Model,
        test_server::{self, Received},
    };

    /// Starts a server that gives these answers, one after another. Returns a publisher to it, and the requests that it
    /// receives.
    async fn server(answers: Vec<(u16, Option<&'static str>, Value)>) -> (Publisher, Arc<Mutex<Vec<Received>>>) {
        let answer = |(status, retry_after, body): (u16, Option<&'static str>, Value)| {
            (status, retry_after.map(|seconds| ("retry-after", seconds)).into_iter().collect(), body.to_string())
        };
        let (url, received) = test_server::start(answers.into_iter().map(answer).collect()).await;
        (Publisher::new(&url, "aib_test").unwrap(), received)
    }

    /// Returns method and path of each request, after checking that all of them had the key.
    fn asked(received: &Mutex<Vec<Received>>) -> Vec<String> {
        let received = received.lock().unwrap();
        assert!(received.iter().all(|request| request.headers["authorization"] == "Bearer aib_test"));
        received.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    fn published() -> Outcome {
        Outcome::Published { run: "r1".to_owned() }
    }

    fn submission() -> Submission {
        Submission {
            model: Model { provider: "p".to_owned(), name: "m".to_owned(), display_name: "M".to_owned() },
            run: RunCreate {
                external_id: Some("x".to_owned()),
                ..RunCreate::new("p/m".into(), "b".into(), "1".into(), "h", "1")
            },
            evidence: Evidence::Counts(CountsPut {
                total: 2,
                correct_by_attempt: vec![1, 2],
                cost_usd: None,
                mean_latency_ms: Some(5.0),
            }),
        }
    }

    #[tokio::test]
    async fn waits_when_asked_to_and_publishes_once() {
        let (publisher, received) = server(vec![
            (429, Some("0"), json!({"code": "rate_limited"})),
            (422, None, json!({"code": "validation_failed", "errors": [{"pointer": "/model"}]})),
            (201, None, json!({})),
            (503, Some("0"), Value::Null),
            (201, None, json!({"id": "r1", "status": "open"})),
            (200, None, json!({})),
            (200, None, json!({})),
        ])
        .await;
        assert_eq!(publisher.publish(&submission(), &|_| {}).await, Ok(published()));
        let run = "POST /api/v1/runs";
        let model = "PUT /api/v1/models/p/m";
        let rest = ["PUT /api/v1/runs/r1/counts", "POST /api/v1/runs/r1/publish"];
        assert_eq!(asked(&received), [run, run, model, run, run, rest[0], rest[1]]);
    }

    #[tokio::test]
    async fn a_score_is_given_and_known_again() {
        let given = GivenScorePut::of(12.5, Some(0.5));
        let submission = || Submission { evidence: Evidence::Score(given.clone()), ..submission() };
        let (publisher, received) = server(vec![
            (201, None, json!({"id": "r1", "status": "open"})),
            (200, None, json!({})),
            (200, None, json!({})),
        ])
        .await;
        assert_eq!(publisher.publish(&submission(), &|_| {}).await, Ok(published()));
        assert_eq!(asked(&received)[1..], ["PUT /api/v1/runs/r1/score", "POST /api/v1/runs/r1/publish"]);
        let score = json!({"score": 12.5, "standardError": 0.5, "interval": null, "tasks": null, "costUsd": null});
        let (publisher, _) =
            server(vec![(200, None, json!({"id": "r1", "status": "published", "score": score}))]).await;
        assert_eq!(publisher.publish(&submission(), &|_| {}).await, Ok(Outcome::AlreadyThere { run: "r1".to_owned() }));
    }

    #[tokio::test]
    async fn results_are_uploaded_in_pieces() {
        let (publisher, received) = server(vec![
            (201, None, json!({"id": "r1", "status": "open"})),
            (200, None, json!({"accepted": 1000})),
            (200, None, json!({"accepted": 0, "repeated": 200})),
            (200, None, json!({})),
        ])
        .await;
        let results = (0..1200).map(|task| ResultInput::finished(format!("t{task}"), 1, 1.0));
        let submission = Submission { evidence: Evidence::Results(results.collect()), ..submission() };
        assert_eq!(publisher.publish(&submission, &|_| {}).await, Ok(published()));
        let upload = "POST /api/v1/runs/r1/results";
        assert_eq!(asked(&received)[1..], [upload, upload, "POST /api/v1/runs/r1/publish"]);
    }

    fn benchmark() -> Benchmark {
        let body = BenchmarkVersionPut::of_results("B", Metric::PassRate);
        Benchmark { id: "b".into(), version: "2".into(), body }
    }

    #[tokio::test]
    async fn a_second_scoring_of_nothing_is_declared_alone() {
        let missing = json!({"code": "validation_failed", "errors": [{"pointer": "/otherScoringOf"}]});
        let (publisher, received) = server(vec![(422, None, missing), (201, None, json!({}))]).await;
        let mut benchmark = benchmark();
        benchmark.body.other_scoring_of = Some("1".into());
        assert_eq!(publisher.declare_benchmark(&benchmark, &|_| {}).await, Ok(()));
        let alone = json!({"title": "B", "metric": "pass_rate"});
        let related = json!({"title": "B", "metric": "pass_rate", "otherScoringOf": "1"});
        let sent = received.lock().unwrap().iter().map(|request| request.json()).collect::<Vec<_>>();
        assert_eq!(sent, [related, alone]);
    }

    #[tokio::test]
    async fn a_version_with_another_definition_is_told() {
        let in_use = json!({"code": "version_in_use", "detail": "Declare another version."});
        let (publisher, _) = server(vec![(409, None, in_use)]).await;
        let benchmark = benchmark();
        let reason = publisher.declare_benchmark(&benchmark, &|_| {}).await.unwrap_err();
        assert!(reason.starts_with("version 2 of b is there with another definition"), "{reason}");
        assert!(reason.contains("--benchmark-version"), "{reason}");
    }

    #[tokio::test]
    async fn leaves_alone_what_is_published() {
        let counts = json!({"total": 2, "correctByAttempt": [1, 2], "costUsd": null, "meanLatencyMs": 5});
        let published = json!({"id": "r1", "status": "published", "counts": counts});
        let (publisher, received) = server(vec![(200, None, published)]).await;
        assert_eq!(publisher.publish(&submission(), &|_| {}).await, Ok(Outcome::AlreadyThere { run: "r1".to_owned() }));
        assert_eq!(asked(&received).len(), 1);
    }

    #[tokio::test]
    async fn a_run_that_is_there_under_another_name_is_the_same() {
        let conflict = json!({"code": "external_id_conflict", "detail": "Opened with another request."});
        let (publisher, received) = server(vec![(409, None, conflict)]).await;
        assert_eq!(publisher.publish(&submission(), &|_| {}).await, Ok(Outcome::DeclaredOtherwise));
        assert_eq!(asked(&received), ["POST /api/v1/runs"], "no model is declared that gets no run");
    }

    #[tokio::test]
    async fn says_why_it_failed() {
        let errors = json!({"code": "validation_failed", "detail": "Invalid.", "errors": [{"pointer": "/total", "detail": "must be 225"}]});
        let not_owner = json!({"code": "not_owner", "detail": "Not yours."});
        for (answers, reason) in [
            (
                vec![
                    (422, None, json!({"code": "validation_failed", "errors": [{"pointer": "/model"}]})),
                    (403, None, not_owner),
                    (201, None, json!({"id": "r", "status": "open"})),
                    (422, None, errors),
                ],
                "422 validation_failed: Invalid.; /total must be 225",
            ),
            (vec![(429, Some("3600"), json!({"code": "rate_limited", "detail": "Slow."}))], "429 rate_limited: Slow."),
            (vec![(502, None, Value::Null)], "502 Bad Gateway"),
            (vec![(201, None, json!({}))], "the server's answer about the run is not understood: missing field `id`"),
            (
                vec![(200, None, json!({"id": "r", "status": "published", "counts": null}))],
                "run r is published already, with other numbers",
            ),
            (vec![(200, None, json!({"id": "r", "status": "withdrawn"}))], "run r is withdrawn on the server"),
        ] {
            let (publisher, _) = server(answers).await;
            assert_eq!(publisher.publish(&submission(), &|_| {}).await, Err(reason.to_owned()));
        }
    }
}
