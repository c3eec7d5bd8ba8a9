use std::path::PathBuf;

use clap::Args;

use super::passphrase::Passphrase;
use crate::native::data_directory::DataDirectory;

/// What is sealed, and into which file.
#[derive(Args, Debug)]
pub struct OutOptions {
    /// The file that is made.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) passphrase: Passphrase,
    /// Another file than the native server's: a backup, or Spin's `.spin/sqlite_db.db`.
    #[arg(long, value_name = "FILE")]
    pub(super) database: Option<PathBuf>,
    #[command(flatten)]
    pub(super) data: DataDirectory,
}

/// What the database is made of, and where.
#[derive(Args, Debug)]
pub struct InOptions {
    /// A sealed file, or what `wrangler d1 export` wrote.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) passphrase: Passphrase,
    #[command(flatten)]
    pub(super) data: DataDirectory,
}

/// What is written as SQL, and into which file.
#[derive(Args, Debug)]
pub struct SqlOptions {
    /// A sealed file.
    pub(super) file: PathBuf,
    /// The file that is made.
    pub(super) sql: PathBuf,
    #[command(flatten)]
    pub(super) passphrase: Passphrase,
}
