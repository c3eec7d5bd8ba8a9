//! An export on the disk: its directory, and the files that describe it.

mod directory;
mod manifest;

pub use directory::{begin, discard, rename, unfinished, with_path, write};
pub use manifest::{
    CHECKSUMS, CROISSANT, Checksum, FORMAT, HEAD, KEYS, LEAVES, MANIFEST, Manifest, TableFile, file_name,
};
