//! Counts of the rows that a connection's statements visit (`sqlite3_stmt_scanstatus`), which cost time to keep.

use std::ptr::{from_mut, null_mut};

use rusqlite::{Connection, ffi};

const STMT_SCANSTATUS: i32 = 1018;

/// Sets whether statements that are prepared from now on count the rows that they visit.
pub fn count(database: &Connection, on: bool) {
    database.flush_prepared_statement_cache();
    // SAFETY: the handle is open, and this option takes an integer and a pointer that may be null.
    unsafe { ffi::sqlite3_db_config(database.handle(), STMT_SCANSTATUS, i32::from(on), null_mut::<i32>()) };
}

/// Returns the number of rows that were visited since counting was switched on.
pub fn counted(database: &Connection) -> Option<u64> {
    let mut rows = 0;
    // SAFETY: the handle is open, and so are the statements that SQLite lists of it; nobody else has them meanwhile.
    // What is asked for is a 64-bit integer.
    unsafe {
        let handle = database.handle();
        let mut statement = ffi::sqlite3_next_stmt(handle, null_mut());
        while !statement.is_null() {
            for index in 0.. {
                let mut visits = 0_i64;
                let told = from_mut(&mut visits).cast();
                if ffi::sqlite3_stmt_scanstatus(statement, index, ffi::SQLITE_SCANSTAT_NVISIT, told) != 0 {
                    break;
                }
                rows += u64::try_from(visits).unwrap_or(0);
            }
            statement = ffi::sqlite3_next_stmt(handle, statement);
        }
    }
    Some(rows)
}
