//! The schema: the files of `migrations/`, recorded in the table that wrangler keeps too, so that every host
//! answers "which migrations ran?" alike.

use crate::ports::{Database, DatabaseError, Statement};

/// One file of `migrations/`.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its file name.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

macro_rules! migration {
    ($name:literal) => {
        Migration { name: $name, sql: include_str!(concat!("../../../migrations/", $name)) }
    };
}

/// Every migration, in order.
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
];

/// The name of the newest migration: which schema this program works with.
#[must_use]
pub fn schema() -> &'static str {
    MIGRATIONS.last().map_or("", |migration| migration.name)
}

/// Wrangler's own definition of its table.
pub const CREATE_LOG: &str = "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, \
     name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)";
/// The names of what ran.
pub const APPLIED: &str = "SELECT name FROM d1_migrations ORDER BY id";
/// Records one; the UNIQUE name makes a second, concurrent migrator fail as a whole.
pub const RECORD: &str = "INSERT INTO d1_migrations (name) VALUES (?1)";

impl Migration {
    /// Its statements, one by one: each ends with a semicolon at the end of its line.
    pub fn statements(&self) -> impl Iterator<Item = &'static str> {
        self.sql
            .split(";\n")
            .map(str::trim)
            .filter(|statement| statement.lines().any(|line| !line.is_empty() && !line.starts_with("--")))
    }
}

/// Brings the database to the newest schema; several migrators at once are no harm.
///
/// # Errors
/// Whatever the database answers; each migration is applied whole or not at all.
pub async fn migrate(database: &dyn Database) -> Result<(), DatabaseError> {
    let pending = match pending(database).await {
        Ok(pending) => pending,
        // Before the first migration there is no log of them. Where it is there this writes nothing, and a full disk is no
        // reason not to start.
        Err(_) => {
            database.query(Statement::new(CREATE_LOG).essential()).await?;
            pending(database).await?
        }
    };
    for migration in pending {
        let record = Statement::new(RECORD).bind(migration.name);
        let statements = std::iter::once(record).chain(migration.statements().map(Statement::new)).collect();
        match database.batch(statements).await {
            // Somebody else applied it between our look and our write.
            Err(DatabaseError::Constraint(name)) if name == "d1_migrations.name" => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// The migrations that have not run yet.
///
/// # Errors
/// Whatever the database answers, also when it has never been migrated.
pub async fn pending(database: &dyn Database) -> Result<Vec<Migration>, DatabaseError> {
    let applied = database
        .query(Statement::new(APPLIED))
        .await?
        .into_iter()
        .map(|row| row.text("name"))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(MIGRATIONS.iter().filter(|migration| !applied.iter().any(|name| name == migration.name)).copied().collect())
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
