//! Throttle of guesses at codes by people who are logged in.

use serde_json::json;

use super::errors::incorrect_code;
use crate::{
    app::App,
    domain::SecurityEventName,
    http::{credentials::ClaimedSession, login_throttle::CodeThrottle, problem::ApiError},
    store::{BatchError, Guard},
};

/// Returns the throttle of guesses at codes, apart from that of passwords: who holds a right code has not thereby shown
/// to know the password.
pub fn code_throttle(app: &App, caller: &ClaimedSession) -> CodeThrottle {
    CodeThrottle::new(app, format!("{}:codes", caller.session_subject()))
}

/// Counts a wrong code, or one that somebody else has just used, and returns the error.
pub async fn failed(app: &App, caller: &ClaimedSession, throttle: &CodeThrottle, method: &'static str) -> ApiError {
    let mut batch = caller.batch();
    throttle.reserve(&mut batch);
    batch.push(caller.event(app, SecurityEventName::MfaFailed, json!({ "method": method })));
    match batch.run(app).await {
        Ok(_) => incorrect_code(),
        Err(BatchError::Guard(Guard::GuessAllowed)) => throttle.refused(app).await,
        Err(error) => error.into(),
    }
}
