//! Copies of a database file: complete or not made at all, and verified before anybody relies on them.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use aibaas_core::store::migrations::{self, MIGRATIONS};

use super::{database::ReadOnlyDatabase, error::CliError};

/// Returns a function that converts an error of the system or of SQLite about this file into a [`CliError`].
pub fn failed<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> CliError + '_ {
    move |error| CliError::failed(format!("{}: {error}", path.display()))
}

/// Appends a suffix to the last name of the path.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}

/// Creates a file that does not exist yet, private to its owner. Whatever has its name already, even a link, is
/// somebody else's.
///
/// # Errors
/// [`io::Error`] where the name exists, or the system refuses.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Removes a file where there is one.
///
/// # Errors
/// [`io::Error`] where the system refuses.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Refuses a file that is broken, is not a database of aibaas, or was migrated by a newer release. Returns its schema.
///
/// # Errors
/// [`CliError`] that says which of these it is.
pub async fn verify(path: &Path) -> Result<&'static str, CliError> {
    let database = ReadOnlyDatabase::open(path).map_err(failed(path))?;
    let mut problems = database.integrity().map_err(failed(path))?;
    if problems.is_empty() {
        problems = database.foreign_keys().map_err(failed(path))?;
    }
    if let Some(first) = problems.first() {
        let more = problems.len().saturating_sub(1);
        return Err(CliError::failed(format!("{} is broken: {first} ({more} more)", path.display())));
    }
    let found = migrations::plan(&database).await.map_err(failed(path))?;
    if !found.unknown.is_empty() {
        return Err(CliError::failed(format!("{}: {}", path.display(), migrations::newer(&found.unknown))));
    }
    let applied = MIGRATIONS.len().saturating_sub(found.pending.len());
    let last = applied.checked_sub(1).and_then(|place| MIGRATIONS.get(place));
    last.map(|migration| migration.name)
        .ok_or_else(|| CliError::failed(format!("{} is no database of aibaas", path.display())))
}

/// A copy of a database that is complete, on the disk and verified.
pub struct VerifiedCopy {
    /// Size in bytes.
    pub bytes: u64,
    /// Name of its last migration.
    pub schema: &'static str,
}

/// Copies a database as of one moment, even while it is written, into a new file that only its owner can read.
///
/// # Errors
/// [`CliError`] where there is no room, or the copy is broken; then there is no copy.
pub async fn copy(from: &Path, to: &Path) -> Result<VerifiedCopy, CliError> {
    let copied = copy_and_verify(from, to).await;
    if copied.is_err() {
        // What is left of a failed copy is of no use.
        let _ = fs::remove_file(to);
    }
    copied
}

async fn copy_and_verify(from: &Path, to: &Path) -> Result<VerifiedCopy, CliError> {
    let (source, target) = (from.to_owned(), to.to_owned());
    let copying = move || {
        // An earlier copy that was interrupted may have left this file.
        remove(&target).and_then(|()| create(&target)).map_err(failed(&target))?;
        ReadOnlyDatabase::open(&source).and_then(|database| database.copy_into(&target)).map_err(failed(&source))
    };
    tokio::task::spawn_blocking(copying).await.map_err(failed(from))??;
    let schema = verify(to).await?;
    let file = File::open(to).map_err(failed(to))?;
    file.sync_all().map_err(failed(to))?;
    let bytes = file.metadata().map_err(failed(to))?.len();
    Ok(VerifiedCopy { bytes, schema })
}

/// Flushes the names in the file's directory to the disk.
///
/// # Errors
/// [`CliError`] where the system refuses.
pub fn sync_names(path: &Path) -> Result<(), CliError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[cfg(unix)]
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed(directory))?;
    Ok(())
}
