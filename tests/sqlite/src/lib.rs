//! Core's statements on SQLite, for tests that run the application in their own process.

use aibaas_core::ports::{Rows, Statement, Value as Cell};
use rusqlite::{
    Connection, StatementStatus, Transaction,
    types::{Value as SqlValue, ValueRef},
};

/// Carries the statements out, all or none. Returns the rows of each, and how many steps SQLite's virtual machine made.
///
/// # Errors
/// What SQLite answers.
pub fn batch(database: &mut Connection, statements: &[Statement]) -> rusqlite::Result<(Vec<Rows>, u64)> {
    let transaction = database.transaction()?;
    let (mut answers, mut steps) = (Vec::with_capacity(statements.len()), 0_u64);
    for statement in statements {
        let (rows, made) = run(&transaction, statement)?;
        answers.push(rows);
        steps = steps.saturating_add(made);
    }
    transaction.commit()?;
    Ok((answers, steps))
}

fn run(transaction: &Transaction<'_>, statement: &Statement) -> rusqlite::Result<(Rows, u64)> {
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
    drop(found);
    let steps = u64::try_from(prepared.reset_status(StatementStatus::VmStep)).unwrap_or(0);
    Ok((Rows::new(columns, rows), steps))
}
