//! Publishes other systems' results through the public API.
//!
//! A file a source turns documents into a [`Plan`]; what is done with it is the same for all. Every run carries
//! the name it has at its source, so an import that was interrupted or repeated publishes nothing twice.

pub mod evalperf;
pub mod inspect;
pub mod lm_eval;

mod aider;
#[cfg(test)]
mod fuzz;
mod names;
mod publisher;
mod source;

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::publisher::{Outcome, Publisher};
use crate::native::cli::{Failure, say};

/// Attempts at one task that the API takes.
const MOST_ATTEMPTS: u32 = 10;

/// Where the results go.
#[derive(Args, Debug)]
pub struct Target {
    /// Base URL of the API.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    url: String,
    /// API key with the scopes models:write and results:write.
    #[arg(long, env = "AIBAAS_API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: String,
}

/// What evaluation logs leave open.
#[derive(Args, Debug)]
pub struct Provenance {
    /// Commit of the code that was run, instead of the one that the file tells.
    #[arg(long)]
    commit: Option<String>,
    /// Who ran the evaluation, seen from the model's vendor.
    #[arg(long, value_enum, default_value = "third-party")]
    evaluator: Relationship,
    /// Declare the metric `score` where every score is 0 or 1 too, as for a benchmark that also gives partial ones.
    #[arg(long)]
    graded: bool,
    /// Publish what is there of an evaluation that did not cover its data set, as a benchmark version of its own.
    #[arg(long)]
    accept_incomplete: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Relationship {
    FirstParty,
    #[default]
    ThirdParty,
    SelfReported,
}

/// What documents come to.
#[derive(Debug, Default)]
struct Plan {
    benchmarks: Vec<Benchmark>,
    entries: Vec<Entry>,
    /// What stands in the documents and has no place in the API, or comes over changed, and why.
    unmapped: Vec<String>,
}

/// A benchmark version, and the body that declares it.
#[derive(Debug)]
struct Benchmark {
    id: String,
    version: String,
    body: Value,
}

/// What becomes one run: a row of a table, a log.
#[derive(Debug)]
struct Entry {
    /// What the document calls it, and where it stands.
    name: String,
    /// What to publish, or why that would be wrong.
    submission: Result<Submission, String>,
}

/// One model's run.
#[derive(Debug)]
struct Submission {
    model: Model,
    run: Run,
    evidence: Evidence,
}

#[derive(Debug)]
struct Model {
    provider: String,
    name: String,
    display_name: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    model: String,
    benchmark: String,
    version: String,
    harness: String,
    harness_version: String,
    commit: String,
    dirty: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    generation_config: Map<String, Value>,
    evaluator_relationship: Relationship,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<String>,
    /// The run's name at its source.
    external_id: String,
}

/// What a run's score rests on.
#[derive(Clone, Debug, PartialEq)]
enum Evidence {
    Counts(Counts),
    Results(Vec<TaskResult>),
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    total: u32,
    correct_by_attempt: Vec<u32>,
    cost_usd: Option<f64>,
    mean_latency_ms: Option<f64>,
}

/// One attempt at one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskResult {
    task: String,
    attempt: u32,
    status: Status,
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correct: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Failed,
    Timeout,
    Error,
}

impl Status {
    /// Of an attempt that came to its end.
    fn of(score: f64) -> Self {
        if score > 0.0 { Self::Success } else { Self::Failed }
    }
}

impl TaskResult {
    fn scored(task: String, attempt: u32, score: f64) -> Self {
        Self {
            task,
            attempt,
            status: Status::of(score),
            score,
            samples: None,
            correct: None,
            latency_ms: None,
            input_tokens: None,
            output_tokens: None,
            cost_usd: None,
        }
    }
}

/// Reads Aider's polyglot leaderboard and publishes it. The exit code is 0 when every row is published or was impossible, 1 when
/// something failed.
///
/// # Errors
/// [`Failure`] when the file cannot be read or the benchmark not declared.
pub async fn import_aider(file: &Path, target: &Target) -> Result<ExitCode, Failure> {
    let document = read(file).await?;
    let document = String::from_utf8(document).map_err(|error| refused(file, error))?;
    let plan = aider::plan(&document).map_err(|error| refused(file, error))?;
    carry_out(&plan, target).await
}

/// Reads EvalPerf's results and publishes them; the rest as [`import_aider`].
///
/// # Errors
/// [`Failure`] when the file cannot be read or the benchmark not declared.
pub async fn import_evalperf(options: &evalperf::Options, target: &Target) -> Result<ExitCode, Failure> {
    let document = read(&options.file).await?;
    let plan = evalperf::plan(&document, options).map_err(|error| refused(&options.file, error))?;
    carry_out(&plan, target).await
}

/// Reads logs of Inspect and publishes them; a log that cannot be read is refused and spares the others.
///
/// # Errors
/// [`Failure`] when a file cannot be read, or no benchmark declared.
pub async fn import_inspect(options: &inspect::Options, target: &Target) -> Result<ExitCode, Failure> {
    let mut logs = Vec::new();
    for file in &options.files {
        logs.push((file.display().to_string(), inspect::Log::read(&read(file).await?, options)));
    }
    carry_out(&inspect::plan(logs, options), target).await
}

/// Reads results of lm-evaluation-harness and publishes them, a run a task; the rest as [`import_aider`].
///
/// # Errors
/// [`Failure`] when a file cannot be read, or no benchmark declared.
pub async fn import_lm_eval(options: &lm_eval::Options, target: &Target) -> Result<ExitCode, Failure> {
    let results = read(&options.file).await?;
    let mut samples = Vec::new();
    for file in &options.samples {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        samples.push((name, read(file).await?));
    }
    let plan = lm_eval::plan(&results, &samples, options).map_err(|error| refused(&options.file, error))?;
    carry_out(&plan, target).await
}

/// The file, without the byte order mark that an editor may have put before it.
async fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = tokio::fs::read(file).await;
    let mut bytes = read.map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?;
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(.."\u{feff}".len());
    }
    Ok(bytes)
}

fn refused(file: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("{}: {error}", file.display()))
}

async fn carry_out(plan: &Plan, target: &Target) -> Result<ExitCode, Failure> {
    let publisher = Publisher::new(&target.url, &target.api_key).map_err(Failure::failed)?;
    let summary = publish(plan, &publisher).await?;
    say(&summary.to_string());
    Ok(ExitCode::from(u8::from(!summary.failed.is_empty())))
}

async fn publish(plan: &Plan, publisher: &Publisher) -> Result<Summary, Failure> {
    let progress = ProgressBar::new(u64::try_from(plan.entries.len()).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        progress.set_style(style);
    }
    let tell = |text: &str| progress.set_message(text.to_owned());
    let mut undeclared = BTreeMap::new();
    for benchmark in &plan.benchmarks {
        tell(&format!("{} {}", benchmark.id, benchmark.version));
        if let Err(reason) = publisher.declare_benchmark(benchmark, &tell).await {
            let reason = format!("the benchmark could not be declared: {reason}");
            undeclared.insert((benchmark.id.as_str(), benchmark.version.as_str()), reason);
        }
    }
    if undeclared.len() == plan.benchmarks.len()
        && let Some(reason) = undeclared.values().next().cloned()
    {
        progress.finish_and_clear();
        return Err(Failure::failed(reason));
    }

    let mut summary = Summary { unmapped: plan.unmapped.clone(), ..Summary::default() };
    for entry in &plan.entries {
        tell(&entry.name);
        match &entry.submission {
            Err(reason) => summary.refused.push(entry.because(reason)),
            Ok(submission) => {
                let version = (submission.run.benchmark.as_str(), submission.run.version.as_str());
                let outcome = match undeclared.get(&version) {
                    Some(reason) => Err(reason.clone()),
                    None => publisher.publish(submission, &tell).await,
                };
                match outcome {
                    Ok(Outcome::Published) => summary.published = summary.published.saturating_add(1),
                    Ok(Outcome::AlreadyThere) => summary.already_there = summary.already_there.saturating_add(1),
                    Err(reason) => summary.failed.push(entry.because(&reason)),
                }
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(summary)
}

impl Entry {
    fn because(&self, reason: &str) -> String {
        format!("{}: {reason}", self.name)
    }
}

#[derive(Debug, Default)]
struct Summary {
    published: usize,
    already_there: usize,
    refused: Vec<String>,
    failed: Vec<String>,
    unmapped: Vec<String>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "published {}, already there {}, refused {}, failed {}",
            self.published,
            self.already_there,
            self.refused.len(),
            self.failed.len()
        )?;
        for (what, rows) in [("refused", &self.refused), ("failed", &self.failed), ("not mapped", &self.unmapped)] {
            rows.iter().try_for_each(|row| write!(f, "\n{what}: {row}"))?;
        }
        Ok(())
    }
}
