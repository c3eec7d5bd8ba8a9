//! Reading of all rows from a database file, as of one moment, and loading them into a new one.

use std::{collections::HashSet, path::Path, time::Duration};

use aibaas_core::store::{migrations::APPLIED, moving::is_moved};
use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};

use super::{
    MoveError,
    payload::check_schema,
    rows::{Sink, Table, begin, missing, quoted},
};

/// Longest wait for another process's lock on the file.
const BUSY: Duration = Duration::from_secs(5);

/// Lists the tables that are moved, each after those that it refers to.
pub fn tables(database: &Connection) -> Result<Vec<Table>, MoveError> {
    let texts = |sql: &str| -> Result<Vec<String>, rusqlite::Error> {
        database.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let names = texts("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let mut left = names.into_iter().filter(|name| is_moved(name)).collect::<Vec<_>>();
    let (mut tables, mut placed) = (Vec::<Table>::new(), HashSet::<String>::new());
    while !left.is_empty() {
        let before = left.len();
        let mut later = Vec::new();
        for name in left {
            let parents = texts(&format!("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list('{name}')"))?;
            if parents.iter().all(|parent| *parent == name || placed.contains(parent) || !is_moved(parent)) {
                // Generated columns are not stored.
                let columns =
                    texts(&format!("SELECT name FROM pragma_table_xinfo('{name}') WHERE hidden = 0 ORDER BY cid"))?;
                placed.insert(name.clone());
                tables.push(Table { name, columns });
            } else {
                later.push(name);
            }
        }
        if later.len() == before {
            return Err(MoveError(format!("the tables {} refer to each other", later.join(", "))));
        }
        left = later;
    }
    Ok(tables)
}

/// Passes all rows of a file to the sink, as of one moment; a server may run on it.
///
/// # Errors
/// [`MoveError`] where the file cannot be read, is of another schema, or the sink refuses.
pub fn read(path: &Path, sink: &mut impl Sink) -> Result<(), MoveError> {
    let database =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    database.busy_timeout(BUSY)?;
    database.pragma_update(None, "trusted_schema", false)?;
    database.execute_batch("BEGIN")?;
    let applied = database
        .prepare(APPLIED)
        .and_then(|mut applied| applied.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>())
        .map_err(|_| MoveError::new("it is no database of aibaas"))?;
    check_schema(&applied)?;
    for table in tables(&database)? {
        sink.table(&table)?;
        let mut rows = database.prepare(&format!("SELECT {} FROM {}", table.column_list(), quoted(&table.name)))?;
        let mut rows = rows.query([])?;
        let mut values = Vec::new();
        while let Some(row) = rows.next()? {
            values.clear();
            for index in 0..table.columns.len() {
                values.push(row.get::<_, Value>(index)?);
            }
            sink.row(&values)?;
        }
    }
    Ok(())
}

/// Loads rows into a newly migrated database that nobody else uses yet.
pub struct Loader {
    database: Connection,
    /// Tables that the database has, and that were not begun.
    left: Vec<Table>,
    insert: String,
    /// Number of rows that were added.
    pub rows: u64,
}

impl Loader {
    /// Opens the file. It is of no use before [`Loader::finish`].
    ///
    /// # Errors
    /// [`MoveError`] where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, MoveError> {
        let database = Connection::open(path)?;
        // A half-loaded file is thrown away when the machine dies, so nothing is flushed; references are checked at the
        // end.
        database.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536; BEGIN",
        )?;
        let left = tables(&database)?;
        Ok(Self { database, left, insert: String::new(), rows: 0 })
    }

    /// Finds a table that the database has, and that was not begun yet.
    pub fn expected(&self, name: &str) -> Option<Table> {
        self.left.iter().find(|table| table.name == name).cloned()
    }

    /// Lists the names of the database's views and indexes.
    ///
    /// # Errors
    /// [`MoveError`] where the file cannot be read.
    pub fn views_and_indexes(&self) -> Result<Vec<String>, MoveError> {
        let mut names = self
            .database
            .prepare("SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL")?;
        Ok(names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Finishes the file, once every table has been loaded.
    ///
    /// # Errors
    /// [`MoveError`] where a table is missing, or the file cannot be written.
    pub fn finish(self) -> Result<u64, MoveError> {
        missing(&self.left)?;
        self.database.execute_batch("COMMIT; PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)")?;
        self.database.close().map_err(|(_, error)| error)?;
        Ok(self.rows)
    }
}

impl Sink for Loader {
    fn table(&mut self, table: &Table) -> Result<(), MoveError> {
        begin(&mut self.left, table)?;
        let places = vec!["?"; table.columns.len()].join(", ");
        self.insert = format!("INSERT INTO {} ({}) VALUES ({places})", quoted(&table.name), table.column_list());
        Ok(())
    }

    fn row(&mut self, row: &[Value]) -> Result<(), MoveError> {
        let mut insert = self.database.prepare_cached(&self.insert)?;
        insert.execute(params_from_iter(row)).map_err(|error| MoveError(format!("a row is refused: {error}")))?;
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }
}
