//! `spin:sqlite`. A connection serves one call at a time, and each result is drained before the next statement:
//! an open one would hold the connection for ever.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aibaas_core::ports::{Database, DatabaseError, Rows, Statement, Value};
use async_trait::async_trait;
use spin_sdk::sqlite::{self, Connection};

/// Idle connections kept by an instance.
const KEPT_CONNECTIONS: usize = 8;

/// How long to wait before asking a busy database again; SQLite itself has waited seconds before each.
const RETRIES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(100)];

#[derive(Default)]
pub struct SpinDatabase {
    /// Connections outside any transaction, used by nobody.
    idle: Mutex<Vec<Connection>>,
}

impl SpinDatabase {
    /// Sets what stays in the database file: with a write-ahead log readers and the writer go on side by side.
    pub async fn prepare(&self) {
        if let Err(error) = self.query(Statement::new("PRAGMA journal_mode = WAL")).await {
            log::warn!("no write-ahead log, which costs speed: {error}");
        }
    }

    async fn connection(&self) -> Result<Connection, DatabaseError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => Connection::open_default().await.map_err(error),
        }
    }

    /// Takes back a connection on which everything went well; any other is dropped, which rolls back.
    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_CONNECTIONS {
            idle.push(connection);
        }
    }

    async fn try_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let connection = self.connection().await?;
        // Readers need no lock against each other; a writer takes its lock before it has read anything.
        let begin = if statements.iter().all(is_read) { "BEGIN" } else { "BEGIN IMMEDIATE" };
        execute(&connection, &Statement::new(begin)).await?;
        let mut results = Vec::with_capacity(statements.len());
        for statement in statements {
            match execute(&connection, statement).await {
                Ok(rows) => results.push(rows),
                Err(error) => {
                    // Dropping the connection does it too, but some time later.
                    _ = execute(&connection, &Statement::new("ROLLBACK")).await;
                    return Err(error);
                }
            }
        }
        execute(&connection, &Statement::new("COMMIT")).await?;
        self.give_back(connection);
        Ok(results)
    }

    async fn try_query(&self, statement: &Statement) -> Result<Rows, DatabaseError> {
        let connection = self.connection().await?;
        let rows = execute(&connection, statement).await?;
        self.give_back(connection);
        Ok(rows)
    }
}

#[async_trait]
impl Database for SpinDatabase {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        for pause in RETRIES {
            match self.try_query(&statement).await {
                Err(error) if is_busy(&error) => spin_sdk::time::sleep(pause).await,
                other => return other,
            }
        }
        self.try_query(&statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        for pause in RETRIES {
            match self.try_batch(&statements).await {
                Err(error) if is_busy(&error) => spin_sdk::time::sleep(pause).await,
                other => return other,
            }
        }
        self.try_batch(&statements).await
    }
}

async fn execute(connection: &Connection, statement: &Statement) -> Result<Rows, DatabaseError> {
    let result =
        connection.execute(statement.sql, statement.params.iter().cloned().map(into_spin)).await.map_err(error)?;
    let columns = result.columns().to_vec();
    let rows = result.collect().await.map_err(error)?;
    Ok(Rows::new(columns, rows.into_iter().map(|row| row.values.into_iter().map(from_spin).collect()).collect()))
}

fn is_read(statement: &Statement) -> bool {
    statement.sql.trim_start().get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("select"))
}

/// Busy means refused before anything was written, or rolled back: it may be asked again.
fn is_busy(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Overloaded(_))
}

fn error(error: sqlite::Error) -> DatabaseError {
    match error {
        sqlite::Error::Io(message) => DatabaseError::from_sqlite_message(&message),
        other => DatabaseError::Unavailable(other.to_string()),
    }
}

fn into_spin(value: Value) -> sqlite::Value {
    match value {
        Value::Null => sqlite::Value::Null,
        Value::Integer(integer) => sqlite::Value::Integer(integer),
        Value::Real(real) => sqlite::Value::Real(real),
        Value::Text(text) => sqlite::Value::Text(text),
        Value::Blob(bytes) => sqlite::Value::Blob(bytes),
    }
}

fn from_spin(value: sqlite::Value) -> Value {
    match value {
        sqlite::Value::Null => Value::Null,
        sqlite::Value::Integer(integer) => Value::Integer(integer),
        sqlite::Value::Real(real) => Value::Real(real),
        sqlite::Value::Text(text) => Value::Text(text),
        sqlite::Value::Blob(bytes) => Value::Blob(bytes),
    }
}
