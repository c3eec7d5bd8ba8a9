//! The import: reads the rows, checks them and stores their accounts in batches.

use std::{fmt::Display, fs::File, path::PathBuf, process::ExitCode};

use aibaas_core::{
    operators::{ImportOutcome, ImportedUser},
    ports::Clock as _,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    account,
    rows::{Row, Rows},
    seen_digests::SeenDigests,
    summary::Summary,
    target::Target,
};
use crate::native::{data_directory::DataDirectory, error::CliError, output::print_line, system_clock::SystemClock};

/// Most accounts of one transaction.
const BATCH: usize = 500;

/// What is imported, and where to.
#[derive(Args, Debug)]
pub struct Options {
    /// CSV with a header, or NDJSON, of the columns id, email, password_hash, full_name, email_verified, created_at.
    file: PathBuf,
    /// Write the accounts to this new file, for `wrangler d1 execute DB --remote --file`, and open no database.
    #[arg(long, value_name = "FILE")]
    pub(super) sql: Option<PathBuf>,
    #[command(flatten)]
    pub(super) data: DataDirectory,
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

    /// Stores the accounts of the batch, and counts what became of each.
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

#[cfg(test)]
mod tests {
    use aibaas_core::{
        domain::Timestamp,
        ports::{Database as _, Statement},
    };

    use super::*;
    use crate::native::{data_directory, operator};

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
