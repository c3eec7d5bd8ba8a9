//! Why nothing was moved.

use crate::native::error::CliError;

/// Why nothing was moved.
#[derive(Debug)]
pub struct MoveError(pub String);

impl MoveError {
    /// Makes the error that says this.
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
