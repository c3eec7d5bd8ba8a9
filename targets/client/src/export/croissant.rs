//! Croissant description of an export's files, which data libraries read as it is.

use serde_json::{Map, Value};

use crate::exported::Checksum;

/// Converts an instance's description of its tables to one of the files beside it.
///
/// # Errors
/// A text that says which file the description lacks, or that there is no description.
pub fn of_files(described: &[u8], files: &[Checksum]) -> Result<Value, String> {
    let unreadable = |error: &str| format!("the server's description of its data is not understood: {error}");
    let mut described: Map<String, Value> =
        serde_json::from_slice(described).map_err(|error| unreadable(&error.to_string()))?;
    // The files do not change, so they have checksums.
    described.remove("isLiveDataset");
    let known = described.get_mut("distribution").and_then(Value::as_array_mut);
    let known = known.ok_or_else(|| unreadable("no distribution"))?;
    for Checksum { file, sha256 } in files {
        let entry = known.iter_mut().find(|entry| entry.get("@id").is_some_and(|id| id == file));
        let entry = entry.and_then(Value::as_object_mut).ok_or_else(|| unreadable(&format!("no {file}")))?;
        entry.insert("contentUrl".to_owned(), file.clone().into());
        entry.insert("sha256".to_owned(), sha256.clone().into());
    }
    Ok(Value::Object(described))
}
