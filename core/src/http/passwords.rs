//! Checking and hashing of passwords, by the host's hasher.

use super::problem::ApiError;
use crate::{
    app::App,
    domain::{
        Secret, ValidationError,
        account::presented_password,
        password_hash::{self, HashJob, HashOutcome},
    },
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

/// Why a new password was not taken.
pub enum NewPasswordError {
    /// The person may not have this one.
    Refused(ValidationError),
    /// Anything else.
    Other(ApiError),
}

impl NewPasswordError {
    /// Returns the answer to a body whose member at `pointer` is the password.
    pub fn at(self, pointer: &'static str) -> ApiError {
        match self {
            Self::Refused(refusal) => ApiError::invalid_member(pointer, refusal),
            Self::Other(error) => error,
        }
    }
}

impl<E: Into<ApiError>> From<E> for NewPasswordError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Hashes a password that the rules allow, or refuses it if it is known from a breach.
///
/// # Errors
/// [`NewPasswordError::Refused`] where it is known; else as [`hash`].
pub async fn hash_new(app: &App, password: Secret) -> Result<Secret, NewPasswordError> {
    if pwned_passwords::is_pwned(app, &password).await {
        return Err(NewPasswordError::Refused(pwned_passwords::refusal()));
    }
    Ok(hash(app, password).await?)
}
