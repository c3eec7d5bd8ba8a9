//! The command line of `aibaas move`.

use std::process::ExitCode;

use clap::Subcommand;

use super::{
    move_in::move_in,
    move_out::move_out,
    options::{InOptions, OutOptions, SqlOptions},
    write_sql::write_sql,
};
use crate::native::error::CliError;

/// Which way.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Seal everything that a database holds into one file. A server may run meanwhile; what it writes later is not in it.
    Out(OutOptions),
    /// Make the native server's database of a sealed file, or of what `wrangler d1 export` wrote. There must be none yet.
    In(InOptions),
    /// Write a sealed file as SQL for `wrangler d1 execute DB --remote --file`. It holds hashes of passwords, in the clear.
    Sql(SqlOptions),
}

/// Runs the command.
///
/// # Errors
/// [`CliError`] that says why it failed; then nothing was made.
pub async fn run(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Out(options) => move_out(options).await?,
        Command::In(options) => move_in(options).await?,
        Command::Sql(options) => write_sql(options).await?,
    }
    Ok(ExitCode::SUCCESS)
}
