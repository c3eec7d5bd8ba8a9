//! The passphrase that opens a sealed file.

use std::{fs::File, io, path::PathBuf};

use clap::Args;

use crate::native::{database_file::failed, error::CliError};

/// Fewest characters of a passphrase.
const SHORTEST: usize = 20;

/// What opens a sealed file.
#[derive(Args, Debug)]
pub struct Passphrase {
    /// File with the passphrase, of at least 20 characters: `openssl rand -base64 32` makes one.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Passphrase {
    /// Reads the passphrase from its file.
    ///
    /// # Errors
    /// [`CliError`] where no file is named, or it cannot be read, or its passphrase is too short.
    pub(super) fn read(&self) -> Result<String, CliError> {
        let file = self.passphrase_file.as_deref();
        let file = file.ok_or_else(|| CliError::misconfigured("--passphrase-file names what opens the sealed file"))?;
        let text = File::open(file).and_then(io::read_to_string).map_err(failed(file))?;
        let passphrase = text.trim_end_matches(['\n', '\r']);
        if passphrase.chars().count() < SHORTEST {
            let file = file.display();
            return Err(CliError::misconfigured(format!(
                "{file} holds a passphrase of less than {SHORTEST} characters"
            )));
        }
        Ok(passphrase.to_owned())
    }
}
