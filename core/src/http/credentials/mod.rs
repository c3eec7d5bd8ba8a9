//! Callers: users with an access token, and programs with an API key.

mod api_key_client;
pub mod browser;
mod session;

pub use api_key_client::{
    ApiKeyClient, KeysVerify, LeaderboardRead, ModelsWrite, RequiredScope, ResultsWrite, admitted, invalid_key,
    key_use, may_have, offered_key, presented_key, write_error,
};
pub use session::{ClaimedAdmin, ClaimedSession, ConfirmedSession, SessionBatch, UserSession};

use http::{HeaderMap, header};

use super::problem::{ApiError, MISSING_CREDENTIALS};

/// Returns the bearer token of a request (RFC 6750).
fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let missing = || ApiError::new(MISSING_CREDENTIALS, "send Authorization: Bearer …");
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    Ok(token.trim())
}
