//! A copy of the public data set, as a directory: what `aibaas export` writes and `aibaas import dump` reads.
//!
//! `manifest.json`, a file of one row a line for each table, and `SHA256SUMS`, which `sha256sum -c` checks.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The file that says what the others are.
pub const MANIFEST: &str = "manifest.json";
/// The file of checksums, in the form of GNU coreutils.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// What a copy is of.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the rows.
    pub format: u32,
    /// The name of the newest migration where they come from.
    pub schema: String,
    /// The newest snapshot in it.
    pub snapshot_id: Option<String>,
    /// That snapshot's place in the order of all.
    pub seq: i64,
    /// When it was made.
    pub generated_at: String,
    /// Each after those that it refers to.
    pub tables: Vec<TableFile>,
}

/// A table's file.
#[derive(Debug, Deserialize, Serialize)]
pub struct TableFile {
    /// The table's name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
}

/// The file of a table.
pub fn file_name(table: &str) -> String {
    format!("{table}.ndjson")
}

/// A line of [`CHECKSUMS`].
pub fn checksum_line(hash: Sha256, file: &str) -> String {
    format!("{}  {file}\n", hex(hash))
}

/// The checksum that [`CHECKSUMS`] has of a file.
pub fn checksum_of<'a>(checksums: &'a str, file: &str) -> Option<&'a str> {
    let mut lines = checksums.lines().filter_map(|line| line.split_once(' '));
    // After the space a text has another one, and a binary file an asterisk.
    lines.find(|(_, name)| name.strip_prefix([' ', '*']) == Some(file)).map(|(hash, _)| hash)
}

/// As [`CHECKSUMS`] writes it.
pub fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What went wrong with a file, with its name.
pub fn trouble(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// Where a directory is made before it gets its name.
///
/// # Errors
/// When the path ends with no name.
pub fn unfinished(directory: &Path) -> Result<PathBuf, String> {
    let name = directory.file_name().ok_or_else(|| trouble(directory, &"give a directory's name"))?;
    let mut name = name.to_owned();
    name.push(".part");
    Ok(directory.with_file_name(name))
}
