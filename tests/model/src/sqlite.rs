//! SQLite in memory, as the application's database.

use aibaas_core::ports::{Rows, Statement, Value as Cell};
use rusqlite::{
    Connection, OpenFlags, Transaction,
    config::DbConfig,
    types::{Value as SqlValue, ValueRef},
};

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

/// Executes the statements, all or none.
///
/// # Errors
/// Returns SQLite's error.
pub fn batch(database: &mut Connection, statements: &[Statement]) -> rusqlite::Result<Vec<Rows>> {
    let transaction = database.transaction()?;
    let answers = statements.iter().map(|statement| run(&transaction, statement)).collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(answers)
}

fn run(transaction: &Transaction<'_>, statement: &Statement) -> rusqlite::Result<Rows> {
    let mut prepared = transaction.prepare_cached(statement.sql)?;
    let columns = prepared.column_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let parameters = statement.params.iter().map(|value| match value {
        Cell::Null => SqlValue::Null,
        Cell::Integer(integer) => SqlValue::Integer(*integer),
        Cell::Real(real) => SqlValue::Real(*real),
        Cell::Text(text) => SqlValue::Text(text.clone()),
        Cell::Blob(bytes) => SqlValue::Blob(bytes.clone()),
    });
    let width = columns.len();
    let mut found = prepared.query(rusqlite::params_from_iter(parameters))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let cell = |index| {
            row.get_ref(index).map(|value| match value {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(integer) => Cell::Integer(integer),
                ValueRef::Real(real) => Cell::Real(real),
                ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
            })
        };
        rows.push((0..width).map(cell).collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(Rows::new(columns, rows))
}
