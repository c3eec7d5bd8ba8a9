//! What is answered about models and benchmarks that an administrator hid.

use super::problem::{ApiError, HIDDEN, PUBLISHED_TO_HIDDEN, Problem, ProblemMembers};

/// Refuses to tell of what is hidden for this reason.
///
/// # Errors
/// `hidden`, with the reason.
pub fn refuse_hidden(what: &str, reason: Option<String>) -> Result<(), ApiError> {
    reason.map_or(Ok(()), |reason| Err(hidden(what, reason)))
}

/// An administrator hid it.
fn hidden(what: &str, reason: String) -> ApiError {
    let problem = Problem::new(HIDDEN, format!("an administrator hid this {what}: {reason}"));
    problem.with(because(reason)).into()
}

fn because(reason: String) -> ProblemMembers {
    ProblemMembers { reason: Some(reason), ..ProblemMembers::default() }
}

/// Nothing is published to what is hidden.
pub fn publishes_to_hidden(reason: String) -> ApiError {
    let problem =
        Problem::new(PUBLISHED_TO_HIDDEN, format!("an administrator hid the model or the benchmark: {reason}"));
    problem.with(because(reason)).into()
}
