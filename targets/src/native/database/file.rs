//! Identity of the database's file: if it were gone, SQLite would quietly create a new one in its place.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
};

use aibaas_core::ports::DatabaseError;

/// The file that a database was opened from.
#[derive(Clone, Debug)]
pub struct DatabaseFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl DatabaseFile {
    /// Notes which file is at the path now.
    ///
    /// # Errors
    /// [`io::Error`] when the file's metadata cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let identity = identity(&std::fs::metadata(path)?);
        Ok(Self { path: path.to_owned(), identity })
    }

    /// Checks whether the same file is still at the path, and is not empty.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] where it was renamed, removed, replaced or truncated.
    pub fn check(&self) -> Result<(), DatabaseError> {
        let gone = |what: &str| DatabaseError::Unavailable(format!("the database file {} {what}", self.path.display()));
        let metadata = std::fs::metadata(&self.path).map_err(|error| gone(&format!("is gone: {error}")))?;
        if metadata.len() == 0 {
            return Err(gone("is empty"));
        }
        if identity(&metadata) != self.identity {
            return Err(gone("was replaced by another one"));
        }
        Ok(())
    }
}

/// Returns device and inode, which tell a file from another one of the same name; `None` on systems without them.
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}
