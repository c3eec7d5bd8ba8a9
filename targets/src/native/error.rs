//! Why the program ends before its work is done.

use std::process::ExitCode;

/// Ends the program; its text is for whoever started it.
#[derive(Debug)]
pub struct CliError {
    code: u8,
    message: String,
}

impl CliError {
    /// Makes the error of a program that was asked rightly, and did not succeed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// Makes the error of a program that was asked or configured wrongly.
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// Returns what the program ends with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// Returns what went wrong, for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}
