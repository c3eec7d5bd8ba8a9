use crate::{ports::DatabaseError, store::BatchError};

/// Reason why changes have no leaves yet.
#[derive(Debug, thiserror::Error)]
pub enum SequencingError {
    /// The database was not reached.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A batch was undone.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A leaf cannot be written.
    #[error("canonical JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The database lacks nodes of the tree.
    #[error("nodes of the log are missing")]
    NodesMissing,
}
