//! A finding of the doctor, printed as one line.

use std::fmt;

use serde_json::{Value, json};

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything is as it should be.
    Ok,
    /// The subject works, but somebody should look at it.
    Warning,
    /// The subject does not work.
    Failed,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// Subject, result and advice of a check. It holds no secret, since it is printed, and sent to whoever helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    about: &'static str,
    pub status: Status,
    found: String,
    advice: Option<String>,
}

impl Finding {
    /// Creates a finding that all is well.
    pub fn ok(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, status: Status::Ok, found: found.into(), advice: None }
    }

    /// Creates a finding that somebody should look at.
    pub fn warning(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, status: Status::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    /// Creates a finding of what does not work.
    pub fn failed(about: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, status: Status::Failed, found: found.into(), advice: Some(advice.into()) }
    }

    /// Creates a failed finding whose text already says what to do.
    pub fn mistake(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, status: Status::Failed, found: found.into(), advice: None }
    }

    /// Returns the finding as JSON.
    pub fn to_json(&self) -> Value {
        json!({ "about": self.about, "status": self.status.as_str(), "found": self.found, "advice": self.advice })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7}  {}: {}", self.status.as_str(), self.about, self.found.replace('\n', " "))?;
        self.advice.iter().try_for_each(|advice| write!(f, ". To do: {advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let found = Finding::failed("mail", "no\nanswer", "look at SMTP_URL").to_string();
        assert_eq!(found, "failed   mail: no answer. To do: look at SMTP_URL");
        assert_eq!(Finding::ok("clock", "right").to_string(), "ok       clock: right");
    }
}
