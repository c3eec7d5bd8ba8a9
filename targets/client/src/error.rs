//! Why a command ends before its work is done.

use std::fmt::{self, Display, Formatter};

/// Ends the command; its text is for whoever gave it.
#[derive(Debug)]
pub struct CliError {
    text: String,
    code: u8,
}

impl CliError {
    /// Makes the error of its text.
    pub fn new(text: impl Display) -> Self {
        Self { text: text.to_string(), code: 1 }
    }

    /// Makes the error of a command line that asks for what is not there.
    pub fn usage(text: impl Display) -> Self {
        Self { text: text.to_string(), code: 2 }
    }

    /// Returns the exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl Display for CliError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
