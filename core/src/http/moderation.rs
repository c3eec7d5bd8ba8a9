//! Errors about models and benchmarks that an administrator hid.

use super::problem::{ApiError, HIDDEN, PUBLISHED_TO_HIDDEN, Problem, ProblemMembers};

/// Refuses to show what is hidden, if there is a reason why it is.
///
/// # Errors
/// `hidden`, with the administrator's reason.
pub fn refuse_hidden(what: &str, reason: Option<String>) -> Result<(), ApiError> {
    reason.map_or(Ok(()), |reason| Err(hidden(what, reason)))
}

/// Returns the error for something that an administrator hid.
fn hidden(what: &str, reason: String) -> ApiError {
    let problem = Problem::new(HIDDEN, format!("an administrator hid this {what}: {reason}"));
    problem.with(because(reason)).into()
}

fn because(reason: String) -> ProblemMembers {
    ProblemMembers { reason: Some(reason), ..ProblemMembers::default() }
}

/// Returns the error for publishing to a hidden model or benchmark.
pub fn publishes_to_hidden(reason: String) -> ApiError {
    let problem =
        Problem::new(PUBLISHED_TO_HIDDEN, format!("an administrator hid the model or the benchmark: {reason}"));
    problem.with(because(reason)).into()
}
