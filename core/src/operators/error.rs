//! Errors of the operator's commands.

use crate::{
    domain::{api_key::Scope, api_key_settings::MemberError},
    ports::DatabaseError,
    store::{BatchError, api_keys::MOST_ACTIVE},
};

/// Reason why a command of the operator changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// No account has the address.
    #[error("nobody has an account with the address {0}")]
    NoAccount(String),
    /// The person with the address has not proved that it is theirs.
    #[error("{0} is not verified: whose address it is, nobody knows")]
    Unverified(String),
    /// The person with the address is suspended.
    #[error("{0} is suspended: no key of theirs works")]
    Suspended(String),
    /// The scope needs a role that the person with the address does not have.
    #[error("{email} is a {role}: where PUBLISHING=roles, the scope {scope} needs the role publisher or admin")]
    RoleRequired {
        /// Address of the account.
        email: String,
        /// Role of the person.
        role: &'static str,
        /// Scope that was asked for.
        scope: Scope,
    },
    /// The person with the address has as many keys as anybody may.
    #[error("{0} has {most} active keys already: revoke one first", most = MOST_ACTIVE)]
    TooManyApiKeys(String),
    /// The key breaks rules.
    #[error("the key breaks rules")]
    InvalidApiKey(Vec<MemberError>),
    /// There is too little randomness for a key.
    #[error("the random numbers made no key; try again")]
    TooLittleRandomness,
    /// The database refused, or could not be asked.
    #[error(transparent)]
    Database(#[from] BatchError),
}

impl From<DatabaseError> for OperatorError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error.into())
    }
}
