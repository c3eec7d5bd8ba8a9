//! `aibaas move`: moves everything that an instance stores from one host to another.

mod database;
mod dump;
mod error;
mod payload;
mod rows;
mod sealed;
mod sql;

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter},
    path::{Path, PathBuf},
    process::ExitCode,
};

use aibaas_core::store::migrations::schema;
use clap::{Args, Subcommand};
use tokio::time::Instant;

pub use self::error::MoveError;
use self::{
    database::Loader,
    payload::PayloadWriter,
    rows::{Counter, Sink},
    sealed::{MAGIC, OpeningReader, SealingWriter},
    sql::SqlWriter,
};
use super::{
    data_directory::{self, DataDirectory},
    database::{Durability, SqliteDatabase},
    database_file::{self, failed, sync_names, verify, with_suffix},
    error::CliError,
    output::print_line,
};

/// Fewest characters of a passphrase.
const SHORTEST: usize = 20;
/// Suffix of a file's name until the file is complete.
const PART: &str = ".part";

/// Which way.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Seal everything that a database holds into one file. A server may run meanwhile; what it writes later is not in it.
    Out(OutOptions),
    /// Make the native server's database of a sealed file, or of what `wrangler d1 export` wrote. There must be none yet.
    In(InOptions),
    /// Write a sealed file as SQL for `wrangler d1 execute DB --remote --file`. It holds hashes of passwords, in the clear.
    Sql(SqlOptions),
}

/// What opens a sealed file.
#[derive(Args, Debug)]
struct Passphrase {
    /// File with the passphrase, of at least 20 characters: `openssl rand -base64 32` makes one.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// What is sealed, and into which file.
#[derive(Args, Debug)]
pub struct OutOptions {
    /// The file that is made.
    file: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
    /// Another file than the native server's: a backup, or Spin's `.spin/sqlite_db.db`.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

/// What the database is made of, and where.
#[derive(Args, Debug)]
pub struct InOptions {
    /// A sealed file, or what `wrangler d1 export` wrote.
    file: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
    #[command(flatten)]
    data: DataDirectory,
}

/// What is written as SQL, and into which file.
#[derive(Args, Debug)]
pub struct SqlOptions {
    /// A sealed file.
    file: PathBuf,
    /// The file that is made.
    sql: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`] that says why it failed; then nothing was made.
pub async fn run(command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Out(options) => out(options).await?,
        Command::In(options) => enter(options).await?,
        Command::Sql(options) => write_sql(options).await?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Passphrase {
    fn read(&self) -> Result<String, CliError> {
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

async fn out(options: OutOptions) -> Result<(), CliError> {
    let began = Instant::now();
    let passphrase = options.passphrase.read()?;
    let database = options.database.unwrap_or_else(|| data_directory::database_file(&options.data.directory));
    if !database.exists() {
        return Err(CliError::failed(format!("there is no database {}", database.display())));
    }
    let (part, secret) = (with_suffix(&options.file, PART), passphrase.clone());
    let made = make(&options.file, move |file| {
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

async fn write_sql(options: SqlOptions) -> Result<(), CliError> {
    let began = Instant::now();
    let passphrase = options.passphrase.read()?;
    let sealed = options.file;
    let made = make(&options.sql, move |file| {
        let mut writer = SqlWriter::new(BufWriter::new(file))?;
        open(&sealed, &passphrase, &mut writer).map_err(|error| of(&sealed, error))?;
        let (file, rows) = writer.finish()?;
        Ok((file.into_inner().map_err(|error| MoveError::new(error.to_string()))?, rows))
    });
    report("wrote", &options.sql, made.await?, began);
    Ok(())
}

/// Passes all rows of a sealed file to the sink.
fn open(path: &Path, passphrase: &str, sink: &mut impl Sink) -> Result<(), MoveError> {
    payload::read(OpeningReader::new(BufReader::new(File::open(path)?), passphrase)?, sink)
}

async fn enter(options: InOptions) -> Result<(), CliError> {
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

fn of(path: &Path, error: MoveError) -> MoveError {
    MoveError(format!("{}: {}", path.display(), error.0))
}

/// A complete file.
struct CompleteFile {
    bytes: u64,
    rows: u64,
}

fn report(what: &str, file: &Path, made: CompleteFile, began: Instant) {
    let (file, CompleteFile { bytes, rows }, seconds) = (file.display(), made, began.elapsed().as_secs_f64());
    print_line(&format!("{what} {file}: {rows} rows, {bytes} bytes in {seconds:.2} s, schema {}", schema()));
}

/// Runs blocking work on a thread where it holds nobody up.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MoveError> + Send + 'static,
) -> Result<T, CliError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CliError::failed(error.to_string()))?.map_err(CliError::from)
}

/// Creates a file, private to its owner, that gets its name once it is complete. Fails where the name exists, or
/// another process is creating it.
async fn make(
    path: &Path,
    write: impl FnOnce(File) -> Result<(File, u64), MoveError> + Send + 'static,
) -> Result<CompleteFile, CliError> {
    let is_free = || match path.exists() {
        true => Err(CliError::failed(format!("{} is there already", path.display()))),
        false => Ok(()),
    };
    is_free()?;
    let part = with_suffix(path, PART);
    let file = database_file::create(&part).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::failed(format!(
            "{} is there already: another one makes it, or one that broke off has left it; then remove it",
            part.display()
        )),
        _ => failed(&part)(error),
    })?;
    let written = run_blocking(move || {
        let (file, rows) = write(file)?;
        file.sync_all()?;
        Ok(CompleteFile { bytes: file.metadata()?.len(), rows })
    });
    let named = match written.await {
        Ok(made) => is_free().and_then(|()| fs::rename(&part, path).map_err(failed(path))).map(|()| made),
        Err(error) => Err(error),
    };
    if named.is_err() {
        // What is left of an incomplete file is of no use.
        let _ = fs::remove_file(&part);
    }
    let made = named?;
    sync_names(path)?;
    Ok(made)
}
