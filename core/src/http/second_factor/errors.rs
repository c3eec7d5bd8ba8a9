//! Errors of the second factor.

use crate::{
    domain::{ValidationError, ValidationErrorCode},
    http::problem::{ApiError, INCORRECT_CODE, MFA_NOT_ENABLED},
};

/// Returns the error for a wrong code, or one that was used before.
pub fn incorrect_code() -> ApiError {
    ApiError::new(INCORRECT_CODE, "give a code that was not used before")
}

/// Returns the error for an account without a second factor.
pub fn not_enabled() -> ApiError {
    ApiError::new(MFA_NOT_ENABLED, "set up a second factor first")
}

/// Returns the error for a missing code.
pub fn code_required() -> ApiError {
    ApiError::invalid_member(
        "/code",
        ValidationError::new(ValidationErrorCode::Required, "give a code of the second factor, or a recovery code"),
    )
}
