//! `aibaas-client export`: downloads the whole public dataset of an instance, as of one snapshot.

mod command;
mod croissant;
mod directory;
mod download;
mod instance;
mod manifest;
mod table_writer;

pub use command::{Options, export};
pub use directory::{with_path, write};
pub use instance::{Instance, next_page};
pub use manifest::{HEAD, KEYS, LEAVES, MANIFEST, Manifest, file_name};
