//! SQLite in files on this machine: one writer that groups commits, and a pool of readers.

mod connection;
mod file;
mod inline;
mod job;
mod read_only;
mod reader;
mod reserve;
mod sqlite_database;
#[cfg(test)]
mod tests;
mod writer;

pub use connection::{Durability, connect_reader, data_version, fold_log, run};
pub use read_only::{ReadOnlyDatabase, begin_to_write};
pub use sqlite_database::SqliteDatabase;
pub use writer::full;
