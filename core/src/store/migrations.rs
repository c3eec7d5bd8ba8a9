//! The schema: the files of `migrations/`, recorded in the table that wrangler uses too, so that every host answers
//! "which migrations ran?" alike.

use super::query::{Query, Sql, sql};
use crate::ports::{Database, DatabaseError, Statement};

/// A file of `migrations/`.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// File name.
    pub name: &'static str,
    /// SQL statements of the file.
    pub sql: &'static str,
}

macro_rules! migration {
    ($name:literal) => {
        Migration { name: $name, sql: include_str!(concat!("../../../migrations/", $name)) }
    };
}

/// All migrations, in order.
pub const MIGRATIONS: &[Migration] = &[
    migration!("0001_initial.sql"),
    migration!("0002_accounts.sql"),
    migration!("0003_api_keys.sql"),
    migration!("0004_leaderboard.sql"),
    migration!("0005_rate_limit_totals.sql"),
    migration!("0006_storage.sql"),
    migration!("0007_accounts.sql"),
    migration!("0008_moderation.sql"),
    migration!("0010_names.sql"),
    migration!("0011_guards.sql"),
    migration!("0012_change_views.sql"),
    migration!("0013_versions.sql"),
    migration!("0014_systems.sql"),
    migration!("0015_log.sql"),
    migration!("0016_metrics.sql"),
    migration!("0017_seals.sql"),
    migration!("0018_runs_by_owner.sql"),
    migration!("0019_administration.sql"),
    migration!("0020_mail.sql"),
    migration!("0021_webhooks.sql"),
    migration!("0022_model_families.sql"),
    migration!("0023_packs.sql"),
    migration!("0024_api_key_changes.sql"),
    migration!("0025_self_registered.sql"),
];

/// Returns the name of the newest migration: the schema that this program works with.
#[must_use]
pub fn schema() -> &'static str {
    MIGRATIONS.last().map_or("", |migration| migration.name)
}

/// Wrangler's own definition of its table of migrations.
pub const CREATE_LOG: &str = include_str!("sql/migrations/create_log.sql");

fn create_log() -> Query<()> {
    Sql::new(CREATE_LOG).essential().execute()
}

/// Statement of [`applied`], for a program that opens the file itself.
pub const APPLIED: &str = include_str!("sql/migrations/applied.sql");

/// Lists the names of the migrations that ran, oldest first.
pub fn applied() -> Query<Vec<String>> {
    Sql::new(APPLIED).all(|row| row.text("name"))
}

fn record(name: &str) -> Query<()> {
    sql!("migrations/record").bind(name).execute()
}

impl Migration {
    /// Splits the migration into its statements: each ends with a semicolon at the end of its line.
    pub fn statements(&self) -> impl Iterator<Item = &'static str> {
        self.sql
            .split(";\n")
            .map(str::trim)
            .filter(|statement| statement.lines().any(|line| !line.is_empty() && !line.starts_with("--")))
    }
}

/// Reason why a database was not brought to this program's schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MigrationError {
    /// A newer release has migrated the database, with these migrations.
    #[error("{}", newer(.0))]
    Newer(Vec<String>),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Writes an error text for a database whose migrations this program does not know: which release it needs.
#[must_use]
pub fn newer(unknown: &[String]) -> String {
    let (names, needed) = (unknown.join(", "), unknown.last().map_or("them", String::as_str));
    format!(
        "a newer release has migrated the database: aibaas {} does not know {names} (its last migration is {}). Run the \
         release whose changelog names {needed}, or a later one",
        env!("CARGO_PKG_VERSION"),
        schema(),
    )
}

/// Migrations of a database, compared with those that this program knows.
#[derive(Clone, Debug, Default)]
pub struct SchemaState {
    /// Migrations that have not run yet, in order.
    pub pending: Vec<Migration>,
    /// Names of migrations that have run and are of a newer release.
    pub unknown: Vec<String>,
}

impl SchemaState {
    /// Compares the migrations that have run with those that this program knows.
    #[must_use]
    pub fn of(applied: &[String]) -> Self {
        let pending = MIGRATIONS.iter().filter(|migration| !applied.iter().any(|name| name == migration.name));
        let unknown = applied.iter().filter(|name| !MIGRATIONS.iter().any(|migration| migration.name == **name));
        Self { pending: pending.copied().collect(), unknown: unknown.cloned().collect() }
    }
}

/// Reads which migrations have run.
///
/// # Errors
/// The database's error, also when the database has never been migrated.
pub async fn state(database: &dyn Database) -> Result<SchemaState, DatabaseError> {
    Ok(SchemaState::of(&applied().run(database).await?))
}

/// Reads which migrations have run, also where none has. Writes nothing.
///
/// # Errors
/// The database's error.
pub async fn plan(database: &dyn Database) -> Result<SchemaState, DatabaseError> {
    if sql!("migrations/has_log").exists().run(database).await? {
        state(database).await
    } else {
        Ok(SchemaState::of(&[]))
    }
}

/// Brings the database to the newest schema; several migrators at once do no harm. Returns the migrations that it
/// applied.
///
/// # Errors
/// [`MigrationError::Newer`] where a newer release has migrated the database; then nothing is changed. Otherwise the
/// database's error; each migration is applied whole or not at all.
pub async fn migrate(database: &dyn Database) -> Result<Vec<Migration>, MigrationError> {
    let found = match state(database).await {
        Ok(found) => found,
        // Before the first migration there is no table of them. Where it exists this writes nothing, so a full disk
        // does not keep the program from starting.
        Err(_) => {
            create_log().run(database).await?;
            state(database).await?
        }
    };
    if !found.unknown.is_empty() {
        return Err(MigrationError::Newer(found.unknown));
    }
    for migration in &found.pending {
        let record = record(migration.name).into_statement();
        let statements = std::iter::once(record).chain(migration.statements().map(Statement::new)).collect();
        match database.batch(statements).await {
            // Another process applied it between our read and our write.
            Err(DatabaseError::Constraint(name)) if name == "d1_migrations.name" => {}
            other => drop(other?),
        }
    }
    Ok(found.pending)
}

/// Converts the error to one that says that nothing was done, so that a read may try again: the database was not ready.
#[must_use]
pub fn nothing_done(error: MigrationError) -> DatabaseError {
    tracing::error!(%error, "the database cannot be used");
    match error {
        MigrationError::Database(DatabaseError::Overloaded(why) | DatabaseError::Interrupted(why)) => {
            DatabaseError::Overloaded(why)
        }
        MigrationError::Database(DatabaseError::Unavailable(why)) => DatabaseError::Unavailable(why),
        other => DatabaseError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_into_single_statements() {
        let statements = MIGRATIONS.iter().flat_map(Migration::statements).collect::<Vec<_>>();
        assert!(statements.len() > 20);
        for statement in statements {
            let code = statement.lines().filter(|line| !line.starts_with("--")).collect::<String>();
            let begins = ["PRAGMA defer_foreign_keys ", "CREATE ", "ALTER ", "INSERT ", "UPDATE ", "DROP "]
                .iter()
                .any(|verb| code.starts_with(verb));
            assert!(begins && !code.contains(';'), "{code}");
        }
    }
}
