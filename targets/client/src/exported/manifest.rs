//! Files that describe an export: `manifest.json`, and `SHA256SUMS`, which `sha256sum -c` checks.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Version of the rows' format that this program knows.
pub const FORMAT: u32 = 1;
/// Name of the file that describes the others.
pub const MANIFEST: &str = "manifest.json";
/// Name of the file that describes the others in the Croissant vocabulary.
pub const CROISSANT: &str = "croissant.json";
/// Name of the file of checksums, in the format of GNU coreutils.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// Name of the file with the log's newest head.
pub const HEAD: &str = "log-head.json";
/// Name of the file with the keys that sign heads.
pub const KEYS: &str = "log-keys.json";
/// Name of the file with the log's leaves, one per line.
pub const LEAVES: &str = "log-leaves.ndjson";

/// Content of [`MANIFEST`]: what the instance told of its data set, with the files in place of addresses.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the rows' format.
    pub format: u32,
    /// Name of the newest migration at the instance.
    pub schema: String,
    /// Id of the newest snapshot in the export.
    pub snapshot_id: Option<String>,
    /// Place of that snapshot in the order of all.
    pub seq: i64,
    /// When the instance answered.
    pub generated_at: String,
    /// Tables, each after those that it refers to.
    pub tables: Vec<TableFile>,
}

/// File of a table.
#[derive(Debug, Deserialize, Serialize)]
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

/// Name of a file, and the SHA-256 of its content.
pub struct Checksum {
    /// Name of the file.
    pub file: String,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Checksum {
    /// Creates the checksum of a file whose content was hashed.
    pub fn new(file: String, hash: Sha256) -> Self {
        Self { file, sha256: HEXLOWER.encode(&hash.finalize()) }
    }

    /// Returns the file's line of [`CHECKSUMS`].
    pub fn line(&self) -> String {
        format!("{}  {}\n", self.sha256, self.file)
    }
}
