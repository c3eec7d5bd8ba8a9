//! The error that ends the program.

use std::process::ExitCode;

/// An error that ends the program; its text is for the person who started it.
#[derive(Debug)]
pub struct CliError {
    code: u8,
    message: String,
}

impl CliError {
    /// Creates the error of a command that was given correctly, and did not succeed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// Creates the error of a command that was given or configured wrongly.
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// Returns the exit code of the program.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// Returns the message for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}
