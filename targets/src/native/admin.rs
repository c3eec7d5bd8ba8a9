//! `aibaas admin`: who is an administrator, said by whoever owns the machine. So the first one comes from no request.

use std::process::ExitCode;

use aibaas_core::{
    domain::{UserId, account::Email},
    ports::{Clock as _, Database, Timestamp},
    store::{
        Batch, Guard, Query,
        users::{self, User},
    },
};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    data_directory::{self, DataDirectory},
    error::CliError,
    machine::SystemClock,
    operator::{self, address, find},
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

/// Changes it, and says what came of it.
///
/// # Errors
/// [`CliError`] when there is no such account, its address is not verified, or the database cannot be opened.
pub async fn change(change: Change) -> Result<ExitCode, CliError> {
    let (Change::Grant(account) | Change::Revoke(account)) = &change;
    let database = operator::open(&account.data.directory).await?;
    let said = match &change {
        Change::Grant(account) => grant(&database, &account.email).await,
        Change::Revoke(account) => revoke(&database, &account.email).await,
    };
    data_directory::close(database).await;
    print_line(&said?);
    Ok(ExitCode::SUCCESS)
}

async fn grant(database: &dyn Database, email: &Email) -> Result<String, CliError> {
    let user = find(database, email).await?;
    if !user.email_verified {
        return Err(CliError::failed(format!("{} is not verified: whose address it is, nobody knows", user.email)));
    }
    Ok(match set_role(database, &user, users::promote, "admin").await? {
        true => format!("{} is an administrator now", user.email),
        false => format!("{} is an administrator already", user.email),
    })
}

async fn revoke(database: &dyn Database, email: &Email) -> Result<String, CliError> {
    let user = find(database, email).await?;
    Ok(match set_role(database, &user, users::demote, "user").await? {
        true => format!(
            "{} is no administrator any more; where the server's ADMIN_EMAILS names the address, the next login makes them \
             one again",
            user.email
        ),
        false => format!("{} is no administrator", user.email),
    })
}

/// Sets the role, and records it where that changed anything; returns whether it did.
async fn set_role(
    database: &dyn Database,
    user: &User,
    set: impl FnOnce(&UserId, Timestamp) -> Query<()>,
    role: &str,
) -> Result<bool, CliError> {
    let now = SystemClock.now();
    let event = operator::event(now, "role_changed", json!({ "role": role, "by": "command line" }));
    let mut batch = Batch::new();
    batch.expect(Guard::RoleChanges, set(&user.id, now));
    batch.push(event.of(&user.id, None));
    operator::run_if(database, Guard::RoleChanges, batch).await
}
