//! The rows of a database, as they pass from one form into another.

use rusqlite::types::Value;

use super::MoveError;

/// A table that goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The columns that are stored.
    pub columns: Vec<String>,
}

impl Table {
    /// Lists its columns as SQL does.
    pub fn column_list(&self) -> String {
        self.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(",")
    }
}

/// Writes a name as SQL does.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Takes a table that is begun from those that a database has.
///
/// # Errors
/// [`MoveError`] where it has none such left.
pub fn begin(left: &mut Vec<Table>, table: &Table) -> Result<(), MoveError> {
    let place = left.iter().position(|known| known == table);
    let place = place.ok_or_else(|| MoveError(format!("the table {} is not as this release has it", table.name)))?;
    left.remove(place);
    Ok(())
}

/// Refuses to end where tables are left that were not begun.
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

/// Where rows go: tables in an order in which each refers to earlier ones only, each with its rows.
pub trait Sink {
    /// Begins a table.
    ///
    /// # Errors
    /// [`MoveError`] where it cannot be written.
    fn table(&mut self, table: &Table) -> Result<(), MoveError>;

    /// Takes a row of the table that was begun last.
    ///
    /// # Errors
    /// As [`Sink::table`].
    fn row(&mut self, row: &[Value]) -> Result<(), MoveError>;
}

/// Counts rows, and keeps none.
#[derive(Default)]
pub struct Counter {
    /// How many there were.
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
