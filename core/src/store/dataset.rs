//! The public data set, table by table: what `GET /export` tells, and what loads it into an empty database.
//!
//! A dataset is of one moment, the snapshot `through`, whatever is published meanwhile. The log of changes says of each run
//! when it was published and when it was taken out again, so both are told as they were then. Models, benchmarks and
//! versions that no published run stands on are told as they are when they are asked for. Nothing is told of what an
//! administrator hid. Rows of a table that were declared while the tables before it were read may lack what they refer
//! to: loading leaves them out.
//!
//! A page walks so many rows of a table by its primary key, whether they are public or not, and so costs no more than
//! them.

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
    dataset_load::{Load, Loaded, is_used},
    dataset_tables::TABLES,
};

use Kind::{Boolean, Integer, Json, Real, Text};

/// The form of what is told; another number is another form.
pub const FORMAT: u32 = 1;

/// The table that may be packed.
const RESULTS: &str = "results";
/// Bytes of texts that a page of it holds.
const PAGE_SIZE: usize = 1_000_000;
/// What one of its rows counts besides its texts.
const ROW_SIZE: usize = 300;

/// What a column holds, and how it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text; told as JSON.
    Text,
    /// An integer.
    Integer,
    /// A number.
    Real,
    /// 0 or 1; told as `false` or `true`.
    Boolean,
    /// Text that is JSON; told as it stands, so that not a byte of it changes.
    Json,
}

/// A table of the public data set.
#[derive(Debug)]
pub struct Table {
    /// Its name, also in the schema.
    pub name: &'static str,
    /// What reads a page of it.
    pub(super) page: &'static str,
    /// What loads rows of it.
    pub(super) load: &'static str,
    /// How many rows one statement loads at most.
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
    /// Of a text column.
    Text(String),
    /// Of an integer column.
    Integer(i64),
}

/// Rows of a table, one object a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Each ended by a line break.
    pub lines: String,
    /// The key to go on after, where there is more. A page may be short, or empty, and yet not the last.
    pub next: Option<Vec<Key>>,
}

/// Reads a row of `results` as the data set tells it.
pub(super) fn result(row: &Row) -> Result<log_record::Row, DatabaseError> {
    let table = Table::named(RESULTS).ok_or_else(|| DatabaseError::Unavailable("no table of results".to_owned()))?;
    table.row(row)
}

impl Table {
    /// Names the columns of its primary key.
    #[must_use]
    pub fn keys(&self) -> &'static [&'static str] {
        self.keys
    }

    /// Names the columns that hold one value, each with its type in the vocabulary of schema.org. A time is told in
    /// milliseconds since the epoch, which readers of tables take for one.
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

    /// The table of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Reads at most `limit` rows as of the snapshot with the place `through`, after a key or from the first; `None`
    /// where the key is no key of this table.
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

    /// How many rows one statement loads at most.
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

    /// The page that rows and packs make: the same as if all of them were rows.
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

    /// Reads a row as those who read its line do.
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
