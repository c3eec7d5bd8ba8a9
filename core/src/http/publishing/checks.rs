//! Checks that runs, seals and benchmark versions share.

use crate::{
    domain::{
        ValidationErrorCode,
        conditions::{Conditions, MOST_ATTEMPTS, MOST_SECONDS},
        system::Agent,
    },
    http::{moderation::publishes_to_hidden, problem::ApiError, request::Validator},
    store::{benchmarks::VersionTitle, declarations::Declaration},
};

/// Checks conditions and returns them as they are kept: `None` where they say nothing.
pub(super) fn check_conditions(validator: &mut Validator, conditions: Option<Conditions>) -> Option<Conditions> {
    let conditions = conditions.and_then(Conditions::if_any)?;
    let seconds = conditions.time_limit_seconds.is_none_or(|seconds| (1..=MOST_SECONDS).contains(&seconds));
    validator.require(seconds, "/conditions/timeLimitSeconds", "give 1 to 31536000 seconds");
    let attempts = conditions.attempts.is_none_or(|attempts| (1..=MOST_ATTEMPTS).contains(&attempts));
    validator.require(attempts, "/conditions/attempts", "give 1 to 1000000");
    Some(conditions)
}

/// Checks the agent and the configuration, which tell the system of a run from the model's others, and returns both.
pub(super) fn check_system(
    validator: &mut Validator,
    agent: Option<&Agent>,
    configuration: Option<&str>,
) -> (Option<Agent>, Option<String>) {
    let agent = agent.map(|agent| Agent {
        name: validator.label("/agent/name", &agent.name, 100),
        version: agent.version.as_ref().map(|version| validator.label("/agent/version", version, 100)),
    });
    (agent, configuration.map(|label| validator.label("/configuration", label, 100)))
}

/// Refuses a model or version that is not declared, or that an administrator hid.
///
/// # Errors
/// `published_to_hidden`, or `validation_failed` at what is missing.
pub(super) fn require_declared(model: Option<&Declaration>, version: Option<&VersionTitle>) -> Result<(), ApiError> {
    let of_model = model.and_then(|model| model.hidden_reason.clone());
    let of_benchmark = version.and_then(|version| version.hidden_reason.clone());
    if let Some(reason) = of_model.or(of_benchmark) {
        return Err(publishes_to_hidden(reason));
    }
    let mut validator = Validator::default();
    for (exists, pointer, what) in
        [(model.is_some(), "/model", "model"), (version.is_some(), "/version", "benchmark version")]
    {
        if !exists {
            validator.refuse(pointer, ValidationErrorCode::UnknownReference, format!("declare the {what} first"));
        }
    }
    validator.finish()
}
