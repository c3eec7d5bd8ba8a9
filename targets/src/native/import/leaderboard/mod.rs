//! Publishes another leaderboard's results through the public API.
//!
//! A file a source turns a document into a [`Plan`]; what is done with it is the same for all. Every run carries
//! the name it has at its source, so an import that was interrupted or repeated publishes nothing twice.

mod aider;
mod publisher;

use std::{path::Path, process::ExitCode};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::publisher::{Outcome, Publisher};
use crate::native::cli::{Failure, say};

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

/// What a document comes to.
#[derive(Debug)]
struct Plan {
    benchmark: Benchmark,
    entries: Vec<Entry>,
}

/// A benchmark version, and the body that declares it.
#[derive(Debug)]
struct Benchmark {
    id: &'static str,
    version: &'static str,
    body: Value,
}

/// One row of the document.
#[derive(Debug)]
struct Entry {
    /// What the document calls it.
    name: String,
    /// Where it starts.
    line: usize,
    /// What to publish, or why that would be wrong.
    submission: Result<Submission, String>,
}

/// One model's run.
#[derive(Debug)]
struct Submission {
    model: Model,
    run: Run,
    counts: Counts,
}

#[derive(Debug)]
struct Model {
    provider: String,
    name: String,
    display_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    model: String,
    benchmark: &'static str,
    version: &'static str,
    harness: &'static str,
    harness_version: String,
    commit: String,
    dirty: bool,
    command: String,
    generation_config: Map<String, Value>,
    evaluator_relationship: &'static str,
    started_at: String,
    /// The run's name at its source.
    external_id: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    total: u32,
    correct_by_attempt: Vec<u32>,
    cost_usd: Option<f64>,
    mean_latency_ms: Option<f64>,
}

/// Reads Aider's polyglot leaderboard and publishes it. The exit code is 0 when every row is published or was impossible, 1 when
/// something failed.
///
/// # Errors
/// [`Failure`] when the file cannot be read or the benchmark not declared.
pub async fn import_aider(file: &Path, target: &Target) -> Result<ExitCode, Failure> {
    let document = tokio::fs::read_to_string(file)
        .await
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?;
    let plan = aider::plan(&document).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let publisher = Publisher::new(&target.url, &target.api_key).map_err(Failure::failed)?;
    let summary = publish(&plan, &publisher).await?;
    say(&summary.to_string());
    Ok(ExitCode::from(u8::from(!summary.failed.is_empty())))
}

async fn publish(plan: &Plan, publisher: &Publisher) -> Result<Summary, Failure> {
    let progress = ProgressBar::new(u64::try_from(plan.entries.len()).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        progress.set_style(style);
    }
    let waiting = |text: &str| progress.set_message(text.to_owned());
    publisher
        .declare_benchmark(&plan.benchmark, &waiting)
        .await
        .map_err(|reason| Failure::failed(format!("the benchmark could not be declared: {reason}")))?;

    let mut summary = Summary::default();
    for entry in &plan.entries {
        progress.set_message(entry.name.clone());
        match &entry.submission {
            Err(reason) => summary.refused.push(entry.because(reason)),
            Ok(submission) => match publisher.publish(submission, &waiting).await {
                Ok(Outcome::Published) => summary.published = summary.published.saturating_add(1),
                Ok(Outcome::AlreadyThere) => summary.already_there = summary.already_there.saturating_add(1),
                Err(reason) => summary.failed.push(entry.because(&reason)),
            },
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(summary)
}

impl Entry {
    fn because(&self, reason: &str) -> String {
        format!("{} (line {}): {reason}", self.name, self.line)
    }
}

#[derive(Debug, Default)]
struct Summary {
    published: usize,
    already_there: usize,
    refused: Vec<String>,
    failed: Vec<String>,
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
        for (what, rows) in [("refused", &self.refused), ("failed", &self.failed)] {
            rows.iter().try_for_each(|row| write!(f, "\n{what}: {row}"))?;
        }
        Ok(())
    }
}
