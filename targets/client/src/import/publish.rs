//! Publication of a plan.

use std::{collections::BTreeMap, process::ExitCode};

use aibaas_core::domain::SealId;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    options::Target,
    plan::Plan,
    publisher::{Outcome, Publisher},
    summary::{Done, Left, Summary},
};
use crate::{error::CliError, output::print_line};

/// Reason for a run that the server knows by another declaration.
const OTHERWISE: &str = "a run of this external id is there, declared otherwise (another name of the model, or other settings); \
                         it stays as it is, and its numbers were not compared";

/// Publishes all of the plan, and prints the outcome. The exit code is that of [`Summary::exit_code`].
///
/// # Errors
/// [`CliError`] when the address or the key is malformed, or a seal is named for several runs.
pub async fn publish(mut plan: Plan, target: &Target) -> Result<ExitCode, CliError> {
    if let Some(seal) = &target.seal {
        name_seal(&mut plan, seal)?;
    }
    let summary = if target.dry_run {
        preview(&plan)
    } else {
        let api_key = target.api_key.as_deref().unwrap_or_default();
        publish_all(&plan, &Publisher::new(&target.url, api_key).map_err(CliError::usage)?).await
    };
    if target.json {
        print_line(&serde_json::to_string_pretty(&summary).map_err(CliError::new)?);
    } else {
        print_line(&summary.to_string());
    }
    Ok(ExitCode::from(summary.exit_code(target.strict)))
}

/// Adds the seal to the only run of the plan.
fn name_seal(plan: &mut Plan, seal: &SealId) -> Result<(), CliError> {
    let mut runs = plan.entries.iter_mut().filter_map(|entry| entry.submission.as_mut().ok());
    match (runs.next(), runs.next()) {
        (Some(only), None) => only.run.seal = Some(seal.clone()),
        _ => return Err(CliError::usage("--seal is of one run: import just that one")),
    }
    Ok(())
}

/// Reports what would be published, without asking the server.
fn preview(plan: &Plan) -> Summary {
    let mut summary = Summary { dry_run: true, not_mapped: plan.unmapped.clone(), ..Summary::default() };
    for entry in &plan.entries {
        match &entry.submission {
            Ok(submission) => summary.published.push(Done::new(&entry.name, submission, None, None)),
            Err(reason) => summary.refused.push(Left::new(&entry.name, reason)),
        }
    }
    summary
}

async fn publish_all(plan: &Plan, publisher: &Publisher) -> Summary {
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
            undeclared.insert((&benchmark.id, &benchmark.version), reason);
        }
    }

    let mut summary = Summary { not_mapped: plan.unmapped.clone(), ..Summary::default() };
    for entry in &plan.entries {
        report(&entry.name);
        match &entry.submission {
            Err(reason) => summary.refused.push(Left::new(&entry.name, reason)),
            Ok(submission) => {
                let version = (&submission.run.benchmark, &submission.run.version);
                let outcome = match undeclared.get(&version) {
                    Some(reason) => Err(reason.clone()),
                    None => publisher.publish(submission, &report).await,
                };
                let done = |run, note| Done::new(&entry.name, submission, run, note);
                match outcome {
                    Ok(Outcome::Published { run }) => summary.published.push(done(Some(run), None)),
                    Ok(Outcome::AlreadyThere { run }) => summary.already_there.push(done(Some(run), None)),
                    Ok(Outcome::DeclaredOtherwise) => summary.already_there.push(done(None, Some(OTHERWISE))),
                    Err(reason) => summary.failed.push(Left::new(&entry.name, &reason)),
                }
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    summary
}
