//! Accounts of another system, imported on the command line.

use std::collections::HashMap;

use super::{Operator, OperatorError};
use crate::store::{
    Batch,
    imports::{self, ImportedUser},
};

/// Outcome of importing one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The account was added.
    Imported,
    /// The account was here before, and stays as it is.
    AlreadyThere,
    /// The account contradicts one that is here, for this reason.
    Refused(&'static str),
}

impl Operator<'_> {
    /// Adds the accounts that are new, all or none of them. Returns the outcome for each, in order.
    ///
    /// # Errors
    /// [`OperatorError`] when the database fails.
    pub async fn import_users(&self, users: &[ImportedUser]) -> Result<Vec<ImportOutcome>, OperatorError> {
        let mut batch = Batch::new();
        let there = batch.push(imports::users_there(users));
        batch.push(imports::add_users(users));
        let there = batch.run(self.database).await?.take(there)?;
        let (mut addresses, mut owners) = (HashMap::new(), HashMap::new());
        for (id, email) in there {
            owners.insert(email.clone(), id.clone());
            addresses.insert(id, email);
        }
        let outcome = |user: &ImportedUser| match (owners.get(&user.email), addresses.get(&user.id)) {
            (Some(owner), _) if *owner == user.id => ImportOutcome::AlreadyThere,
            (Some(_), _) => ImportOutcome::Refused("the address belongs to another account"),
            (None, Some(_)) => ImportOutcome::Refused("the account is there already, with another address"),
            (None, None) => ImportOutcome::Imported,
        };
        Ok(users.iter().map(outcome).collect())
    }
}

/// Writes SQL that adds the accounts as [`Operator::import_users`] does, for a database elsewhere: whole statements,
/// each ended by `;` and a line break.
#[must_use]
pub fn users_as_sql(users: &[ImportedUser]) -> String {
    imports::file_of_users(users)
}
