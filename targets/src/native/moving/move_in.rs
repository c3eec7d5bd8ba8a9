//! Makes a database of a sealed file, or of an export of D1.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::Path,
};

use tokio::time::Instant;

use super::{
    MoveError,
    complete_file::{CompleteFile, of, report, run_blocking},
    database::Loader,
    dump,
    options::InOptions,
    payload::open,
    rows::Counter,
    sealed::MAGIC,
};
use crate::native::{
    data_directory,
    database::{Durability, SqliteDatabase},
    database_file::{self, failed, sync_names, verify, with_suffix},
    error::CliError,
    output::print_line,
};

/// Makes the native server's database of the file.
pub(super) async fn move_in(options: InOptions) -> Result<(), CliError> {
    let began = Instant::now();
    let (file, directory) = (options.file, &options.data.directory);
    let is_sealed = is_sealed(&file).map_err(|error| of(&file, error))?;
    let passphrase = if is_sealed { options.passphrase.read()? } else { String::new() };
    if is_sealed {
        // The whole file is checked first: nothing is made of one that was changed anywhere.
        let (sealed, passphrase) = (file.clone(), passphrase.clone());
        run_blocking(move || open(&sealed, &passphrase, &mut Counter::default()).map_err(|error| of(&sealed, error)))
            .await?;
    }
    let database = data_directory::database_file(directory);
    let _lock = data_directory::lock(directory)?;
    data_directory::check(directory)?;
    if database.exists() {
        let database = database.display();
        return Err(CliError::failed(format!("{database} is there already: move into a directory without a database")));
    }
    let new = with_suffix(&database, ".moving");
    let loaded = load(&file, is_sealed.then_some(passphrase), &new).await;
    let loaded = match loaded {
        Ok(rows) => {
            fs::rename(&new, &database).map_err(failed(&database)).and_then(|()| sync_names(&database)).map(|()| rows)
        }
        Err(error) => Err(error),
    };
    // What is left of a failed database is of no use; where it got its final name, only the empty log is left here.
    let _ = remove(&new);
    let bytes = fs::metadata(&database).map_or(0, |metadata| metadata.len());
    report("moved in", &file, CompleteFile { bytes, rows: loaded? }, began);
    Ok(())
}

/// Creates a database from the file, under a temporary name, and checks all of it.
async fn load(file: &Path, passphrase: Option<String>, new: &Path) -> Result<u64, CliError> {
    // An earlier run that was interrupted may have left this file.
    remove(new)?;
    database_file::create(new).map_err(failed(new))?;
    let migrated = SqliteDatabase::open(new, Durability::Process, 1).map_err(failed(new))?;
    aibaas_core::migrate(&migrated).await.map_err(failed(new))?;
    data_directory::close(migrated).await;
    let (source, target) = (file.to_owned(), new.to_owned());
    let rows = run_blocking(move || {
        let put = || -> Result<u64, MoveError> {
            let mut loader = Loader::open(&target)?;
            match passphrase {
                Some(passphrase) => open(&source, &passphrase, &mut loader)?,
                None => report_ambiguities(&dump::read(BufReader::new(File::open(&source)?), &mut loader)?),
            }
            loader.finish()
        };
        put().map_err(|error| of(&source, error))
    });
    let rows = rows.await?;
    verify(new).await?;
    File::open(new).and_then(|file| file.sync_all()).map_err(failed(new))?;
    Ok(rows)
}

/// Prints what the file does not represent exactly.
fn report_ambiguities(ambiguities: &dump::Ambiguities) {
    for column in &ambiguities.columns {
        print_line(&format!(
            "{column} has texts of several lines: a \\n that stood written in one is a line's end now (docs/moving.md)"
        ));
    }
}

/// Deletes a database with its log, where there is one.
fn remove(database: &Path) -> Result<(), CliError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let file = with_suffix(database, suffix);
        database_file::remove(&file).map_err(failed(&file))?;
    }
    Ok(())
}

/// Checks whether the file is sealed (true), or an export of D1 (false); fails where it is neither.
fn is_sealed(path: &Path) -> Result<bool, MoveError> {
    let mut file = BufReader::new(File::open(path)?);
    let beginning = file.fill_buf()?;
    if beginning.starts_with(MAGIC) {
        return Ok(true);
    }
    if beginning.starts_with(dump::BEGINNING) {
        return Ok(false);
    }
    Err(MoveError::new("it is neither a sealed file of aibaas, nor what wrangler d1 export wrote"))
}
