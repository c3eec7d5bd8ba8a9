//! SQLite in memory, as the application's database.

use rusqlite::{Connection, OpenFlags, config::DbConfig};

/// Opens an empty database in memory.
#[must_use]
pub fn in_memory() -> Connection {
    // Only one thread at a time uses the connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_in_memory_with_flags(flags).expect("a database in memory");
    // Keeps SQLite from preparing a statement again when its parameters change.
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).expect("a setting");
    database.pragma_update(None, "foreign_keys", true).expect("foreign keys");
    database.set_prepared_statement_cache_capacity(512);
    database
}
