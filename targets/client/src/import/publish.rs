//! Publishes what an importer made of documents.

use std::{collections::BTreeMap, process::ExitCode};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    options::Target,
    plan::{Entry, Plan},
    publisher::{Outcome, Publisher},
};
use crate::{error::CliError, output::print_line};

/// Publishes all that the plan has, and prints what became of it. The exit code is 1 when something failed.
///
/// # Errors
/// [`CliError`] when no benchmark could be declared.
pub async fn publish(plan: &Plan, target: &Target) -> Result<ExitCode, CliError> {
    let publisher = Publisher::new(&target.url, &target.api_key).map_err(CliError::new)?;
    let summary = publish_all(plan, &publisher).await?;
    print_line(&summary.to_string());
    Ok(ExitCode::from(u8::from(!summary.failed.is_empty())))
}

async fn publish_all(plan: &Plan, publisher: &Publisher) -> Result<Summary, CliError> {
    let progress = ProgressBar::new(u64::try_from(plan.entries.len()).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        progress.set_style(style);
    }
    let report = |text: &str| progress.set_message(text.to_owned());
    let mut undeclared = BTreeMap::new();
    for benchmark in &plan.benchmarks {
        report(&format!("{} {}", benchmark.id, benchmark.version));
        if let Err(reason) = publisher.declare_benchmark(benchmark, &report).await {
            let reason = format!("the benchmark could not be declared: {reason}");
            undeclared.insert((benchmark.id.as_str(), benchmark.version.as_str()), reason);
        }
    }
    if undeclared.len() == plan.benchmarks.len()
        && let Some(reason) = undeclared.values().next().cloned()
    {
        progress.finish_and_clear();
        return Err(CliError::new(reason));
    }

    let mut summary = Summary { unmapped: plan.unmapped.clone(), ..Summary::default() };
    for entry in &plan.entries {
        report(&entry.name);
        match &entry.submission {
            Err(reason) => summary.refused.push(entry.because(reason)),
            Ok(submission) => {
                let version = (submission.run.benchmark.as_str(), submission.run.version.as_str());
                let outcome = match undeclared.get(&version) {
                    Some(reason) => Err(reason.clone()),
                    None => publisher.publish(submission, &report).await,
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

/// What became of a plan.
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
