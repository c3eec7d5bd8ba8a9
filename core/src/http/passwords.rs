//! Passwords, checked and hashed where the host does that.

use super::problem::ApiError;
use crate::{
    app::App,
    domain::{Secret, ValidationError, account::presented_password, password_hash},
    ports::{HashJob, HashOutcome},
    pwned_passwords,
};

/// Checks the password; where there is no hash to check against, spends as much and says no.
///
/// # Errors
/// When the hasher is busy or broken.
pub async fn verify(app: &App, password: Secret, encoded: Option<Secret>) -> Result<bool, ApiError> {
    let job = match encoded {
        Some(encoded) => HashJob::Verify { password, encoded },
        None => HashJob::Hash { password, salt: app.random(), params: app.config().password_params },
    };
    Ok(matches!(app.ports().password_hasher.run(job).await?, HashOutcome::Verified(true)))
}

/// Checks a password as somebody typed it. What another system hashed may be of the text itself, not normalised.
///
/// # Errors
/// As [`verify`].
pub async fn verify_typed(app: &App, typed: &Secret, encoded: Option<Secret>) -> Result<bool, ApiError> {
    let (normalised, params) = (presented_password(typed), app.config().password_params);
    let foreign = encoded.as_ref().is_some_and(|encoded| password_hash::needs_rehash(encoded.expose(), params));
    let is_right = verify(app, normalised.clone(), encoded.clone()).await?;
    if is_right || !foreign || normalised == *typed {
        return Ok(is_right);
    }
    verify(app, typed.clone(), encoded).await
}

/// Hashes a new password.
///
/// # Errors
/// When the hasher is busy or broken.
pub async fn hash(app: &App, password: Secret) -> Result<Secret, ApiError> {
    let job = HashJob::Hash { password, salt: app.random(), params: app.config().password_params };
    match app.ports().password_hasher.run(job).await? {
        HashOutcome::Hashed(hash) => Ok(hash),
        HashOutcome::Verified(_) => Err(ApiError::internal("the hasher verified instead of hashing")),
    }
}

/// Hashes a password that the rules allow, unless it is known to be in other hands.
///
/// # Errors
/// As [`hash`].
pub async fn hash_new(app: &App, password: Secret) -> Result<Result<Secret, ValidationError>, ApiError> {
    if pwned_passwords::is_pwned(app, &password).await {
        return Ok(Err(pwned_passwords::refusal()));
    }
    hash(app, password).await.map(Ok)
}
