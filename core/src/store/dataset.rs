//! The public dataset, table by table: what `GET /export` returns, and what loads it into an empty database.
//!
//! A dataset is of one moment, the snapshot `through`, whatever is published meanwhile. The log of changes holds when
//! each run was published and when it was withdrawn, so both are written as they were then. Models, benchmarks and
//! versions that no published run refers to are written as they are at the time of the request. What an administrator
//! hid is left out. Rows of a table that were declared while the tables before it were read may lack what they refer
//! to: loading leaves them out.
//!
//! A page walks a number of rows of a table by its primary key, whether they are public or not, and so costs no more
//! than that many.

use serde::{Deserialize, Serialize};

use super::{
    packs::{self, ResultKey},
    query::{Query, Sql},
};
use crate::{
    domain::log_record,
    ports::{DatabaseError, Row, Rows, Value},
};

pub use super::{
    dataset_load::{Load, LoadHandles, is_used},
    dataset_tables::TABLES,
};

use Kind::{Boolean, Integer, Json, Real, Text};

/// Version of the dataset's format; another number is another format.
pub const FORMAT: u32 = 1;

/// Name of the table whose rows may be packed.
const RESULTS: &str = "results";
/// Most bytes of text that a page of results holds.
const PAGE_SIZE: usize = 1_000_000;
/// Bytes that a row of results counts besides its texts.
const ROW_SIZE: usize = 300;

/// Type of a column, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text; written as JSON.
    Text,
    /// An integer.
    Integer,
    /// A floating-point number.
    Real,
    /// An integer 0 or 1; written as `false` or `true`.
    Boolean,
    /// Text that is JSON; written as it stands, so that not a byte of it changes.
    Json,
}

/// A table of the public dataset.
#[derive(Debug)]
pub struct Table {
    /// Name of the table, also in the schema.
    pub name: &'static str,
    /// SQL that reads a page.
    pub(super) page: &'static str,
    /// SQL that loads rows.
    pub(super) load: &'static str,
    /// Most rows that one statement loads.
    pub(super) most_rows: usize,
    /// Whether every row is loaded: only what was declared while the dataset was made may lack what it refers to.
    pub(super) whole: bool,
    pub(super) keys: &'static [&'static str],
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// A part of a primary key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Key {
    /// Value of a text column.
    Text(String),
    /// Value of an integer column.
    Integer(i64),
}

/// Rows of a table, as lines of JSON objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Lines, each ended by a line break.
    pub lines: String,
    /// Key to go on after, where there is more. A page may be short, or empty, and yet not the last.
    pub next: Option<Vec<Key>>,
}

/// Reads a row of `results` as the dataset has it.
pub(super) fn result(row: &Row) -> Result<log_record::Row, DatabaseError> {
    let table = Table::named(RESULTS).ok_or_else(|| DatabaseError::Unavailable("no table of results".to_owned()))?;
    table.row(row)
}

impl Table {
    /// Returns the names of the table's primary key columns.
    #[must_use]
    pub fn keys(&self) -> &'static [&'static str] {
        self.keys
    }

    /// Returns the names of the columns that hold one value, each with its type in the vocabulary of schema.org. A time
    /// is an integer of milliseconds since the epoch, and typed as one.
    pub fn typed_columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns.iter().filter_map(|(name, kind)| {
            let data_type = match kind {
                Text => "sc:Text",
                Integer if name.ends_with("_at") => "sc:DateTime",
                Integer => "sc:Integer",
                Real => "sc:Float",
                Boolean => "sc:Boolean",
                Json => return None,
            };
            Some((*name, data_type))
        })
    }

    /// Finds the table of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Reads at most `limit` rows as of the snapshot with the place `through`, after a key or from the first; `None`
    /// where the key is not one of this table.
    pub fn page(&'static self, through: i64, limit: u32, after: Option<Vec<Key>>) -> Option<Query<Page>> {
        let page = Sql::new(self.page).bind(through).bind(limit);
        if self.name == RESULTS {
            let after = after.map_or_else(|| Some(ResultKey::default()), ResultKey::of)?;
            let page = page.bind(after.run.as_str()).bind(after.task.as_str()).bind(after.attempt);
            return Some(page.read(move |found| self.read_results(found, &after, limit)));
        }
        let kinds = self.keys.iter().map(|key| self.kind(key));
        let page = match after {
            None => {
                let first = |kind| if kind == Integer { Value::Integer(0) } else { Value::Text(String::new()) };
                kinds.map(first).fold(page, Sql::bind)
            }
            Some(after) if after.len() == self.keys.len() => {
                kinds.zip(after).try_fold(page, |page, (kind, key)| match (kind, key) {
                    (Integer, Key::Integer(integer)) => Some(page.bind(integer)),
                    (Text, Key::Text(text)) => Some(page.bind(text)),
                    _ => None,
                })?
            }
            Some(_) => return None,
        };
        Some(page.read(|rows| self.read(rows)))
    }

    /// Returns the most rows that one statement loads.
    #[must_use]
    pub fn most_rows(&self) -> usize {
        self.most_rows
    }

    fn kind(&self, column: &str) -> Kind {
        self.columns.iter().find(|(name, _)| *name == column).map_or(Text, |(_, kind)| *kind)
    }

    fn read(&self, rows: Rows) -> Result<Page, DatabaseError> {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let mut lines = String::new();
        let mut last = None;
        for row in rows {
            if row.boolean("told")? {
                self.write(&row, &mut lines)?;
            }
            last = Some(row);
        }
        let next = match last {
            Some(last) if last.integer("walked")? > count => Some(self.key(&last)?),
            _ => None,
        };
        Ok(Page { lines, next })
    }

    /// Merges rows and packs to a page: the same as if all of them were rows.
    fn read_results(&self, found: Rows, after: &ResultKey, limit: u32) -> Result<Page, DatabaseError> {
        let (mut lines, mut count, mut size) = (String::new(), 0_u32, 0_usize);
        let mut last = None;
        for (key, row) in packs::merged(found, after)? {
            let parts = row.optional_text("parts")?.map_or(0, |parts| parts.len());
            size = size.saturating_add(key.task.len()).saturating_add(parts).saturating_add(ROW_SIZE);
            if count >= limit || (count > 0 && size > PAGE_SIZE) {
                return Ok(Page { lines, next: last.map(ResultKey::into_keys) });
            }
            if row.boolean("told")? {
                self.write(&row, &mut lines)?;
            }
            count = count.saturating_add(1);
            last = Some(key);
        }
        Ok(Page { lines, next: None })
    }

    fn key(&self, row: &Row) -> Result<Vec<Key>, DatabaseError> {
        let key = |column: &&str| match self.kind(column) {
            Integer => row.integer(column).map(Key::Integer),
            _ => row.text(column).map(Key::Text),
        };
        self.keys.iter().map(key).collect()
    }

    /// Reads a row as readers of its line see it.
    pub(super) fn row(&self, row: &Row) -> Result<log_record::Row, DatabaseError> {
        let unreadable = |error| DatabaseError::Unavailable(format!("{}: {error}", self.name));
        let read = |(name, kind): &(&'static str, Kind)| {
            let value = match kind {
                Text => row.optional_text(name)?.into(),
                Integer => row.optional_integer(name)?.into(),
                Real => row.optional_real(name)?.into(),
                Boolean => row.boolean(name)?.into(),
                Json => match row.optional_text(name)? {
                    Some(text) => serde_json::from_str(&text).map_err(unreadable)?,
                    None => serde_json::Value::Null,
                },
            };
            Ok(((*name).to_owned(), value))
        };
        self.columns.iter().map(read).collect()
    }

    fn write(&self, row: &Row, lines: &mut String) -> Result<(), DatabaseError> {
        for (index, (name, kind)) in self.columns.iter().enumerate() {
            lines.push_str(if index == 0 { "{\"" } else { ",\"" });
            lines.push_str(name);
            lines.push_str("\":");
            let value = match kind {
                Text => row.optional_text(name)?.map(|text| serde_json::Value::String(text).to_string()),
                Integer => row.optional_integer(name)?.map(|integer| integer.to_string()),
                Real => row.optional_real(name)?.map(|real| serde_json::Value::from(real).to_string()),
                Boolean => Some(row.boolean(name)?.to_string()),
                Json => row.optional_text(name)?,
            };
            lines.push_str(value.as_deref().unwrap_or("null"));
        }
        lines.push_str("}\n");
        Ok(())
    }
}
