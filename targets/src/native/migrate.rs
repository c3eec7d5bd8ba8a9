//! `aibaas migrate`: migrates the database to this program's schema, or shows what would be applied.

use std::{path::Path, process::ExitCode};

use aibaas_core::store::migrations::{self, MIGRATIONS, SchemaState};
use clap::Args;

use super::{
    data_directory::{self, DataDirectory},
    database::ReadOnlyDatabase,
    error::CliError,
    output::print_line,
};

/// Whether to do it, and where.
#[derive(Args, Debug)]
pub struct Options {
    /// Tell which migrations would be applied, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    data: DataDirectory,
}

/// Applies the migrations that have not run, as a start of the server does too.
///
/// # Errors
/// [`CliError`] when a newer release has migrated the database, or it cannot be opened or migrated.
pub async fn run(options: Options) -> Result<ExitCode, CliError> {
    let directory = &options.data.directory;
    data_directory::check(directory)?;
    let planned = plan(&data_directory::database_file(directory)).await?;
    if !planned.unknown.is_empty() {
        return Err(CliError::failed(migrations::newer(&planned.unknown)));
    }
    if !options.dry_run && !planned.pending.is_empty() {
        data_directory::create(directory)?;
        data_directory::close(data_directory::open(directory).await?).await;
    }
    let verb = if options.dry_run { "would apply" } else { "applied" };
    for migration in &planned.pending {
        print_line(&format!("{verb} {}", migration.name));
    }
    if planned.pending.is_empty() {
        print_line(&format!("nothing to apply: the schema is that of {}", migrations::schema()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn plan(file: &Path) -> Result<SchemaState, CliError> {
    if !file.exists() {
        return Ok(SchemaState { pending: MIGRATIONS.to_vec(), unknown: Vec::new() });
    }
    let database = ReadOnlyDatabase::open(file).map_err(|error| CliError::failed(error.to_string()))?;
    migrations::plan(&database).await.map_err(|error| CliError::failed(format!("{}: {error}", file.display())))
}
