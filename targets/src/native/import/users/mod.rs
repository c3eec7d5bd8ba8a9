//! `aibaas import users`: imports the accounts of the old backend, as PostgreSQL exported them.
//!
//! Nothing is ever overwritten: an existing account stays as it is, so an import that was interrupted or repeated does
//! no harm.

mod account;
#[cfg(test)]
mod fuzz;
mod rows;

use std::{
    collections::HashMap,
    fmt::Display,
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use aibaas_core::{
    operators::{ImportOutcome, ImportedUser, users_as_sql},
    ports::Clock as _,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};

use self::rows::{Row, Rows};
use crate::native::{
    data_directory::{self, DataDirectory},
    database::SqliteDatabase,
    error::CliError,
    operator,
    output::print_line,
    system_clock::SystemClock,
};

/// Most accounts of one transaction.
const BATCH: usize = 500;

/// What is imported, and where to.
#[derive(Args, Debug)]
pub struct Options {
    /// CSV with a header, or NDJSON, of the columns id, email, password_hash, full_name, email_verified, created_at.
    file: PathBuf,
    /// Write the accounts to this new file, for `wrangler d1 execute DB --remote --file`, and open no database.
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

/// Imports every row that can be imported, and reports the others with their lines.
///
/// # Errors
/// [`CliError`] when the file cannot be read to its end, or the accounts cannot be stored.
pub async fn import(options: Options) -> Result<ExitCode, CliError> {
    let from = |error: &dyn Display| CliError::failed(format!("{}: {error}", options.file.display()));
    let rows = Rows::open(&options.file).map_err(|error| from(&error))?;
    let length = options.file.metadata().map_err(|error| from(&error))?.len();
    let mut import = Import {
        target: Target::open(&options).await?,
        seen: SeenDigests::default(),
        batch: Vec::new(),
        summary: Summary::default(),
    };
    let outcome = import.all(rows, length).await.map_err(|error| from(&error));
    let Import { target, summary, .. } = import;
    let to_file = options.sql.is_some();
    let closed = target.close(outcome.is_ok()).await;
    let outcome = outcome.and(closed);
    print_line(&summary.describe(to_file, outcome.is_ok()));
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Destination of the accounts.
enum Target {
    Database(Box<SqliteDatabase>),
    File { file: BufWriter<File>, path: PathBuf },
}

impl Target {
    async fn open(options: &Options) -> Result<Self, CliError> {
        let Some(path) = &options.sql else {
            data_directory::create(&options.data.directory)?;
            return data_directory::open(&options.data.directory).await.map(Box::new).map(Self::Database);
        };
        let file =
            new_file(path).map_err(|error| CliError::failed(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self::File { file: BufWriter::new(file), path: path.clone() })
    }

    /// Stores the accounts. Returns the outcome for each, in order.
    async fn put(&mut self, users: &[ImportedUser]) -> Result<Vec<ImportOutcome>, String> {
        match self {
            Self::Database(database) => {
                operator::of(database).import_users(users).await.map_err(|error| error.to_string())
            }
            Self::File { file, path } => {
                file.write_all(users_as_sql(users).as_bytes())
                    .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
                Ok(vec![ImportOutcome::Imported; users.len()])
            }
        }
    }

    /// Closes the target. An incomplete file is deleted, since half a file would pass for a whole one.
    async fn close(self, whole: bool) -> Result<(), CliError> {
        match self {
            Self::Database(database) => data_directory::close(*database).await,
            Self::File { mut file, path } => {
                let written = file.flush().and_then(|()| file.get_ref().sync_all());
                if !whole || written.is_err() {
                    drop(file);
                    let _ = std::fs::remove_file(&path);
                }
                written.map_err(|error| CliError::failed(format!("cannot write {}: {error}", path.display())))?;
            }
        }
        Ok(())
    }
}

/// Creates a file that did not exist, private to its owner: it holds hashes of passwords.
fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Digests of the ids and addresses in earlier rows of the file: those of a million accounts fit into memory.
#[derive(Default)]
struct SeenDigests {
    ids: HashMap<[u8; 16], u64>,
    addresses: HashMap<[u8; 16], u64>,
}

impl SeenDigests {
    /// Remembers the row's account, if no earlier row has its id or its address.
    fn take(&mut self, line: u64, user: &ImportedUser) -> Result<(), String> {
        let (id, address) = (digest(&user.id), digest(&user.email));
        if let Some(line) = self.addresses.get(&address) {
            return Err(format!("the address stands in line {line} already"));
        }
        if let Some(line) = self.ids.get(&id) {
            return Err(format!("the id stands in line {line} already"));
        }
        self.addresses.insert(address, line);
        self.ids.insert(id, line);
        Ok(())
    }
}

fn digest(text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(Sha256::digest(text)).for_each(|(short, byte)| *short = byte);
    short
}

/// An import in progress.
struct Import {
    target: Target,
    seen: SeenDigests,
    batch: Vec<(u64, ImportedUser)>,
    summary: Summary,
}

impl Import {
    async fn all(&mut self, mut rows: Rows<File>, length: u64) -> Result<(), String> {
        let progress = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} % {wide_msg}") {
            progress.set_style(style);
        }
        while let Some(Row { line, cells }) = rows.next()? {
            let user = cells.and_then(|cells| account::parse(cells, SystemClock.now()));
            match user.and_then(|user| self.seen.take(line, &user).map(|()| user)) {
                Ok(user) => self.batch.push((line, user)),
                Err(reason) => self.summary.refused.push((line, reason)),
            }
            if self.batch.len() >= BATCH {
                self.keep().await?;
                progress.set_position(rows.position());
                progress.set_message(format!("line {line}"));
            }
        }
        self.keep().await?;
        progress.finish_and_clear();
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), String> {
        let (lines, users): (Vec<_>, Vec<_>) = self.batch.drain(..).unzip();
        if users.is_empty() {
            return Ok(());
        }
        let outcomes = self.target.put(&users).await.map_err(|error| self.summary.stopped(&lines, &error))?;
        for ((line, user), outcome) in lines.into_iter().zip(users).zip(outcomes) {
            match outcome {
                ImportOutcome::Imported => self.summary.imported = self.summary.imported.saturating_add(1),
                ImportOutcome::AlreadyThere => {
                    self.summary.already_there = self.summary.already_there.saturating_add(1)
                }
                ImportOutcome::Refused(reason) => {
                    self.summary.refused.push((line, format!("{}: {reason}", user.email)))
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Summary {
    imported: u64,
    already_there: u64,
    /// Lines of refused rows, with reasons.
    refused: Vec<(u64, String)>,
}

impl Summary {
    /// Describes what came of the import, whole or not: the numbers, then the refused rows.
    fn describe(&self, to_file: bool, is_whole: bool) -> String {
        let Self { imported, already_there, refused } = self;
        let mut told = match (to_file, is_whole) {
            (false, _) => format!("imported {imported}, already there {already_there}"),
            (true, true) => format!("written {imported}"),
            // The file is gone.
            (true, false) => "written 0".to_owned(),
        };
        told.push_str(&format!(", refused {}", refused.len()));
        let mut refused = refused.iter().collect::<Vec<_>>();
        refused.sort_by_key(|(line, _)| *line);
        refused.iter().for_each(|(line, reason)| told.push_str(&format!("\nrefused: line {line}: {reason}")));
        told
    }

    /// Describes where an import stopped, and why.
    fn stopped(&self, lines: &[u64], error: &str) -> String {
        let line = lines.first().copied().unwrap_or_default();
        format!("stopped before line {line}, after {} accounts: {error}; run it again", self.imported)
    }
}

#[cfg(test)]
mod tests {
    use aibaas_core::ports::{Database as _, Statement, Timestamp};

    use super::*;

    fn user(id: &str, email: &str) -> ImportedUser {
        ImportedUser {
            id: id.to_owned(),
            email: email.to_owned(),
            password_hash: Some(aibaas_core::domain::Secret::new("$argon2id$")),
            full_name: Some("O'Neill".to_owned()),
            email_verified: true,
            created_at: Timestamp(1_700_000_000_000),
        }
    }

    #[test]
    fn an_address_or_an_id_stands_once_in_a_file() {
        let mut seen = SeenDigests::default();
        assert_eq!(seen.take(2, &user("a", "a@x.com")), Ok(()));
        assert_eq!(seen.take(3, &user("b", "a@x.com")), Err("the address stands in line 2 already".to_owned()));
        assert_eq!(seen.take(4, &user("a", "b@x.com")), Err("the id stands in line 2 already".to_owned()));
        assert_eq!(seen.take(5, &user("b", "b@x.com")), Ok(()));
    }

    #[tokio::test]
    async fn an_account_that_is_there_stays_as_it_is() {
        let folder = std::env::temp_dir().join(format!("aibaas-import-{}", std::process::id()));
        data_directory::create(&folder).unwrap();
        let database = data_directory::open(&folder).await.unwrap();
        let operator = operator::of(&database);
        let (a, b) = (user("a", "a@x.com"), user("b", "b@x.com"));
        assert_eq!(operator.import_users(&[a.clone(), b]).await.unwrap(), [ImportOutcome::Imported; 2]);
        let newer = Statement::new("UPDATE users SET password_hash = 'newer' WHERE id = 'a'");
        database.query(newer).await.unwrap();

        let rows = [a, user("c", "b@x.com"), user("b", "new@x.com"), user("d", "d@x.com")];
        let outcomes = operator.import_users(&rows).await.unwrap();
        assert!(matches!(
            outcomes[..],
            [
                ImportOutcome::AlreadyThere,
                ImportOutcome::Refused(_),
                ImportOutcome::Refused(_),
                ImportOutcome::Imported
            ]
        ));
        let sql =
            "SELECT group_concat(id || ' ' || email || ' ' || password_hash, ', ' ORDER BY id) AS all_users FROM users";
        let told = database.query(Statement::new(sql)).await.unwrap().into_first().unwrap().text("all_users").unwrap();
        assert_eq!(told, "a a@x.com newer, b b@x.com $argon2id$, d d@x.com $argon2id$");
        data_directory::close(database).await;
        let _ = std::fs::remove_dir_all(&folder);
    }
}
