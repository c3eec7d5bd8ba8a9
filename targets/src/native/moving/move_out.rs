//! Seals everything that a database holds into one file.

use std::io::BufWriter;

use tokio::time::Instant;

use super::{
    MoveError,
    complete_file::{PART, create, of, report},
    database,
    options::OutOptions,
    payload::{PayloadWriter, open},
    rows::Counter,
    sealed::SealingWriter,
};
use crate::native::{data_directory, database_file::with_suffix, error::CliError};

/// Seals the database into a file.
pub(super) async fn move_out(options: OutOptions) -> Result<(), CliError> {
    let began = Instant::now();
    let passphrase = options.passphrase.read()?;
    let database = options.database.unwrap_or_else(|| data_directory::database_file(&options.data.directory));
    if !database.exists() {
        return Err(CliError::failed(format!("there is no database {}", database.display())));
    }
    let (part, secret) = (with_suffix(&options.file, PART), passphrase.clone());
    let made = create(&options.file, move |file| {
        let sealed = SealingWriter::new(BufWriter::new(file), &passphrase)?;
        let mut writer = PayloadWriter::new(sealed)?;
        database::read(&database, &mut writer).map_err(|error| of(&database, error))?;
        let (sealed, rows) = writer.finish()?;
        let file = sealed.finish()?.into_inner().map_err(|error| MoveError::new(error.to_string()))?;
        // The file is opened as a test, so that nobody finds out on the other host that it does not open.
        let mut counter = Counter::default();
        open(&part, &secret, &mut counter)?;
        if counter.rows != rows {
            return Err(MoveError::new("the sealed file does not hold what was read"));
        }
        Ok((file, rows))
    });
    report("sealed", &options.file, made.await?, began);
    Ok(())
}
