//! What the commands share that whoever owns the machine gives beside the server.

use std::{fmt::Display, path::Path};

use aibaas_core::{
    domain::account::Email,
    ports::{Database, Entropy as _, Timestamp},
    store::{
        Batch, BatchError, Guard,
        audit::NewEvent,
        users::{self, User},
    },
};

use super::{data_directory, database::SqliteDatabase, error::CliError, machine::SystemEntropy};

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

/// Reads an address from the command line.
///
/// # Errors
/// What is wrong with it.
pub fn address(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|refusal| refusal.detail)
}

/// Finds the account with an address.
///
/// # Errors
/// [`CliError`] when there is none.
pub async fn find(database: &dyn Database, email: &Email) -> Result<User, CliError> {
    let user = users::find_by_email(email.as_str()).run(database).await.map_err(failed)?;
    user.ok_or_else(|| CliError::failed(format!("nobody has an account with the address {}", email.as_str())))
}

/// A security event that nobody over the network caused.
pub fn event(now: Timestamp, name: &'static str, details: serde_json::Value) -> NewEvent {
    NewEvent { id: new_id(now), at: now, name, ip: None, user_agent: None, details }
}

/// Makes a UUIDv7 (RFC 9562) of this moment.
pub fn new_id(now: Timestamp) -> String {
    let mut random = [0; 10];
    SystemEntropy.fill(&mut random);
    let now = u64::try_from(now.0).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(now, &random).into_uuid().to_string()
}

/// Runs a batch, and returns whether what it expects by the guard was so. Else it changed nothing.
///
/// # Errors
/// [`CliError`] when it failed otherwise.
pub async fn run_if(database: &dyn Database, guard: Guard, batch: Batch) -> Result<bool, CliError> {
    match batch.run(database).await {
        Ok(_) => Ok(true),
        Err(BatchError::Guard(found)) if found == guard => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Reports the database's fault.
pub fn failed(error: impl Display) -> CliError {
    CliError::failed(error.to_string())
}
