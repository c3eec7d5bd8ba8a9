//! `aibaas check`: checks whether the file is intact, and whether the data keep the application's invariants.

use std::{path::PathBuf, process::ExitCode};

use aibaas_core::{
    operators::{Checked, Operator},
    store::migrations,
};
use clap::Args;

use super::{
    data_directory::{self, DataDirectory},
    database::ReadOnlyDatabase,
    database_file::failed,
    error::CliError,
    output::print_line,
    system_clock::{SystemClock, SystemEntropy},
};

/// What is looked at, and how that is told.
#[derive(Args, Debug)]
pub struct Options {
    /// A backup; without it, the database of the data directory, also while a server runs on it.
    file: Option<PathBuf>,
    /// Tell what was found as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataDirectory,
}

/// Checks everything as of one moment, and changes nothing. Returns exit code 1 where something is wrong.
///
/// # Errors
/// [`CliError`] when there is no database, or it cannot be read.
pub async fn run(options: Options) -> Result<ExitCode, CliError> {
    let file = options.file.unwrap_or_else(|| data_directory::database_file(&options.data.directory));
    if !file.exists() {
        return Err(CliError::failed(format!("there is no database {}", file.display())));
    }
    let database = ReadOnlyDatabase::open(&file).map_err(failed(&file))?;
    let mut checked = Checked::default();
    // Of some broken files SQLite cannot even report what is wrong.
    let integrity = database.hold().and_then(|()| database.integrity());
    checked.add("integrity", integrity.unwrap_or_else(|error| vec![error.to_string()]));
    if checked.violations.is_empty() {
        checked.add("foreign_keys", database.foreign_keys().map_err(failed(&file))?);
        let found = migrations::plan(&database).await.map_err(failed(&file))?;
        let pending = found.pending.iter().map(|migration| migration.name).collect::<Vec<_>>().join(", ");
        let is_ours = found.unknown.is_empty() && found.pending.is_empty();
        let unknown = (!found.unknown.is_empty()).then(|| migrations::newer(&found.unknown));
        let is_nothing = found.pending.len() == migrations::MIGRATIONS.len();
        let pending = (!found.pending.is_empty()).then(|| match is_nothing {
            // What a server has not brought into the file yet is in the log beside it.
            true => {
                "it holds no tables of aibaas; where it is a copy of aibaas.db alone, aibaas backup makes a whole one"
                    .to_owned()
            }
            false => format!("aibaas migrate has not run: {pending}"),
        });
        checked.add("schema", unknown.into_iter().chain(pending));
        if is_ours {
            let operator = Operator { database: &database, clock: &SystemClock, entropy: &SystemEntropy };
            operator.check_invariants(&mut checked).await?;
        }
    }
    let Checked { invariants, violations } = checked;
    if options.json {
        let told = serde_json::json!({ "file": file, "checked": invariants, "violations": violations });
        print_line(&told.to_string());
    } else {
        for violation in &violations {
            print_line(&format!("{}: {}", violation.invariant, violation.problem));
        }
        let (count, found) = (invariants.len(), violations.len());
        print_line(&format!("looked at {count} invariants of {}: {found} violations", file.display()));
    }
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
