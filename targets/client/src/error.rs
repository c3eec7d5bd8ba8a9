//! The error that ends a command.

use std::fmt::{self, Display, Formatter};

/// An error that ends the command; its text is for the person who gave it.
#[derive(Debug)]
pub struct CliError {
    text: String,
    code: u8,
}

impl CliError {
    /// Creates an error with this text.
    pub fn new(text: impl Display) -> Self {
        Self { text: text.to_string(), code: 1 }
    }

    /// Creates the error of a wrong command line.
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
