//! Writer of a table's rows as they are downloaded.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::exported::{file_name, with_path};

/// The file of a table while it is written.
pub struct TableWriter {
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    rows: u64,
}

impl TableWriter {
    /// Creates the file, which must be new.
    ///
    /// # Errors
    /// A text that says why it cannot be created.
    pub fn new(directory: &Path, table: &str) -> Result<Self, String> {
        let path = directory.join(file_name(table));
        let file = File::create_new(&path).map_err(|error| with_path(&path, &error))?;
        Ok(Self { path, file: BufWriter::new(file), hash: Sha256::new(), rows: 0 })
    }

    /// Appends a page, and returns how many rows it has.
    ///
    /// # Errors
    /// A text that says why it cannot be written, or that it ends within a row.
    pub fn write(&mut self, page: &[u8]) -> Result<u64, String> {
        if page.last().is_some_and(|byte| *byte != b'\n') {
            return Err(with_path(&self.path, &"the server's page ends within a row"));
        }
        self.file.write_all(page).map_err(|error| with_path(&self.path, &error))?;
        self.hash.update(page);
        let rows = u64::try_from(page.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX);
        self.rows = self.rows.saturating_add(rows);
        Ok(rows)
    }

    /// Flushes the file to the disk. Returns its checksum and the number of its rows.
    ///
    /// # Errors
    /// A text that says why it cannot be flushed.
    pub fn finish(mut self) -> Result<(Sha256, u64), String> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written.map_err(|error| with_path(&self.path, &error))?;
        Ok((self.hash, self.rows))
    }
}
