//! Why a command ends before its work is done.

use std::fmt::{self, Display, Formatter};

/// Ends the command; its text is for whoever gave it.
#[derive(Debug)]
pub struct CliError(String);

impl CliError {
    /// Makes the error of its text.
    pub fn new(text: impl Display) -> Self {
        Self(text.to_string())
    }
}

impl Display for CliError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
