//! `aibaas import`: takes over what stands in other systems' files.

mod dump;
mod leaderboard;
mod users;

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;

use super::cli::Failure;

/// What to import.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// Publish the polyglot leaderboard of Aider, polyglot_leaderboard.yml, through the API.
    Aider {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        target: leaderboard::Target,
    },
    /// Publish EvalPerf's results task by task, evalperf_per_task.csv, through the API.
    Evalperf {
        #[command(flatten)]
        options: leaderboard::evalperf::Options,
        #[command(flatten)]
        target: leaderboard::Target,
    },
    /// Publish logs of Inspect AI, .json or .eval, through the API.
    Inspect {
        #[command(flatten)]
        options: leaderboard::inspect::Options,
        #[command(flatten)]
        target: leaderboard::Target,
    },
    /// Publish results of lm-evaluation-harness, with their samples, through the API.
    LmEval {
        #[command(flatten)]
        options: leaderboard::lm_eval::Options,
        #[command(flatten)]
        target: leaderboard::Target,
    },
    /// Load a copy of another instance's public data, which `aibaas export` made, into the native server's database.
    Dump(dump::Options),
    /// Take over the accounts of the old backend, with their passwords, into the native server's database, which may
    /// serve meanwhile, or as SQL for `wrangler d1 execute`.
    Users(users::Options),
}

/// Imports it. The exit code is 0 when every row is in or was impossible, 1 when something failed.
///
/// # Errors
/// [`Failure`] when the file cannot be read, or the import stops before its end.
pub async fn import(source: Source) -> Result<ExitCode, Failure> {
    match source {
        Source::Aider { file, target } => leaderboard::import_aider(&file, &target).await,
        Source::Evalperf { options, target } => leaderboard::import_evalperf(&options, &target).await,
        Source::Inspect { options, target } => leaderboard::import_inspect(&options, &target).await,
        Source::LmEval { options, target } => leaderboard::import_lm_eval(&options, &target).await,
        Source::Dump(options) => dump::import(options).await,
        Source::Users(options) => users::import(options).await,
    }
}
