//! What the commands share that whoever owns the machine gives beside the server.

use std::path::Path;

use aibaas_core::{
    domain::account::Email,
    operators::{Operator, OperatorError},
};

use super::{
    data_directory,
    database::SqliteDatabase,
    error::CliError,
    system_clock::{SystemClock, SystemEntropy},
};

/// Opens the database of the directory, which must be there. A server may run on it meanwhile.
///
/// # Errors
/// [`CliError`] when it is not there, or cannot be opened.
pub async fn open(directory: &Path) -> Result<SqliteDatabase, CliError> {
    if !data_directory::database_file(directory).exists() {
        return Err(CliError::failed(format!("there is no database in {}", directory.display())));
    }
    data_directory::open(directory).await
}

/// Returns the operator who works on the database.
pub fn of(database: &SqliteDatabase) -> Operator<'_> {
    Operator { database, clock: &SystemClock, entropy: &SystemEntropy }
}

/// Reads an address from the command line.
///
/// # Errors
/// What is wrong with it.
pub fn address(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|refusal| refusal.detail)
}

impl From<OperatorError> for CliError {
    fn from(error: OperatorError) -> Self {
        Self::failed(error.to_string())
    }
}
