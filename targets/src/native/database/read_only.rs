//! A database file that one command only reads: a copy, or the file of a running server.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aibaas_core::ports::{Database, DatabaseError, Rows, Statement};
use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::time::Instant;

use super::{
    connection::{BUSY, control, refused, run, unavailable},
    job::Answer,
};

/// Most problems of one kind that SQLite reports.
const MOST_PROBLEMS: u32 = 100;
/// Number of SQLite's instructions between two checks of the time limit.
const STEPS: i32 = 10_000;

/// A connection that can hold a view of the database as of one moment, whoever writes meanwhile.
pub struct ReadOnlyDatabase(Mutex<Connection>);

impl ReadOnlyDatabase {
    /// Opens the file, which must be there.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] where the file does not exist, or is not a database.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(unavailable)?;
        connection.busy_timeout(BUSY).map_err(unavailable)?;
        // Numbers read the same on every host, and a file from elsewhere must not run any code.
        connection.pragma_update(None, "trusted_schema", false).map_err(unavailable)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Begins a snapshot of the present state, which lasts until the database is dropped.
    ///
    /// # Errors
    /// The errors of [`Database::query`].
    pub fn hold(&self) -> Result<(), DatabaseError> {
        let connection = self.connection();
        control(&connection, "BEGIN")?;
        // A transaction begins with its first read.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(refused)
    }

    /// Checks every page and every index of the file. Returns what is wrong with them.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] where the file cannot be read.
    pub fn integrity(&self) -> Result<Vec<String>, DatabaseError> {
        let connection = self.connection();
        let mut check = connection.prepare(&format!("PRAGMA integrity_check({MOST_PROBLEMS})")).map_err(refused)?;
        let found = check.query_map([], |row| row.get::<_, String>(0)).map_err(refused)?;
        let found = found.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Checks every page of the file, but not its indexes, for at most `limit`. Returns what is wrong, or `None` where
    /// the time was too short.
    ///
    /// # Errors
    /// The errors of [`ReadOnlyDatabase::integrity`].
    pub fn quick_check(&self, limit: Duration) -> Result<Option<Vec<String>>, DatabaseError> {
        let connection = self.connection();
        let start = Instant::now();
        connection.progress_handler(STEPS, Some(move || start.elapsed() >= limit)).map_err(unavailable)?;
        let found = connection.prepare(&format!("PRAGMA quick_check({MOST_PROBLEMS})")).and_then(|mut check| {
            let lines = check.query_map([], |row| row.get::<_, String>(0))?;
            lines.collect::<Result<Vec<_>, _>>()
        });
        connection.progress_handler(STEPS, None::<fn() -> bool>).map_err(unavailable)?;
        match found {
            Ok(lines) => Ok(Some(lines.into_iter().filter(|line| line != "ok").collect())),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    /// Lists rows that refer to rows which do not exist.
    ///
    /// # Errors
    /// The errors of [`ReadOnlyDatabase::integrity`].
    pub fn foreign_keys(&self) -> Result<Vec<String>, DatabaseError> {
        let connection = self.connection();
        let mut check = connection.prepare("PRAGMA foreign_key_check").map_err(refused)?;
        let found = check.query_map([], |row| {
            let (table, parent) = (row.get::<_, String>(0)?, row.get::<_, String>(2)?);
            Ok(format!("a row of {table} refers to {parent}, where there is none"))
        });
        let mut found = found.map_err(refused)?.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Writes a copy as of one moment, compact and without a log beside it, into a file that is empty or does not
    /// exist.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] where there is no room, or the database is broken.
    pub fn copy_into(&self, path: &Path) -> Result<(), DatabaseError> {
        let path = path.to_str().ok_or_else(|| DatabaseError::Unavailable("the path is not UTF-8".to_owned()))?;
        self.connection().execute("VACUUM INTO ?1", [path]).map_err(refused)?;
        Ok(())
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks whether the file can be written, by beginning a write without writing anything.
///
/// # Errors
/// [`DatabaseError`] where it is read-only, or somebody else writes for seconds.
pub fn begin_to_write(path: &Path) -> Result<(), DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(unavailable)?;
    connection.busy_timeout(BUSY).map_err(unavailable)?;
    control(&connection, "BEGIN IMMEDIATE")?;
    control(&connection, "ROLLBACK")
}

#[async_trait]
impl Database for ReadOnlyDatabase {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        run(&self.connection(), &statement)
    }

    async fn batch(&self, statements: Vec<Statement>) -> Answer {
        let connection = self.connection();
        statements.iter().map(|statement| run(&connection, statement)).collect()
    }
}
