//! Reading of uploaded results, and their validation.

use http::HeaderMap;
use utoipa::ToSchema;

use crate::{
    domain::{
        measure::{Measure, Metric},
        result_status::ResultStatus,
        statistics::weighted_score,
    },
    http::{
        problem::{ApiError, MALFORMED_REQUEST, Problem, UNSUPPORTED_MEDIA_TYPE},
        request::{FromBody, UPLOAD_LIMIT, Validator, media_type, parse_json, parse_object},
    },
    store::{results::TaskResult, runs::Run},
    wire::ResultInput,
};

const MOST_RESULTS: usize = 1000;
/// Largest number of samples or tokens of a result, so that the sums over a run stay exact.
const MOST_COUNTED: i64 = 1_000_000_000;
/// Largest latency, in milliseconds, and cost, in US dollars.
pub(super) const MOST_MEASURED: f64 = 1e9;

/// Results as a JSON array, or one a line.
#[derive(ToSchema)]
#[schema(min_items = 1, max_items = 1000)]
pub struct Body(Vec<ResultInput>);

impl Body {
    /// Checks the results and returns them as they are kept.
    ///
    /// # Errors
    /// `validation_failed`, with each mistake.
    pub fn check(self, run: &Run) -> Result<Vec<TaskResult>, ApiError> {
        let Self(results) = self;
        let mut validator = Validator::default();
        validator.require((1..=MOST_RESULTS).contains(&results.len()), "", "give 1 to 1000 results");
        let results = results.into_iter().enumerate().map(|(index, result)| result.scored(&mut validator, index, run));
        let results = results.collect();
        validator.finish()?;
        Ok(results)
    }
}

impl FromBody for Body {
    const LIMIT: usize = UPLOAD_LIMIT;

    fn accept(headers: &HeaderMap) -> Result<(), ApiError> {
        match media_type(headers).as_deref() {
            Some("application/json" | "application/x-ndjson") => Ok(()),
            _ => Err(ApiError::new(UNSUPPORTED_MEDIA_TYPE, "send application/json or application/x-ndjson")),
        }
    }

    fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        let is_array = media_type(headers).as_deref() == Some("application/json");
        if is_array { parse_json(body) } else { read_lines(body) }.map(Self)
    }
}

fn read_lines(body: &[u8]) -> Result<Vec<ResultInput>, ApiError> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let parsed = lines.enumerate().map(|(index, line)| {
        parse_object::<ResultInput>(line).map_err(|error| match error {
            ApiError::Problem(problem) => Problem::in_line(*problem, index.saturating_add(1)).into(),
            fault => fault,
        })
    });
    let results = parsed.collect::<Result<Vec<_>, _>>()?;
    if results.is_empty() { Err(ApiError::new(MALFORMED_REQUEST, "the body holds no line")) } else { Ok(results) }
}

impl ResultInput {
    /// Checks the result and returns it as it is kept, with its score computed where it is composite.
    fn scored(self, validator: &mut Validator, index: usize, run: &Run) -> TaskResult {
        let at = |member: &str| format!("/{index}/{member}");
        let score = match (&run.parts, &self.parts) {
            (None, None) => {
                validator.require(self.score.is_some(), &at("score"), "give the score");
                self.score
            }
            (None, Some(_)) => {
                validator.require(false, &at("parts"), "the benchmark version has no parts");
                None
            }
            (Some(parts), given) => {
                validator.require(self.score.is_none(), &at("score"), "it is computed from the parts");
                let given = given.clone().unwrap_or_default();
                validator.require(!given.is_empty(), &at("parts"), "give at least one part's score");
                for (id, score) in &given {
                    let pointer = at(&format!("parts/{}", id.replace('~', "~0").replace('/', "~1")));
                    let known = parts.iter().any(|part| part.id == *id);
                    validator.require(known, &pointer, "the benchmark version has no such part");
                    validator.require((0.0..=1.0).contains(score), &pointer, "give 0 to 1");
                }
                let weighted = parts.iter().filter_map(|part| Some((part.weight, *given.get(&part.id)?)));
                weighted_score(&weighted.collect::<Vec<_>>())
            }
        };
        // Samples are kept with their exact rate, so that equal ones rank alike; a score that contradicts it is refused
        // below.
        #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
        let rate = |samples: i64, correct: i64| correct as f64 / samples.max(1) as f64;
        let exact = self.samples.zip(self.correct).map(|(samples, correct)| rate(samples, correct));
        let exact = exact.filter(|exact| {
            run.measure.metric == Metric::PassRate && score.is_some_and(|score| (exact - score).abs() <= 1e-6)
        });
        let result = TaskResult {
            task: self.task,
            attempt: self.attempt,
            status: self.status,
            score: exact.or(score).or_else(|| run.measure.worst()).unwrap_or(0.0),
            parts: self.parts,
            samples: self.samples,
            correct: self.correct,
            latency_ms: self.latency_ms,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cost_usd: self.cost_usd,
        };
        check(&result, validator, index, &run.measure);
        result
    }
}

/// Refuses values that no attempt can have.
fn check(result: &TaskResult, validator: &mut Validator, index: usize, measure: &Measure) {
    let at = |member: &str| format!("/{index}/{member}");
    validator.require((1..=200).contains(&result.task.chars().count()), &at("task"), "give 1 to 200 characters");
    validator.require((1..=10).contains(&result.attempt), &at("attempt"), "give 1 to 10");
    if let Err(detail) = measure.bounds.check(result.score) {
        validator.require(false, &at("score"), &detail);
    }
    let finished = matches!(result.status, ResultStatus::Success | ResultStatus::Failed);
    if let Some(worst) = measure.worst().filter(|worst| !finished && result.score != *worst) {
        validator.require(false, &at("score"), &format!("what timed out or broke scores {worst}"));
    }
    for (member, number) in [
        ("samples", result.samples),
        ("correct", result.correct),
        ("inputTokens", result.input_tokens),
        ("outputTokens", result.output_tokens),
    ] {
        let possible = number.is_none_or(|number| (0..=MOST_COUNTED).contains(&number));
        validator.require(possible, &at(member), "give a whole number from 0 to 1000000000");
    }
    for (member, number) in [("latencyMs", result.latency_ms), ("costUsd", result.cost_usd)] {
        let possible = number.is_none_or(|number| (0.0..=MOST_MEASURED).contains(&number));
        validator.require(possible, &at(member), "give 0 to 1000000000");
    }
    match (result.samples, result.correct) {
        (None, None) => {
            let is_pass = result.score == 0.0 || result.score == 1.0;
            validator.require(
                measure.metric != Metric::PassRate || is_pass,
                &at("score"),
                "a task passes (1) or not (0); with several samples give samples and correct",
            );
        }
        (Some(samples), Some(correct)) => {
            validator.require(
                samples >= 1 && correct <= samples,
                &at("correct"),
                "at most all of at least one sample pass",
            );
            #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
            let rate = correct as f64 / samples.max(1) as f64;
            let agrees = measure.metric != Metric::PassRate || (rate - result.score).abs() <= 1e-6;
            validator.require(agrees, &at("score"), "the score of samples is correct / samples");
        }
        _ => validator.require(false, &at("samples"), "give both samples and correct, or neither"),
    }
}
