//! Directory of an export: until it is complete, its name ends with `.part`.

use std::{
    fmt::Display,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use super::manifest::{CHECKSUMS, CROISSANT, HEAD, KEYS, MANIFEST};

/// Returns the path at which the directory is written before it gets its name.
///
/// # Errors
/// A text where the path does not end with a name.
pub fn unfinished(directory: &Path) -> Result<PathBuf, String> {
    let name = directory.file_name().ok_or_else(|| with_path(directory, &"give a directory's name"))?;
    let mut name = name.to_owned();
    name.push(".part");
    Ok(directory.with_file_name(name))
}

/// Creates the unfinished directory, anew where an export was killed.
///
/// # Errors
/// A text that says why it cannot be created, or that the directory is not empty.
pub fn begin(directory: &Path, unfinished: &Path) -> Result<(), String> {
    match std::fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(with_path(directory, &"is there already, and not empty")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(with_path(directory, &error)),
    }
    if unfinished.exists() {
        discard(unfinished).map_err(|error| with_path(unfinished, &error))?;
    }
    std::fs::create_dir_all(unfinished).map_err(|error| with_path(unfinished, &error))
}

/// Removes the files that an export writes, and nothing else.
///
/// # Errors
/// [`std::io::Error`] where something cannot be removed.
pub fn discard(unfinished: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(unfinished)? {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|extension| extension == "ndjson")
            || [MANIFEST, CROISSANT, CHECKSUMS, HEAD, KEYS].iter().any(|name| path.ends_with(name));
        if is_ours {
            std::fs::remove_file(path)?;
        }
    }
    std::fs::remove_dir(unfinished)
}

/// Renames the unfinished directory to its final name.
///
/// # Errors
/// A text that says why the system refuses.
pub fn rename(unfinished: &Path, directory: &Path) -> Result<(), String> {
    // An empty directory of the name may exist, which not every system replaces.
    let _ = std::fs::remove_dir(directory);
    std::fs::rename(unfinished, directory).map_err(|error| with_path(directory, &error))
}

/// Writes a file, and flushes it to the disk.
///
/// # Errors
/// A text that says why it cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| with_path(path, &error))
}

/// Describes an error of a file or a directory.
pub fn with_path(path: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", path.display())
}
