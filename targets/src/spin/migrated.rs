//! A database that is brought up to date before it is first asked. What needs no database is answered without it, and an
//! instance that began while it was down goes on with it once it is back.

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
    /// Nothing is asked of the database yet.
    pub fn new(database: SpinDatabase) -> Self {
        Self { database, is_migrated: AtomicBool::new(false), migrating: Turns::default() }
    }

    /// The database, once one of those who ask has migrated it.
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
