//! Checking and hashing of passwords, by the host's hasher.

use super::problem::ApiError;
use crate::{
    app::App,
    domain::{Secret, ValidationError, account::presented_password, password_hash},
    ports::{HashJob, HashOutcome},
    pwned_passwords,
};

/// Checks the password against its hash. Without a hash, spends as much time and returns false.
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

/// Checks a password as somebody typed it. The hash of another system may be of the text as typed, so that is tried
/// too.
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

/// Hashes a password that the rules allow, or refuses it if it is known from a breach.
///
/// # Errors
/// As [`hash`].
pub async fn hash_new(app: &App, password: Secret) -> Result<Result<Secret, ValidationError>, ApiError> {
    if pwned_passwords::is_pwned(app, &password).await {
        return Ok(Err(pwned_passwords::refusal()));
    }
    hash(app, password).await.map(Ok)
}
