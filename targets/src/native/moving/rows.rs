//! Tables and rows of a database, as they pass from one form into another.

use rusqlite::types::Value;

use super::MoveError;

/// A table that is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Name of the table.
    pub name: String,
    /// Names of the stored columns.
    pub columns: Vec<String>,
}

impl Table {
    /// Writes the list of columns in SQL.
    pub fn column_list(&self) -> String {
        self.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(",")
    }
}

/// Quotes a name for SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Removes the table from those that were not begun.
///
/// # Errors
/// [`MoveError`] where there is no such table left.
pub fn begin(left: &mut Vec<Table>, table: &Table) -> Result<(), MoveError> {
    let place = left.iter().position(|known| known == table);
    let place = place.ok_or_else(|| MoveError(format!("the table {} is not as this release has it", table.name)))?;
    left.remove(place);
    Ok(())
}

/// Fails where there are tables that were not begun.
///
/// # Errors
/// [`MoveError`] that names them.
pub fn missing(left: &[Table]) -> Result<(), MoveError> {
    if left.is_empty() {
        return Ok(());
    }
    let names = left.iter().map(|table| table.name.as_str()).collect::<Vec<_>>();
    Err(MoveError(format!("the tables {} are missing", names.join(", "))))
}

/// Receiver of rows: tables in an order in which each refers to earlier ones only, each with its rows.
pub trait Sink {
    /// Begins a table.
    ///
    /// # Errors
    /// [`MoveError`] where it cannot be written.
    fn table(&mut self, table: &Table) -> Result<(), MoveError>;

    /// Adds a row to the table that was begun last.
    ///
    /// # Errors
    /// The errors of [`Sink::table`].
    fn row(&mut self, row: &[Value]) -> Result<(), MoveError>;
}

/// A sink that counts rows, and stores none.
#[derive(Default)]
pub struct Counter {
    /// Number of rows.
    pub rows: u64,
}

impl Sink for Counter {
    fn table(&mut self, _: &Table) -> Result<(), MoveError> {
        Ok(())
    }

    fn row(&mut self, _: &[Value]) -> Result<(), MoveError> {
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }
}
