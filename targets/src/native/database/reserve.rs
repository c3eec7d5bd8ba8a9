//! Space that is reserved for a full disk: a file that is deleted when there is no room for a write, so that what ends
//! somebody's access, and what frees space, can still be written.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

const BYTES: usize = 4 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// Shortest time between two attempts to fill the reserve.
const PAUSE: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(1) };

/// The reserve's file, or its place.
#[derive(Debug)]
pub struct DiskReserve {
    /// Path of the file; `None` where nothing is reserved.
    path: Option<PathBuf>,
    whole: bool,
    tried: Option<Instant>,
}

impl DiskReserve {
    /// Creates the reserve at this path, where there is room for it.
    pub fn keep(path: &Path) -> Self {
        let mut reserve = Self { path: Some(path.to_owned()), whole: false, tried: None };
        if !reserve.is_whole() {
            tracing::warn!(
                reserve = %path.display(),
                "the disk has no room for the reserve: nothing is written but log-outs, revocations and deletions"
            );
        }
        reserve
    }

    /// Creates a reserve that holds nothing.
    pub fn none() -> Self {
        Self { path: None, whole: true, tried: None }
    }

    /// Checks whether the reserve is there. Where it was released, it is filled again as soon as there is room.
    pub fn is_whole(&mut self) -> bool {
        let is_due = self.tried.is_none_or(|tried| tried.elapsed() >= PAUSE);
        if let (false, true, Some(path)) = (self.whole, is_due, &self.path) {
            self.tried = Some(Instant::now());
            self.whole = fill(path).is_ok();
            if !self.whole {
                // A part of the reserve would only take what little room there is.
                let _ = fs::remove_file(path);
            }
        }
        self.whole
    }

    /// Returns whether the reserve was there when it was last looked at.
    pub fn was_whole(&self) -> bool {
        self.whole
    }

    /// Releases the space. Returns whether there was any.
    pub fn release(&mut self) -> bool {
        let Some(path) = self.path.as_ref().filter(|_| self.whole) else { return false };
        tracing::error!("the disk is full: nothing is written but log-outs, revocations and deletions");
        self.whole = false;
        fs::remove_file(path).is_ok()
    }
}

/// Writes the file in full: a hole in a file reserves no space.
fn fill(path: &Path) -> std::io::Result<()> {
    if fs::metadata(path).is_ok_and(|file| file.len() == BYTES as u64) {
        return Ok(());
    }
    let mut file = File::create(path)?;
    let chunk = vec![0xA5; CHUNK];
    for _ in 0..BYTES / CHUNK {
        file.write_all(&chunk)?;
    }
    file.sync_all()
}

#[cfg(test)]
impl DiskReserve {
    /// Makes the file impossible to write, as on a full disk.
    pub fn forbid(path: &Path) {
        fs::create_dir(path).unwrap();
    }

    /// Makes the file writable again.
    pub fn allow(path: &Path) {
        fs::remove_dir(path).unwrap();
    }
}
