use std::sync::Mutex;

use async_trait::async_trait;

use crate::domain::password_hash::{self, HashError, HashJob, HashOutcome, Memory};

/// Runs password hashes. The algorithms are the application's ([`password_hash`]); a host only chooses the thread or
/// object that runs them. Native runs a bounded number on threads of their own, so that no other request waits. A wasm
/// instance hashes where it is called, and its other requests wait meanwhile.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Runs the job.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many jobs wait already, [`HashError::Failed`] when the job cannot be done at all.
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError>;
}

/// A hasher that runs jobs where it is called, for hosts that give each request (or each few) an instance of its own.
#[derive(Debug, Default)]
pub struct InlineHasher(Mutex<Memory>);

#[async_trait]
impl PasswordHasher for InlineHasher {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        match self.0.try_lock() {
            Ok(mut memory) => password_hash::run(&job, &mut memory),
            // The memory is in use: this host has threads after all.
            Err(_) => password_hash::run(&job, &mut Memory::default()),
        }
    }
}
