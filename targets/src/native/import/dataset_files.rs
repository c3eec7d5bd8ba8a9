//! The files of a dataset, as `aibaas-client export` writes them.
//!
//! `manifest.json`, a file of one row a line for each table, and `SHA256SUMS`, which `sha256sum -c` checks.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// The file that says what the others are.
pub const MANIFEST: &str = "manifest.json";
/// The file of checksums, in the form of GNU coreutils.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// What a dataset has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the rows.
    pub format: u32,
    /// The name of the newest migration where they come from.
    pub schema: String,
    /// The newest snapshot in it.
    pub snapshot_id: Option<String>,
    /// Each after those that it refers to.
    pub tables: Vec<TableFile>,
}

/// A table's file.
#[derive(Debug, Deserialize)]
pub struct TableFile {
    /// The table's name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
}

/// Returns the name of a table's file.
pub fn file_name(table: &str) -> String {
    format!("{table}.ndjson")
}

/// Returns the checksum that [`CHECKSUMS`] has of a file.
pub fn checksum_of<'a>(checksums: &'a str, file: &str) -> Option<&'a str> {
    let mut lines = checksums.lines().filter_map(|line| line.split_once(' '));
    // After the space a text has another one, and a binary file an asterisk.
    lines.find(|(_, name)| name.strip_prefix([' ', '*']) == Some(file)).map(|(hash, _)| hash)
}

/// Writes a checksum as [`CHECKSUMS`] does.
pub fn hex(hash: Sha256) -> String {
    data_encoding::HEXLOWER.encode(&hash.finalize())
}
