//! The command line of `aibaas move`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use super::{move_in::move_in, move_out::move_out, passphrase::Passphrase, write_sql::write_sql};
use crate::native::{data_directory::DataDirectory, error::CliError};

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

/// What is sealed, and into which file.
#[derive(Args, Debug)]
pub struct OutOptions {
    /// The file that is made.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) passphrase: Passphrase,
    /// Another file than the native server's: a backup, or Spin's `.spin/sqlite_db.db`.
    #[arg(long, value_name = "FILE")]
    pub(super) database: Option<PathBuf>,
    #[command(flatten)]
    pub(super) data: DataDirectory,
}

/// What the database is made of, and where.
#[derive(Args, Debug)]
pub struct InOptions {
    /// A sealed file, or what `wrangler d1 export` wrote.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) passphrase: Passphrase,
    #[command(flatten)]
    pub(super) data: DataDirectory,
}

/// What is written as SQL, and into which file.
#[derive(Args, Debug)]
pub struct SqlOptions {
    /// A sealed file.
    pub(super) file: PathBuf,
    /// The file that is made.
    pub(super) sql: PathBuf,
    #[command(flatten)]
    pub(super) passphrase: Passphrase,
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
