//! Reader of data from a directory that `aibaas-client export --log` wrote.

use std::{fs::File, path::Path};

use aibaas_core::wire::{LogHead, LogLeaf};
use serde::de::DeserializeOwned;

use super::data::{Keys, Log, Tables};
use crate::exported::{HEAD, KEYS, LEAVES, MANIFEST, Manifest, file_name, with_path};

/// Reads a file.
///
/// # Errors
/// A text that says why it cannot be read.
pub fn read(path: &Path) -> Result<String, String> {
    File::open(path).and_then(std::io::read_to_string).map_err(|error| with_path(path, &error))
}

/// Reads and parses a file of JSON.
///
/// # Errors
/// A text that says why it cannot be read.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    serde_json::from_str(&read(path)?).map_err(|error| with_path(path, &error))
}

/// Reads tables and log.
///
/// # Errors
/// A text that names a file which is missing or was not understood.
pub fn load(directory: &Path) -> Result<(Tables, Log), String> {
    let manifest: Manifest = read_json(&directory.join(MANIFEST))?;
    let mut tables = Tables::new(manifest.seq);
    for table in manifest.tables {
        tables.add(&table.name, &read(&directory.join(file_name(&table.name)))?)?;
    }
    let head: LogHead = read_json(&directory.join(HEAD))?;
    let keys: Keys = read_json(&directory.join(KEYS))?;
    let path = directory.join(LEAVES);
    let leaf = |line: &str| serde_json::from_str::<LogLeaf>(line).map_err(|error| with_path(&path, &error));
    let leaves = read(&path)?.lines().map(leaf).collect::<Result<_, _>>()?;
    Ok((tables, Log { head, leaves, keys }))
}
