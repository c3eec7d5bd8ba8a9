//! The sources that can be imported, and how their files are read.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;

use super::{aider, evalperf, inspect, lm_eval, options::Target, publish::publish};
use crate::error::CliError;

/// What to import.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// Publish the polyglot leaderboard of Aider, polyglot_leaderboard.yml.
    Aider {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Publish EvalPerf's results task by task, evalperf_per_task.csv.
    Evalperf {
        #[command(flatten)]
        options: evalperf::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish logs of Inspect AI, .json or .eval.
    Inspect {
        #[command(flatten)]
        options: inspect::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish results of lm-evaluation-harness, with their samples.
    LmEval {
        #[command(flatten)]
        options: lm_eval::Options,
        #[command(flatten)]
        target: Target,
    },
}

/// Imports the source. The exit code is 0 when every row is published or was impossible, 1 when something failed.
///
/// # Errors
/// [`CliError`] when a file cannot be read, or no benchmark can be declared.
pub async fn import(source: Source) -> Result<ExitCode, CliError> {
    match source {
        Source::Aider { file, target } => import_aider(&file, &target).await,
        Source::Evalperf { options, target } => import_evalperf(&options, &target).await,
        Source::Inspect { options, target } => import_inspect(&options, &target).await,
        Source::LmEval { options, target } => import_lm_eval(&options, &target).await,
    }
}

async fn import_aider(file: &Path, target: &Target) -> Result<ExitCode, CliError> {
    let document = String::from_utf8(read(file).await?).map_err(|error| unreadable(file, error))?;
    let plan = aider::plan(&document).map_err(|error| unreadable(file, error))?;
    publish(&plan, target).await
}

async fn import_evalperf(options: &evalperf::Options, target: &Target) -> Result<ExitCode, CliError> {
    let document = read(&options.file).await?;
    let plan = evalperf::plan(&document, options).map_err(|error| unreadable(&options.file, error))?;
    publish(&plan, target).await
}

/// Imports logs of Inspect. A log that is not understood is refused, and the others are published.
async fn import_inspect(options: &inspect::Options, target: &Target) -> Result<ExitCode, CliError> {
    let mut logs = Vec::new();
    for file in &options.files {
        logs.push((file.display().to_string(), inspect::Log::read(&read(file).await?, options)));
    }
    publish(&inspect::plan(logs, options), target).await
}

async fn import_lm_eval(options: &lm_eval::Options, target: &Target) -> Result<ExitCode, CliError> {
    let results = read(&options.file).await?;
    let mut samples = Vec::new();
    for file in &options.samples {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        samples.push((name, read(file).await?));
    }
    let plan = lm_eval::plan(&results, &samples, options).map_err(|error| unreadable(&options.file, error))?;
    publish(&plan, target).await
}

/// Reads the file, without the byte order mark that an editor may have put before it.
async fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let read = tokio::fs::read(file).await;
    let mut bytes = read.map_err(|error| CliError::new(format!("cannot read {}: {error}", file.display())))?;
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(.."\u{feff}".len());
    }
    Ok(bytes)
}

fn unreadable(file: &Path, error: impl Display) -> CliError {
    CliError::new(format!("{}: {error}", file.display()))
}
