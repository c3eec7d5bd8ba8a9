//! A database that is migrated before its first query. Requests that need no database are answered without it, and an
//! instance that started while it was down uses it once it is back.

use std::sync::atomic::{AtomicBool, Ordering};

use aibaas_core::{
    migrate,
    ports::{Database, DatabaseError, Rows, Statement},
    store::migrations::nothing_done,
};
use async_trait::async_trait;

use super::database::SpinDatabase;
use crate::turns::{Purpose, Turns};

/// The application's database, migrated.
pub struct MigratedDatabase {
    database: SpinDatabase,
    is_migrated: AtomicBool,
    migrating: Turns,
}

impl MigratedDatabase {
    /// Creates the database without any query yet.
    pub fn new(database: SpinDatabase) -> Self {
        Self { database, is_migrated: AtomicBool::new(false), migrating: Turns::default() }
    }

    /// Returns the database, after the first caller has migrated it.
    async fn migrated(&self) -> Result<&SpinDatabase, DatabaseError> {
        if !self.is_migrated.load(Ordering::Acquire) {
            let _turn = self.migrating.take(Purpose::Computing).await;
            if !self.is_migrated.load(Ordering::Acquire) {
                self.database.prepare().await;
                migrate(&self.database).await.map_err(nothing_done)?;
                self.is_migrated.store(true, Ordering::Release);
            }
        }
        Ok(&self.database)
    }
}

#[async_trait]
impl Database for MigratedDatabase {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        self.migrated().await?.query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        self.migrated().await?.batch(statements).await
    }
}
