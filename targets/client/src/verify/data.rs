//! Data that are verified: the tables of the dataset, and the log.

use std::{collections::HashMap, fmt::Display};

use aibaas_core::{
    domain::log_record::Row,
    wire::{BoardCommitment, LogHead, LogLeaf, RunCommitment, SealCommitment},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An untrue statement of the board, described for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Untrue(pub String);

impl Untrue {
    /// Creates the error with this text.
    pub fn new(text: impl Display) -> Self {
        Self(text.to_string())
    }
}

/// A JWK set.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Keys {
    pub keys: Vec<Key>,
}

/// A public key of Ed25519.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Key {
    pub kid: String,
    pub x: String,
    #[serde(flatten)]
    pub rest: Row,
}

/// The log with its head and keys.
#[derive(Clone, Debug)]
pub struct Log {
    pub head: LogHead,
    /// Leaves in their order, as many as the head counts.
    pub leaves: Vec<LogLeaf>,
    pub keys: Keys,
}

/// Content of a leaf's text. The server's type only writes: here the change is a row, since it is compared by the names
/// of its members, and one that this program does not know must not end the verification.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeafText {
    pub format: u32,
    pub change: Row,
    pub snapshot_id: Option<String>,
    pub seq: Option<i64>,
    pub run: Option<RunCommitment>,
    pub board: Option<BoardCommitment>,
    #[serde(default)]
    pub seal: Option<SealCommitment>,
}

/// A leaf with its content, unless its text is withheld.
#[derive(Debug)]
pub struct Line<'a> {
    pub leaf: &'a LogLeaf,
    pub text: Option<LeafText>,
}

impl Line<'_> {
    /// Returns the content with the snapshot's place, where the line is of a snapshot.
    pub fn of_snapshot(&self) -> Option<(&LeafText, i64)> {
        let text = self.text.as_ref()?;
        Some((text, text.seq?))
    }
}

/// Tables of a dataset.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Place of the newest snapshot in the dataset.
    pub seq: i64,
    tables: HashMap<String, Vec<Row>>,
}

impl Tables {
    /// Creates a dataset as of the snapshot at this place, without rows.
    pub fn new(seq: i64) -> Self {
        Self { seq, tables: HashMap::new() }
    }

    /// Adds the rows of a table, given as lines of JSON objects.
    ///
    /// # Errors
    /// A text that names a line which is not one.
    pub fn add(&mut self, name: &str, lines: &str) -> Result<(), String> {
        let rows = self.tables.entry(name.to_owned()).or_default();
        for (number, line) in lines.lines().enumerate() {
            let row = serde_json::from_str(line).map_err(|error| format!("{name}, row {number}: {error}"))?;
            rows.push(row);
        }
        Ok(())
    }

    /// Returns the rows of a table.
    pub fn rows(&self, name: &str) -> &[Row] {
        self.tables.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the id of the newest snapshot.
    pub fn newest(&self) -> Option<&str> {
        self.rows("snapshots").iter().max_by_key(|row| integer(row, "seq")).map(|row| text(row, "id"))
    }

    /// Groups the rows of a table by the text of a column.
    pub fn by(&self, name: &str, column: &str) -> HashMap<&str, Vec<&Row>> {
        let mut by = HashMap::<_, Vec<_>>::new();
        for row in self.rows(name) {
            by.entry(text(row, column)).or_default().push(row);
        }
        by
    }

    #[cfg(test)]
    pub fn rows_mut(&mut self, name: &str) -> &mut Vec<Row> {
        self.tables.get_mut(name).unwrap()
    }
}

/// Returns a text of a row; empty where there is none.
pub fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// Returns an integer of a row; 0 where there is none.
pub fn integer(row: &Row, column: &str) -> i64 {
    row.get(column).and_then(Value::as_i64).unwrap_or_default()
}

/// Returns a number of a row.
pub fn real(row: &Row, column: &str) -> Option<f64> {
    row.get(column).and_then(Value::as_f64)
}

/// Checks whether a column of a row is true.
pub fn is_true(row: &Row, column: &str) -> bool {
    row.get(column).and_then(Value::as_bool).unwrap_or_default()
}

/// Formats a value for people.
pub fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "null".to_owned(), Value::to_string)
}

/// Checks whether two numbers are equal except for the last digits, which hosts and SQLite compute differently.
pub fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}
