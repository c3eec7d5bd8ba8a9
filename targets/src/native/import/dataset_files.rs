//! The files of a dataset, as `aibaas-client export` writes them.
//!
//! `manifest.json`, a file of one row a line for each table, and `SHA256SUMS`, which `sha256sum -c` checks.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Name of the file that describes the others.
pub const MANIFEST: &str = "manifest.json";
/// Name of the file of checksums, in the format of GNU coreutils.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// Content of [`MANIFEST`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the rows' format.
    pub format: u32,
    /// Name of the newest migration at the instance of origin.
    pub schema: String,
    /// Id of the newest snapshot in the dataset.
    pub snapshot_id: Option<String>,
    /// Tables, each after those that it refers to.
    pub tables: Vec<TableFile>,
}

/// File of a table.
#[derive(Debug, Deserialize)]
pub struct TableFile {
    /// Name of the table.
    pub name: String,
    /// Number of rows.
    pub rows: u64,
}

/// Returns the name of a table's file.
pub fn file_name(table: &str) -> String {
    format!("{table}.ndjson")
}

/// Returns the checksum that the text of [`CHECKSUMS`] holds for a file.
pub fn checksum_of<'a>(checksums: &'a str, file: &str) -> Option<&'a str> {
    let mut lines = checksums.lines().filter_map(|line| line.split_once(' '));
    // The first space is followed by another one for a text file, and by an asterisk for a binary one.
    lines.find(|(_, name)| name.strip_prefix([' ', '*']) == Some(file)).map(|(hash, _)| hash)
}

/// Writes a checksum as [`CHECKSUMS`] does.
pub fn hex(hash: Sha256) -> String {
    data_encoding::HEXLOWER.encode(&hash.finalize())
}
