//! The operator, who owns the machine, and what the operator's commands have in common.

use serde_json::Value;

use super::OperatorError;
use crate::{
    domain::{SecurityEventName, Timestamp, account::Email, uuid_v7},
    ports::{Clock, Database, Entropy},
    store::{
        Batch, BatchError, Guard,
        audit::NewEvent,
        users::{self, User},
    },
};

/// The operator, who owns the machine. The security events of what they do name the command line and no account as the
/// cause.
pub struct Operator<'a> {
    /// The application's database.
    pub database: &'a dyn Database,
    /// Source of time.
    pub clock: &'a dyn Clock,
    /// Source of randomness for ids and keys.
    pub entropy: &'a dyn Entropy,
}

impl Operator<'_> {
    /// Finds the account with an address.
    pub(super) async fn account(&self, email: &Email) -> Result<User, OperatorError> {
        let user = users::find_by_email(email.as_str()).run(self.database).await?;
        user.ok_or_else(|| OperatorError::NoAccount(email.as_str().to_owned()))
    }

    /// Creates a UUIDv7 (RFC 9562) for the given time.
    pub(super) fn new_id(&self, now: Timestamp) -> String {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        uuid_v7(now, &random)
    }

    /// Creates a security event that nobody caused over the network.
    pub(super) fn event(&self, now: Timestamp, name: SecurityEventName, details: Value) -> NewEvent {
        NewEvent { id: self.new_id(now), at: now, name, ip: None, user_agent: None, details }
    }

    /// Runs a batch. Returns true where it was committed, and false where the guard undid it.
    pub(super) async fn run_if(&self, guard: Guard, batch: Batch) -> Result<bool, OperatorError> {
        match batch.run(self.database).await {
            Ok(_) => Ok(true),
            Err(BatchError::Guard(found)) if found == guard => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
