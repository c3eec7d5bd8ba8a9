//! Files that get their names once they are complete, and what is printed about them.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use aibaas_core::store::migrations::schema;
use tokio::time::Instant;

use super::MoveError;
use crate::native::{
    database_file::{self, failed, sync_names, with_suffix},
    error::CliError,
    output::print_line,
};

/// Suffix of a file's name until the file is complete.
pub(super) const PART: &str = ".part";

/// A complete file.
pub(super) struct CompleteFile {
    pub(super) bytes: u64,
    pub(super) rows: u64,
}

/// Prints what was done with the file, how large it is and how long it took.
pub(super) fn report(what: &str, file: &Path, made: CompleteFile, began: Instant) {
    let (file, CompleteFile { bytes, rows }, seconds) = (file.display(), made, began.elapsed().as_secs_f64());
    print_line(&format!("{what} {file}: {rows} rows, {bytes} bytes in {seconds:.2} s, schema {}", schema()));
}

/// Runs blocking work on a thread where it holds nobody up.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MoveError> + Send + 'static,
) -> Result<T, CliError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CliError::failed(error.to_string()))?.map_err(CliError::from)
}

/// Creates a file, private to its owner, that gets its name once it is complete. Fails where the name exists, or
/// another process is creating it.
pub(super) async fn create(
    path: &Path,
    write: impl FnOnce(File) -> Result<(File, u64), MoveError> + Send + 'static,
) -> Result<CompleteFile, CliError> {
    let is_free = || match path.exists() {
        true => Err(CliError::failed(format!("{} is there already", path.display()))),
        false => Ok(()),
    };
    is_free()?;
    let part = with_suffix(path, PART);
    let file = database_file::create(&part).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::failed(format!(
            "{} is there already: another one makes it, or one that broke off has left it; then remove it",
            part.display()
        )),
        _ => failed(&part)(error),
    })?;
    let written = run_blocking(move || {
        let (file, rows) = write(file)?;
        file.sync_all()?;
        Ok(CompleteFile { bytes: file.metadata()?.len(), rows })
    });
    let named = match written.await {
        Ok(made) => is_free().and_then(|()| fs::rename(&part, path).map_err(failed(path))).map(|()| made),
        Err(error) => Err(error),
    };
    if named.is_err() {
        // What is left of an incomplete file is of no use.
        let _ = fs::remove_file(&part);
    }
    let made = named?;
    sync_names(path)?;
    Ok(made)
}

/// Adds the path to an error.
pub(super) fn of(path: &Path, error: MoveError) -> MoveError {
    MoveError(format!("{}: {}", path.display(), error.0))
}
