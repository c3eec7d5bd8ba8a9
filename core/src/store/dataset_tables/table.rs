//! What a table of the public dataset is, and how its rows read.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{log_record, strict_json::AnyJson},
    ports::{DatabaseError, Row},
};

use Kind::{Boolean, Integer, Json, Real, Text};

/// Type of a column, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
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
    pub(in crate::store) page: &'static str,
    /// SQL that loads rows.
    pub(in crate::store) load: &'static str,
    /// Most rows that one statement loads.
    pub(in crate::store) most_rows: usize,
    /// Whether every row is loaded: only what was declared while the dataset was made may lack what it refers to.
    pub(in crate::store) whole: bool,
    pub(in crate::store) keys: &'static [&'static str],
    pub(in crate::store) columns: &'static [(&'static str, Kind)],
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

    /// Returns the most rows that one statement loads.
    #[must_use]
    pub fn most_rows(&self) -> usize {
        self.most_rows
    }

    pub(in crate::store) fn kind(&self, column: &str) -> Kind {
        self.columns.iter().find(|(name, _)| *name == column).map_or(Text, |(_, kind)| *kind)
    }

    /// Reads the key of a row.
    pub(in crate::store) fn key(&self, row: &Row) -> Result<Vec<Key>, DatabaseError> {
        let key = |column: &&str| match self.kind(column) {
            Integer => row.integer(column).map(Key::Integer),
            _ => row.text(column).map(Key::Text),
        };
        self.keys.iter().map(key).collect()
    }

    /// Reads a row as readers of its line see it.
    pub(in crate::store) fn row(&self, row: &Row) -> Result<log_record::Row, DatabaseError> {
        let unreadable = |error| DatabaseError::Unexpected(format!("{}: {error}", self.name));
        let read = |(name, kind): &(&'static str, Kind)| {
            let value = match kind {
                Text => row.optional_text(name)?.into(),
                Integer => row.optional_integer(name)?.into(),
                Real => row.optional_real(name)?.into(),
                Boolean => row.boolean(name)?.into(),
                Json => match row.optional_text(name)? {
                    Some(text) => serde_json::from_str::<AnyJson>(&text).map_err(unreadable)?.0,
                    None => serde_json::Value::Null,
                },
            };
            Ok(((*name).to_owned(), value))
        };
        self.columns.iter().map(read).collect()
    }

    /// Writes a row as a line.
    pub(in crate::store) fn write(&self, row: &Row, lines: &mut String) -> Result<(), DatabaseError> {
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
