//! SQLite in memory, as the application's database.

use rusqlite::{Connection, OpenFlags, config::DbConfig};

/// An empty one.
#[must_use]
pub fn in_memory() -> Connection {
    // One thread at a time has it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_in_memory_with_flags(flags).expect("a database in memory");
    // Statements are not prepared again for other parameters.
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).expect("a setting");
    database.pragma_update(None, "foreign_keys", true).expect("foreign keys");
    database.set_prepared_statement_cache_capacity(512);
    database
}
