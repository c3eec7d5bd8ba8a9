//! The command line.

use std::{process::ExitCode, time::Duration};

use clap::{CommandFactory as _, Parser, Subcommand};

use super::{
    admin, backup, check, doctor, error::CliError, health, import, keys, manual, migrate, moving, output::warn, serve,
};

/// Time limit for what still runs when the program ends.
const LAST: Duration = Duration::from_secs(1);

/// Identity, API keys and benchmark leaderboards over HTTP.
#[derive(Debug, Parser)]
#[command(
    name = "aibaas",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "aibaas-client publishes results and exports the public data set, over HTTP, on any host."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (what happens without a command, too). Configuration comes from environment variables;
    /// in development everything has a working default.
    Serve(serve::Options),
    /// Take over accounts, or another instance's public data, from files.
    #[command(
        subcommand,
        after_help = "Other systems' results are published through the API. aibaas-client import takes aider, evalperf,\n\
                      every-eval-ever, helm, inspect, live-code-bench, lm-eval, swe-bench and terminal-bench."
    )]
    Import(import::Source),
    /// Say who is an administrator. The native server may run meanwhile; on the other hosts, ADMIN_EMAILS does it.
    #[command(subcommand)]
    Admin(admin::Change),
    /// Make, list or revoke API keys. The native server may run meanwhile, and knows at once.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Bring the database to this release's schema, as a start of the server does, or tell what that would apply.
    Migrate(migrate::Options),
    /// Back the database up into one file. The native server may run meanwhile.
    Backup(backup::BackupOptions),
    /// Put a backup in the place of the database, which is kept aside. No server may run meanwhile.
    Restore(backup::RestoreOptions),
    /// Look whether the database, or a backup, is whole and consistent. The native server may run meanwhile.
    Check(check::Options),
    /// Take everything to another host, accounts too, in one sealed file.
    #[command(subcommand)]
    Move(moving::Command),
    /// Look whether a server would run well here, as it is configured. It may run meanwhile; nothing is sent or changed.
    Doctor(doctor::Options),
    /// Ask a server whether it is ready: 0 where it is. For supervisors and containers.
    Health(health::Options),
    /// Write what a shell needs to complete commands and options.
    Completions(manual::CompletionsOptions),
    /// Write the manual, in the form that man reads.
    Man(manual::ManOptions),
}

/// Runs the program. Returns 0 when it did what was asked, 1 when that failed, 2 when it was asked or configured
/// wrongly.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    run(cli).unwrap_or_else(|error| {
        warn(&format!("aibaas: {}", error.message()));
        error.exit_code()
    })
}

fn run(cli: Cli) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::failed(error.to_string()))?;
    let done = runtime.block_on(async {
        match cli.command {
            Some(Command::Import(source)) => import::import(source).await,
            Some(Command::Admin(change)) => admin::change(change).await,
            Some(Command::Keys(command)) => keys::run(command).await,
            Some(Command::Migrate(options)) => migrate::run(options).await,
            Some(Command::Backup(options)) => backup::backup(options).await,
            Some(Command::Restore(options)) => backup::restore(options).await,
            Some(Command::Check(options)) => check::run(options).await,
            Some(Command::Move(command)) => moving::run(command).await,
            Some(Command::Doctor(options)) => doctor::run(options).await,
            Some(Command::Health(options)) => health::run(options).await,
            Some(Command::Completions(options)) => Ok(manual::completions(Cli::command(), &options)),
            Some(Command::Man(options)) => manual::man(Cli::command(), &options),
            Some(Command::Serve(options)) => serve::serve(options).await,
            None => serve::serve(cli.serve).await,
        }
    });
    // A name server that does not answer must not hold up the end: what had to be done was waited for.
    runtime.shutdown_timeout(LAST);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_is_what_happens_without_a_command() {
        let bare = Cli::parse_from(["aibaas", "--listen", "127.0.0.1:0"]);
        assert!(bare.command.is_none());
        assert_eq!(bare.serve.listen.port(), 0);
        let named = Cli::parse_from(["aibaas", "serve", "--data-dir", "/srv/aibaas"]);
        assert!(matches!(named.command, Some(Command::Serve(options)) if options.data.directory == *"/srv/aibaas"));
    }
}
