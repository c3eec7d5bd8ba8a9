//! Writes a sealed file as SQL.

use std::io::BufWriter;

use tokio::time::Instant;

use super::{
    MoveError,
    complete_file::{create, of, report},
    options::SqlOptions,
    payload::open,
    sql::SqlWriter,
};
use crate::native::error::CliError;

/// Writes the rows of a sealed file as SQL.
pub(super) async fn write_sql(options: SqlOptions) -> Result<(), CliError> {
    let began = Instant::now();
    let passphrase = options.passphrase.read()?;
    let sealed = options.file;
    let made = create(&options.sql, move |file| {
        let mut writer = SqlWriter::new(BufWriter::new(file))?;
        open(&sealed, &passphrase, &mut writer).map_err(|error| of(&sealed, error))?;
        let (file, rows) = writer.finish()?;
        Ok((file.into_inner().map_err(|error| MoveError::new(error.to_string()))?, rows))
    });
    report("wrote", &options.sql, made.await?, began);
    Ok(())
}
