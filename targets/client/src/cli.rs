//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{error::CliError, export, import, output::warn, verify};

/// Publishes results to an instance of AIBaaS, and downloads its public data, through its API.
#[derive(Debug, Parser)]
#[command(name = "aibaas-client", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish another leaderboard's results, or an evaluation's, from files.
    #[command(subcommand)]
    Import(Box<import::Source>),
    /// Download the whole public data set of an instance, with checksums. Anyone may.
    Export(export::Options),
    /// Check that a board told the truth: that its log holds together, and that ranks follow from results. Anyone may.
    Verify(verify::Options),
}

/// Runs the program. Returns 0 when it did what was asked, 1 when that failed, 2 when the command line is wrong, 3 when
/// an import refused everything. `verify` returns 1 only where something is untrue.
#[must_use]
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    run(command).unwrap_or_else(|error| {
        warn(&format!("aibaas-client: {error}"));
        ExitCode::from(error.code())
    })
}

fn run(command: Command) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::new)?;
    runtime.block_on(async {
        match command {
            Command::Import(source) => import::import(*source).await,
            Command::Export(options) => export::export(options).await.map(|()| ExitCode::SUCCESS),
            Command::Verify(options) => Ok(verify::verify(options).await),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
