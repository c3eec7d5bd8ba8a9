//! The directory that the server keeps its data in, as the server and the commands beside it open it.

use std::{
    fs::DirBuilder,
    path::{Path, PathBuf},
};

use aibaas_core::migrate;

use super::{
    cli::Failure,
    database::{Durability, SqliteDatabase},
};

/// The database's file.
pub fn database_file(directory: &Path) -> PathBuf {
    directory.join("aibaas.db")
}

/// Makes the directory, its owner's alone, if it is not there.
///
/// # Errors
/// [`Failure`] when the system refuses.
pub fn create(directory: &Path) -> Result<(), Failure> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| Failure::failed(format!("cannot use {}: {error}", directory.display())))
}

/// Opens the database of the directory and brings it to the newest schema. A server may run on it meanwhile: SQLite
/// lets one of the two write at a time, and the other waits.
///
/// # Errors
/// [`Failure`] when it cannot be opened or migrated.
pub async fn open(directory: &Path) -> Result<SqliteDatabase, Failure> {
    let database = SqliteDatabase::open(&database_file(directory), Durability::Full, 1)
        .map_err(|error| Failure::failed(error.to_string()))?;
    migrate(&database).await.map_err(|error| Failure::failed(format!("cannot migrate the database: {error}")))?;
    Ok(database)
}

/// Closes it, with everything in its one file unless a server still uses it.
pub async fn close(database: SqliteDatabase) {
    // It fails only where the threads are gone already.
    let _ = tokio::task::spawn_blocking(move || database.close()).await;
}
