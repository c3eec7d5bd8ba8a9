//! The kinds of sources that can be imported.

use std::process::ExitCode;

use clap::Subcommand;

use super::{dataset, users};
use crate::native::error::CliError;

/// What to import.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// Load a copy of another instance's public data, which `aibaas-client export` made, into the native server's
    /// database.
    Dataset(dataset::Options),
    /// Take over the accounts of the old backend, with their passwords, into the native server's database, which may
    /// serve meanwhile, or as SQL for `wrangler d1 execute`.
    Users(users::Options),
}

/// Imports from the source.
///
/// # Errors
/// [`CliError`] when a file cannot be read, or the import stops before its end.
pub async fn import(source: Source) -> Result<ExitCode, CliError> {
    match source {
        Source::Dataset(options) => dataset::import(options).await,
        Source::Users(options) => users::import(options).await,
    }
}
