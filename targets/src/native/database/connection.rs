//! One connection to SQLite, and the statements that run on it.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aibaas_core::ports::{DatabaseError, Rows, Statement, Value};
use rusqlite::{Connection, OpenFlags, types::ValueRef};

use super::job::Answer;

/// Number of prepared statements that a connection keeps.
const STATEMENTS: usize = 256;
/// Most bytes of the write-ahead log's file that stay on the disk after a rush.
const LOG_BYTES: i64 = 64 * 1024 * 1024;
/// Time limit of a reader's wait for a lock.
pub const BUSY: Duration = Duration::from_secs(5);

/// What a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A loss of power: each commit is flushed to the disk.
    Full,
    /// Only the end of the process: for data that may be forgotten.
    Process,
}

/// Creates the file where there is none, private to its owner; SQLite gives the log beside it the same mode.
pub fn make_private(path: &Path) -> Result<(), DatabaseError> {
    let mut options = std::fs::File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(path).map_err(|error| DatabaseError::Unavailable(format!("{}: {error}", path.display())));
    opened.map(drop)
}

/// Opens the file for writing.
///
/// # Errors
/// [`DatabaseError::Unavailable`] when the file cannot be opened or cannot keep a write-ahead log.
pub fn connect(path: &Path, durability: Durability) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(unavailable)?;
    connection.busy_timeout(BUSY).map_err(unavailable)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(unavailable)?;
    if mode != "wal" {
        return Err(DatabaseError::Unavailable(format!(
            "{} cannot keep a write-ahead log (mode {mode})",
            path.display()
        )));
    }
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Process => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous).map_err(unavailable)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(unavailable)?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(unavailable)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES).map_err(unavailable)?;
    Ok(connection)
}

/// Brings the write-ahead log into the file and removes it, where nobody else has the file open.
///
/// # Errors
/// [`DatabaseError::Unavailable`] when the file cannot be opened or written, or is no database.
pub fn fold_log(path: &Path) -> Result<(), DatabaseError> {
    let connection = connect(path, Durability::Full)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(unavailable)
}

/// Opens a connection for reading only, which answers in the caller's thread.
///
/// # Errors
/// [`DatabaseError::Unavailable`] when the file cannot be opened.
pub fn connect_reader(path: &Path) -> Result<Connection, DatabaseError> {
    let connection = connect(path, Durability::Full)?;
    connection.pragma_update(None, "query_only", true).map_err(unavailable)?;
    Ok(connection)
}

/// Statement whose answer changes when any other connection, of this process or another, has committed anything.
const DATA_VERSION: &str = "PRAGMA data_version";

/// Reads which version of the file this connection sees. The number is only meaningful for the same connection.
///
/// # Errors
/// [`DatabaseError::Unavailable`] when the file cannot be read.
pub fn data_version(connection: &Connection) -> Result<i64, DatabaseError> {
    let version =
        connection.prepare_cached(DATA_VERSION).and_then(|mut version| version.query_row([], |row| row.get(0)));
    version.map_err(unavailable)
}

/// A connection that does nothing but notice commits.
pub struct CommitWatch(Mutex<Option<Connection>>);

impl CommitWatch {
    /// Starts watching the file.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = connect_reader(path)?;
        // The watch never waits for a lock.
        connection.busy_timeout(Duration::ZERO).map_err(unavailable)?;
        Ok(Self(Mutex::new(Some(connection))))
    }

    /// Returns a number that each commit changes, or `None` where the file cannot be read.
    pub fn version(&self) -> Option<i64> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        data_version(connection.as_ref()?).ok()
    }

    /// Closes the connection; from then on there is no version.
    pub fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Converts an error of SQLite to one that says that the database cannot be used.
pub fn unavailable(error: rusqlite::Error) -> DatabaseError {
    DatabaseError::Unavailable(error.to_string())
}

/// Converts an error of SQLite that refused a statement, with the name of the constraint if one did.
pub fn refused(error: rusqlite::Error) -> DatabaseError {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => DatabaseError::from_sqlite_message(&message),
        error => DatabaseError::Unavailable(error.to_string()),
    }
}

/// Runs the statements in a transaction of their own.
///
/// # Errors
/// The errors of [`run`].
pub fn transaction(connection: &Connection, statements: &[Statement]) -> Answer {
    control(connection, "BEGIN")?;
    finish(connection, statements)
}

/// Runs the statements in the transaction that was begun, and commits it or rolls it back.
///
/// # Errors
/// The errors of [`run`].
pub fn finish(connection: &Connection, statements: &[Statement]) -> Answer {
    let all = || {
        let rows = statements.iter().map(|statement| run(connection, statement)).collect::<Answer>()?;
        control(connection, "COMMIT")?;
        Ok(rows)
    };
    let answer = all();
    if answer.is_err() {
        undo(connection);
    }
    answer
}

/// Rolls the transaction back, where there is one.
pub fn undo(connection: &Connection) {
    if !connection.is_autocommit() {
        // Where even this fails, the next BEGIN fails too, and its caller gets the error.
        let _ = control(connection, "ROLLBACK");
    }
}

/// Runs a statement that begins or ends a transaction or savepoint.
///
/// # Errors
/// The errors of [`run`].
pub fn control(connection: &Connection, sql: &'static str) -> Result<(), DatabaseError> {
    connection.prepare_cached(sql).and_then(|mut prepared| prepared.execute([])).map_err(refused)?;
    Ok(())
}

/// Runs one statement on this connection.
///
/// # Errors
/// The errors of [`Database::query`](aibaas_core::ports::Database::query).
pub fn run(connection: &Connection, statement: &Statement) -> Result<Rows, DatabaseError> {
    let mut prepared = connection.prepare_cached(statement.sql).map_err(refused)?;
    if prepared.parameter_count() != statement.params.len() {
        return Err(DatabaseError::Unexpected(format!(
            "a statement takes {} parameters and was given {}",
            prepared.parameter_count(),
            statement.params.len()
        )));
    }
    for (index, value) in (1_usize..).zip(&statement.params) {
        match value {
            Value::Null => prepared.raw_bind_parameter(index, rusqlite::types::Null),
            Value::Integer(integer) => prepared.raw_bind_parameter(index, integer),
            Value::Real(real) => prepared.raw_bind_parameter(index, real),
            Value::Text(text) => prepared.raw_bind_parameter(index, text),
            Value::Blob(bytes) => prepared.raw_bind_parameter(index, bytes),
        }
        .map_err(refused)?;
    }
    let columns: Vec<String> = prepared.column_names().into_iter().map(str::to_owned).collect();
    let mut values = Vec::new();
    let mut rows = prepared.raw_query();
    // Read to the last row, also of a write without RETURNING: only then is the statement done.
    while let Some(row) = rows.next().map_err(refused)? {
        values.push(
            (0..columns.len()).map(|index| value(row.get_ref(index).map_err(refused)?)).collect::<Result<_, _>>()?,
        );
    }
    Ok(Rows::new(columns, values))
}

fn value(value: ValueRef<'_>) -> Result<Value, DatabaseError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(
            String::from_utf8(text.to_vec())
                .map_err(|_| DatabaseError::Unexpected("a text is not UTF-8".to_owned()))?,
        ),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}
