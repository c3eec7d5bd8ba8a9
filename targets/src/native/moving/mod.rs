//! `aibaas move`: moves everything that an instance stores from one host to another.

mod command;
mod complete_file;
mod database;
mod dump;
mod error;
mod move_in;
mod move_out;
mod options;
mod passphrase;
mod payload;
mod rows;
mod sealed;
mod sql;
mod write_sql;

pub use self::{
    command::{Command, run},
    error::MoveError,
};
