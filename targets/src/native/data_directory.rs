//! The data directory of the server, as the server and the commands beside it open it.

use std::{
    fs::{DirBuilder, File, TryLockError},
    path::{Path, PathBuf},
};

use aibaas_core::migrate;
use clap::Args;

use super::{
    database::{Durability, SqliteDatabase},
    error::CliError,
};

/// Where the native server keeps its data.
#[derive(Args, Clone, Debug)]
pub struct DataDirectory {
    /// Directory of the database.
    #[arg(
        id = "data_dir",
        long = "data-dir",
        env = "AIBAAS_DATA_DIR",
        value_name = "DIRECTORY",
        default_value = "./.aibaas"
    )]
    pub directory: PathBuf,
}

/// Returns the path of the database's file.
pub fn database_file(directory: &Path) -> PathBuf {
    directory.join("aibaas.db")
}

/// Returns the path of the cache's file. It is created after the database's: where it exists, there was a database.
pub fn cache_file(directory: &Path) -> PathBuf {
    directory.join("cache.db")
}

/// Refuses a directory whose database is empty, or was there and is gone: a new one in its place would pass for the old
/// one without its data.
///
/// # Errors
/// [`CliError`] that says what to do.
pub fn check(directory: &Path) -> Result<(), CliError> {
    let file = database_file(directory);
    let refuse = |what: &str| {
        let (file, directory) = (file.display(), directory.display());
        let advice = format!("put the database back, or empty {directory} to begin anew");
        Err(CliError::failed(format!("{file} {what}: {advice}")))
    };
    match std::fs::metadata(&file) {
        Ok(metadata) if metadata.len() == 0 => refuse("is empty"),
        Ok(_) => Ok(()),
        Err(_) if cache_file(directory).exists() || directory.join("aibaas.db-wal").exists() => refuse("is gone"),
        Err(_) => Ok(()),
    }
}

/// Creates the directory, private to its owner, if it does not exist.
///
/// # Errors
/// [`CliError`] when the system refuses.
pub fn create(directory: &Path) -> Result<(), CliError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| CliError::failed(format!("cannot use {}: {error}", directory.display())))
}

/// Access of this process to a directory.
#[derive(Debug)]
pub enum Access {
    /// The process may write into the directory.
    Writable,
    /// The process may create the directory.
    ToBeMade,
    /// The process may do neither, for this reason.
    Denied(String),
}

/// Finds out what this process may do with a directory, and changes nothing.
pub fn access(directory: &Path) -> Access {
    let place = directory.ancestors().map(|place| if place.as_os_str().is_empty() { Path::new(".") } else { place });
    let Some(there) = place.into_iter().find(|place| place.exists()) else {
        return Access::Denied("there is no such place".to_owned());
    };
    match may_write(there) {
        _ if !there.is_dir() => Access::Denied(format!("{} is no directory", there.display())),
        Err(error) => Access::Denied(error.to_string()),
        Ok(()) if there == directory => Access::Writable,
        Ok(()) => Access::ToBeMade,
    }
}

#[cfg(unix)]
fn may_write(place: &Path) -> std::io::Result<()> {
    rustix::fs::access(place, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).map_err(Into::into)
}

#[cfg(not(unix))]
fn may_write(place: &Path) -> std::io::Result<()> {
    match std::fs::metadata(place)?.permissions().readonly() {
        true => Err(std::io::ErrorKind::PermissionDenied.into()),
        false => Ok(()),
    }
}

/// Locks the data directory for this process: two limiters or two writers would each keep half a promise.
///
/// # Errors
/// [`CliError`] where another process has locked it.
pub fn lock(directory: &Path) -> Result<File, CliError> {
    create(directory)?;
    let failed = |error: std::io::Error| CliError::failed(format!("cannot use {}: {error}", directory.display()));
    let lock = File::options().create(true).truncate(false).write(true).open(directory.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(CliError::failed(format!("another aibaas already serves from {}", directory.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Opens the database of the directory and migrates it to the newest schema. A server may run on it meanwhile: SQLite
/// lets one of the two write at a time, and the other waits.
///
/// # Errors
/// [`CliError`] when it cannot be opened or migrated.
pub async fn open(directory: &Path) -> Result<SqliteDatabase, CliError> {
    check(directory)?;
    let database = SqliteDatabase::open(&database_file(directory), Durability::Full, 1)
        .map_err(|error| CliError::failed(error.to_string()))?;
    migrate(&database).await.map_err(|error| CliError::failed(format!("cannot migrate the database: {error}")))?;
    Ok(database)
}

/// Closes the database, with everything in its one file unless a server still uses it.
pub async fn close(database: SqliteDatabase) {
    // This fails only where the threads are gone already.
    let _ = tokio::task::spawn_blocking(move || database.close()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_has_one_owner() {
        let directory = std::env::temp_dir().join(format!("aibaas-lock-{}", std::process::id()));
        let first = lock(&directory).unwrap();
        assert!(lock(&directory).is_err());
        drop(first);
        assert!(lock(&directory).is_ok());
        let _ = std::fs::remove_dir_all(&directory);
    }

    #[test]
    fn a_directory_is_looked_at_and_not_made() {
        let directory = std::env::temp_dir().join(format!("aibaas-access-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        assert!(matches!(access(&directory), Access::Writable));
        assert!(matches!(access(&directory.join("a/b")), Access::ToBeMade) && !directory.join("a").exists());
        File::create(directory.join("file")).unwrap();
        assert!(matches!(access(&directory.join("file/a")), Access::Denied(_)));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
