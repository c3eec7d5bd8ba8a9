//! What an export tells of its files: `manifest.json`, and `SHA256SUMS`, which `sha256sum -c` checks.

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The form of the rows that this program knows.
pub const FORMAT: u32 = 1;
/// The file that says what the others are.
pub const MANIFEST: &str = "manifest.json";
/// The description of the files in the Croissant vocabulary.
pub const CROISSANT: &str = "croissant.json";
/// The file of checksums, in the form of GNU coreutils.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// The file of the log's newest head.
pub const HEAD: &str = "log-head.json";
/// The file of the keys that sign heads.
pub const KEYS: &str = "log-keys.json";
/// The file of the log's leaves, one a line.
pub const LEAVES: &str = "log-leaves.ndjson";

/// What an export has.
#[derive(Debug, Serialize)]
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
    /// When the instance answered.
    pub generated_at: String,
    /// Each after those that it refers to.
    pub tables: Vec<TableFile>,
}

/// A table's file.
#[derive(Debug, Serialize)]
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

/// A file, and the SHA-256 of what it holds.
pub struct Checksum {
    /// The file's name.
    pub file: String,
    /// In hexadecimal digits.
    pub sha256: String,
}

impl Checksum {
    /// The checksum of a file that holds what was hashed.
    pub fn new(file: String, hash: Sha256) -> Self {
        Self { file, sha256: HEXLOWER.encode(&hash.finalize()) }
    }

    /// Returns its line of [`CHECKSUMS`].
    pub fn line(&self) -> String {
        format!("{}  {}\n", self.sha256, self.file)
    }
}
