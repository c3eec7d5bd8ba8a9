//! What is verified: the tables of the data set, and the log.

use std::{collections::HashMap, fmt::Display};

use aibaas_core::domain::log_record::Row;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is not true, for whoever asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Untrue(pub String);

impl Untrue {
    /// Says so.
    pub fn new(text: impl Display) -> Self {
        Self(text.to_string())
    }
}

/// A head of the log, as the API tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    pub size: u64,
    pub root_hash: String,
    pub timestamp: String,
    pub key_id: String,
    pub signature: String,
}

/// A leaf, as the API tells it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Leaf {
    pub index: u64,
    pub change: String,
    pub hash: String,
    pub leaf: Option<String>,
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

/// The log.
#[derive(Clone, Debug)]
pub struct Log {
    pub head: Head,
    /// As many as the head says, in their order.
    pub leaves: Vec<Leaf>,
    pub keys: Keys,
}

/// What the text of a leaf says.
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

/// What was sealed.
#[derive(Debug, Deserialize)]
pub struct SealCommitment {
    pub digest: String,
}

/// What was published with a change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCommitment {
    pub digest: String,
    pub results: u64,
}

/// What stood since a change.
#[derive(Debug, Deserialize)]
pub struct BoardCommitment {
    pub digest: String,
    pub entries: usize,
}

/// A leaf with what it says, unless its text is withheld.
#[derive(Debug)]
pub struct Line<'a> {
    pub leaf: &'a Leaf,
    pub text: Option<LeafText>,
}

impl Line<'_> {
    /// What it says, where it is of a snapshot: with the snapshot's place.
    pub fn of_snapshot(&self) -> Option<(&LeafText, i64)> {
        let text = self.text.as_ref()?;
        Some((text, text.seq?))
    }
}

/// The tables of a data set.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// The newest snapshot in it.
    pub seq: i64,
    tables: HashMap<String, Vec<Row>>,
}

impl Tables {
    /// A data set as of the snapshot at this place, without rows yet.
    pub fn new(seq: i64) -> Self {
        Self { seq, tables: HashMap::new() }
    }

    /// Adds the rows of a table, one object a line.
    ///
    /// # Errors
    /// Which line is none.
    pub fn add(&mut self, name: &str, lines: &str) -> Result<(), String> {
        let rows = self.tables.entry(name.to_owned()).or_default();
        for (number, line) in lines.lines().enumerate() {
            let row = serde_json::from_str(line).map_err(|error| format!("{name}, row {number}: {error}"))?;
            rows.push(row);
        }
        Ok(())
    }

    /// The rows of a table.
    pub fn rows(&self, name: &str) -> &[Row] {
        self.tables.get(name).map_or(&[], Vec::as_slice)
    }

    /// The id of the newest snapshot.
    pub fn newest(&self) -> Option<&str> {
        self.rows("snapshots").iter().max_by_key(|row| integer(row, "seq")).map(|row| text(row, "id"))
    }

    /// The rows of a table by the text of a column.
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

/// A text of a row; empty where there is none.
pub fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// An integer of a row; 0 where there is none.
pub fn integer(row: &Row, column: &str) -> i64 {
    row.get(column).and_then(Value::as_i64).unwrap_or_default()
}

/// A number of a row.
pub fn real(row: &Row, column: &str) -> Option<f64> {
    row.get(column).and_then(Value::as_f64)
}

/// Whether a row says so.
pub fn is_true(row: &Row, column: &str) -> bool {
    row.get(column).and_then(Value::as_bool).unwrap_or_default()
}

/// A value for people.
pub fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "null".to_owned(), Value::to_string)
}

/// Whether two numbers are the same but for the last digits, which hosts and SQLite compute differently.
pub fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}
