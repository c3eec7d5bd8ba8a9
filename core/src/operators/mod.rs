//! Commands of the operator, who owns the machine: they work on the database itself, while a server may run on it.

mod api_keys;
mod checks;
mod error;
mod imports;
mod operator;
mod packs;
mod roles;

pub use api_keys::{CreatedApiKey, RevokedApiKey};
pub use checks::{Checked, Violation};
pub use error::OperatorError;
pub use imports::{ImportOutcome, users_as_sql};
pub use operator::Operator;

pub use crate::store::{
    api_keys::{ApiKeyRecord, OwnedApiKey},
    imports::ImportedUser,
    users::User,
};
