//! `aibaas import users`: imports the accounts of the old backend, as PostgreSQL exported them.
//!
//! Nothing is ever overwritten: an existing account stays as it is, so an import that was interrupted or repeated does
//! no harm.

mod account;
#[cfg(test)]
mod fuzz;
mod import;
mod rows;
mod seen_digests;
mod summary;
mod target;

pub use self::import::{Options, import};
