//! Where the accounts go: a database, or a file of SQL.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use aibaas_core::operators::{ImportOutcome, ImportedUser, users_as_sql};

use super::Options;
use crate::native::{data_directory, database::SqliteDatabase, error::CliError, operator};

/// Destination of the accounts.
pub(super) enum Target {
    Database(Box<SqliteDatabase>),
    File { file: BufWriter<File>, path: PathBuf },
}

impl Target {
    /// Opens the database, or creates the file.
    pub(super) async fn open(options: &Options) -> Result<Self, CliError> {
        let Some(path) = &options.sql else {
            data_directory::create(&options.data.directory)?;
            return data_directory::open(&options.data.directory).await.map(Box::new).map(Self::Database);
        };
        let file =
            new_file(path).map_err(|error| CliError::failed(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self::File { file: BufWriter::new(file), path: path.clone() })
    }

    /// Stores the accounts. Returns the outcome for each, in order.
    pub(super) async fn put(&mut self, users: &[ImportedUser]) -> Result<Vec<ImportOutcome>, String> {
        match self {
            Self::Database(database) => {
                operator::of(database).import_users(users).await.map_err(|error| error.to_string())
            }
            Self::File { file, path } => {
                file.write_all(users_as_sql(users).as_bytes())
                    .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
                Ok(vec![ImportOutcome::Imported; users.len()])
            }
        }
    }

    /// Closes the target. An incomplete file is deleted, since half a file would pass for a whole one.
    pub(super) async fn close(self, whole: bool) -> Result<(), CliError> {
        match self {
            Self::Database(database) => data_directory::close(*database).await,
            Self::File { mut file, path } => {
                let written = file.flush().and_then(|()| file.get_ref().sync_all());
                if !whole || written.is_err() {
                    drop(file);
                    let _ = std::fs::remove_file(&path);
                }
                written.map_err(|error| CliError::failed(format!("cannot write {}: {error}", path.display())))?;
            }
        }
        Ok(())
    }
}

/// Creates a file that did not exist, private to its owner: it holds hashes of passwords.
fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
