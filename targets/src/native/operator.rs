//! What the operator's commands beside the server have in common.

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

/// Opens the database of the directory, which must exist. A server may run on it meanwhile.
///
/// # Errors
/// [`CliError`] when it does not exist, or cannot be opened.
pub async fn open(directory: &Path) -> Result<SqliteDatabase, CliError> {
    if !data_directory::database_file(directory).exists() {
        return Err(CliError::failed(format!("there is no database in {}", directory.display())));
    }
    data_directory::open(directory).await
}

/// Returns the operator with this database and the system's clock and randomness.
pub fn of(database: &SqliteDatabase) -> Operator<'_> {
    Operator { database, clock: &SystemClock, entropy: &SystemEntropy }
}

/// Parses an address from the command line.
///
/// # Errors
/// A text that says what is wrong with it.
pub fn address(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|refusal| refusal.detail)
}

impl From<OperatorError> for CliError {
    fn from(error: OperatorError) -> Self {
        Self::failed(error.to_string())
    }
}
