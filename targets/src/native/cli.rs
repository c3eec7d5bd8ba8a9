//! The command line.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use super::{admin, export, import, keys, serve};

/// Identity, API keys and benchmark leaderboards over HTTP.
#[derive(Debug, Parser)]
#[command(name = "aibaas", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (what happens without a command, too). Configuration comes from environment variables;
    /// in development everything has a working default.
    Serve(ServeOptions),
    /// Take over accounts, or another leaderboard's results, from files.
    #[command(subcommand)]
    Import(import::Source),
    /// Download the whole public data set of an instance, with checksums. Anyone may.
    Export(export::Options),
    /// Say who is an administrator. The native server may run meanwhile; on the other hosts, ADMIN_EMAILS does it.
    #[command(subcommand)]
    Admin(admin::Change),
    /// Make, list or revoke API keys. The native server may run meanwhile, and knows at once.
    #[command(subcommand)]
    Keys(keys::Command),
}

/// Where the server listens and keeps its data.
#[derive(Args, Clone, Debug)]
pub struct ServeOptions {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, env = "AIBAAS_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub data: DataDirectory,
}

/// Where the native server keeps its data.
#[derive(Args, Clone, Debug)]
pub struct DataDirectory {
    /// Directory of the database.
    #[arg(
        id = "data_dir",
        long = "data-dir",
        env = "AIBAAS_DATA_DIR",
        value_name = "DIRECTORY",
        default_value = "./.aibaas"
    )]
    pub directory: PathBuf,
}

/// Runs the program: 0 when it did what was asked, 1 when that failed, 2 when it was asked or configured wrongly.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &error.to_string()),
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Some(Command::Import(source)) => import::import(source).await,
            Some(Command::Export(options)) => export::export(options).await,
            Some(Command::Admin(change)) => admin::change(change).await,
            Some(Command::Keys(command)) => keys::run(command).await,
            Some(Command::Serve(options)) => serve::serve(options).await,
            None => serve::serve(cli.serve).await,
        }
    });
    match outcome {
        Ok(code) => code,
        Err(Failure { code, message }) => fail(code, &message),
    }
}

/// Why the program ends before its work is done.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// It was asked for rightly, and did not work.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// It was configured wrongly.
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    complain(&format!("aibaas: {message}"));
    ExitCode::from(code)
}

/// A line on standard output. Nobody reading it is no reason to stop.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line on standard error, as [`say`].
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

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
