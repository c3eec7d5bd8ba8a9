use std::sync::Mutex;

use async_trait::async_trait;

use crate::domain::{
    Secret,
    password_hash::{self, Memory},
};

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

/// A password hash to compute or to check. Holds secrets, so only its kind is printed.
#[derive(Clone, Debug)]
pub enum HashJob {
    /// Hash a new password.
    Hash {
        /// The password, normalised.
        password: Secret,
        /// 16 fresh random bytes.
        salt: [u8; 16],
        /// Cost parameters.
        params: password_hash::Params,
    },
    /// Check a password against an encoded hash, with the parameters that the hash names.
    Verify {
        /// The password, normalised.
        password: Secret,
        /// Encoded hash, a PHC string.
        encoded: Secret,
    },
}

/// Result of a [`HashJob`].
#[derive(Clone, Debug)]
pub enum HashOutcome {
    /// PHC string of a new hash.
    Hashed(Secret),
    /// Whether the password is right.
    Verified(bool),
}

/// Reason why no hash was computed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HashError {
    /// Too many jobs wait; a client may try again in a second.
    #[error("password hashing is at capacity")]
    Busy,
    /// The job itself is impossible, or its thread is gone.
    #[error("password hashing: {0}")]
    Failed(String),
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
