//! `aibaas backup` and `aibaas restore`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use aibaas_core::ports::Clock as _;
use clap::Args;
use tokio::time::Instant;

use super::{
    data_directory::{self, DataDirectory},
    database::fold_log,
    database_file::{VerifiedCopy, copy, failed, sync_names, verify, with_suffix},
    error::CliError,
    output::print_line,
    system_clock::SystemClock,
};

/// Where the backup goes.
#[derive(Args, Debug)]
pub struct BackupOptions {
    /// The file that is made.
    file: PathBuf,
    /// Replace the file where it is there; it stays whole until the new one is.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    data: DataDirectory,
}

/// What is restored, and where to.
#[derive(Args, Debug)]
pub struct RestoreOptions {
    /// A file that `aibaas backup` made, or another copy of a database.
    file: PathBuf,
    #[command(flatten)]
    data: DataDirectory,
}

/// Backs the database up, while a server may run on it.
///
/// # Errors
/// [`CliError`] when there is no database, or no room, or a file there already.
pub async fn backup(options: BackupOptions) -> Result<ExitCode, CliError> {
    let began = Instant::now();
    data_directory::check(&options.data.directory)?;
    let source = data_directory::database_file(&options.data.directory);
    let copied = make(&source, &options.file, options.force).await?;
    report("backed up to", &options.file, &copied, began);
    Ok(ExitCode::SUCCESS)
}

fn report(what: &str, file: &Path, copied: &VerifiedCopy, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    let (file, VerifiedCopy { bytes, schema }) = (file.display(), copied);
    print_line(&format!("{what} {file}: {bytes} bytes in {seconds:.2} s, verified, schema {schema}"));
}

/// Makes a backup under a temporary name, and renames it once it is complete.
///
/// # Errors
/// The errors of [`backup`].
pub async fn make(source: &Path, file: &Path, force: bool) -> Result<VerifiedCopy, CliError> {
    if !source.exists() {
        return Err(CliError::failed(format!("there is no database {}", source.display())));
    }
    if file.exists() && !force {
        return Err(CliError::failed(format!("{} is there already: --force replaces it", file.display())));
    }
    let part = with_suffix(file, ".part");
    let copied = copy(source, &part).await?;
    fs::rename(&part, file).map_err(failed(file))?;
    sync_names(file)?;
    Ok(copied)
}

/// Replaces the database by a copy, while no server runs.
///
/// # Errors
/// [`CliError`] when a server uses the directory, or the copy is broken, of a newer release or not a database of
/// aibaas; then the database is as it was.
pub async fn restore(options: RestoreOptions) -> Result<ExitCode, CliError> {
    let began = Instant::now();
    let directory = &options.data.directory;
    if !options.file.exists() {
        return Err(CliError::failed(format!("there is no {}", options.file.display())));
    }
    let _lock = data_directory::lock(directory)?;
    verify(&options.file).await?;
    let database = data_directory::database_file(directory);
    let new = with_suffix(&database, ".restoring");
    let copied = copy(&options.file, &new).await?;
    let aside = set_aside(&database)?;
    // Between these two lines there is no database, and a server refuses to start.
    fs::rename(&new, &database).map_err(failed(&database))?;
    sync_names(&database)?;
    if let Some(aside) = aside {
        print_line(&format!("the database that was there is kept as {}", aside.display()));
    }
    report("restored", &options.file, &copied, began);
    Ok(ExitCode::SUCCESS)
}

/// Renames the database, and its log beside it. Returns the new path, or `None` where there was no database.
fn set_aside(database: &Path) -> Result<Option<PathBuf>, CliError> {
    let aside = with_suffix(database, &format!(".before-{}", SystemClock.now().0));
    if database.exists() {
        // One file has its new name at once. A broken database keeps its log as it is.
        let _ = fold_log(database);
    }
    let mut was_there = false;
    for suffix in ["", "-wal"] {
        let (from, to) = (with_suffix(database, suffix), with_suffix(&aside, suffix));
        if from.exists() {
            fs::rename(&from, &to).map_err(failed(&from))?;
            was_there = true;
        }
    }
    // This file is an index of the log, which SQLite creates anew.
    let _ = fs::remove_file(with_suffix(database, "-shm"));
    Ok(was_there.then_some(aside))
}
