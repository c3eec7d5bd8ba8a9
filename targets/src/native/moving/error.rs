//! The error of moving an instance.

use crate::native::error::CliError;

/// Reason why nothing was moved.
#[derive(Debug)]
pub struct MoveError(pub String);

impl MoveError {
    /// Creates an error with this text.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl From<std::io::Error> for MoveError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rusqlite::Error> for MoveError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<MoveError> for CliError {
    fn from(error: MoveError) -> Self {
        Self::failed(error.0)
    }
}
