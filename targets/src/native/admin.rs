//! `aibaas admin`: appoints administrators on the command line, so that the first one comes from no request.

use std::process::ExitCode;

use aibaas_core::domain::account::Email;
use clap::{Args, Subcommand};

use super::{
    data_directory::{self, DataDirectory},
    database::SqliteDatabase,
    error::CliError,
    operator::{self, address},
    output::print_line,
};

/// What to change.
#[derive(Debug, Subcommand)]
pub enum Change {
    /// Make the person with this address an administrator. They must have an account, and have verified the address.
    Grant(Account),
    /// Make an administrator an ordinary user again.
    Revoke(Account),
}

/// Whose account, and where it is.
#[derive(Args, Debug)]
pub struct Account {
    /// The account's address.
    #[arg(value_parser = address)]
    email: Email,
    #[command(flatten)]
    data: DataDirectory,
}

/// Changes the role, and prints the outcome.
///
/// # Errors
/// [`CliError`] when there is no such account, its address is not verified, or the database cannot be opened.
pub async fn change(change: Change) -> Result<ExitCode, CliError> {
    let (Change::Grant(account) | Change::Revoke(account)) = &change;
    let database = operator::open(&account.data.directory).await?;
    let report = match &change {
        Change::Grant(account) => grant(&database, &account.email).await,
        Change::Revoke(account) => revoke(&database, &account.email).await,
    };
    data_directory::close(database).await;
    print_line(&report?);
    Ok(ExitCode::SUCCESS)
}

async fn grant(database: &SqliteDatabase, email: &Email) -> Result<String, CliError> {
    let is_new = operator::of(database).grant_administrator(email).await?;
    Ok(format!("{} is an administrator {}", email.as_str(), if is_new { "now" } else { "already" }))
}

async fn revoke(database: &SqliteDatabase, email: &Email) -> Result<String, CliError> {
    let was_one = operator::of(database).revoke_administrator(email).await?;
    let email = email.as_str();
    Ok(if was_one {
        format!(
            "{email} is no administrator any more; where the server's ADMIN_EMAILS names the address, the next login makes them \
             one again"
        )
    } else {
        format!("{email} is no administrator")
    })
}
