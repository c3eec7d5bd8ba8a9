//! `/api/v1/auth/mfa`: the second factor.

pub mod recovery_codes;
pub mod totp;

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{
        Secret, SecurityEventName, UserId, ValidationError, ValidationErrorCode,
        recovery_code::RecoveryCode,
        totp::{TotpCode, TotpSecret},
    },
    http::{
        credentials::ClaimedSession,
        login_throttle::CodeThrottle,
        problem::{ApiError, INCORRECT_CODE, MFA_NOT_ENABLED},
    },
    store::{
        BatchError, Guard, Query,
        mfa::{self, SecondFactor, Totp},
        users::User,
    },
};

/// Code that somebody typed as their second factor.
pub enum Code {
    /// Code of an authenticator.
    Totp(TotpCode),
    /// Recovery code, kept for the day on which the authenticator is lost.
    Recovery(RecoveryCode),
    /// Text that is neither.
    Unreadable,
}

impl Code {
    /// Parses a code, whose kind shows in its length.
    pub fn parse(text: &Secret) -> Self {
        let totp = TotpCode::parse(text.expose()).map(Self::Totp);
        let recovery = || RecoveryCode::parse(text.expose()).map(Self::Recovery);
        totp.or_else(recovery).unwrap_or(Self::Unreadable)
    }

    /// Returns the name of the code's kind, as security events keep it.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::Recovery(_) => "recovery_code",
            Self::Unreadable => "unreadable",
        }
    }

    /// Returns the hash to look for among the person's recovery codes; `None` for any other code.
    pub fn recovery_hash(&self) -> Option<Vec<u8>> {
        match self {
            Self::Recovery(code) => Some(code.hash()),
            Self::Totp(_) | Self::Unreadable => None,
        }
    }

    /// Returns the query that uses the code up, once, if it is right: the batch expects [`Guard::SecondFactorUnused`]
    /// of it.
    ///
    /// # Errors
    /// An internal error, when the authenticator's secret cannot be read.
    pub fn uses(
        &self,
        app: &App,
        user_id: &UserId,
        second_factor: &SecondFactor,
    ) -> Result<Option<Query<()>>, ApiError> {
        match self {
            Self::Totp(code) => {
                let Some(totp) = second_factor.totp.as_ref().filter(|totp| totp.confirmed) else { return Ok(None) };
                let secret = open(app, totp)?;
                let Some(step) = secret.matching_step(*code, app.now(), totp.last_step) else { return Ok(None) };
                // Sealed again, so that it outlives any number of rotations of JWT_SECRET.
                let sealed = app.keys().seal(&totp.id, app.random(), secret.as_bytes()).map_err(ApiError::internal)?;
                Ok(Some(mfa::use_step(&totp.id, step, sealed)))
            }
            Self::Recovery(code) if second_factor.recovery_code_matches => {
                Ok(Some(mfa::use_recovery_code(user_id, code.hash(), app.now())))
            }
            Self::Recovery(_) | Self::Unreadable => Ok(None),
        }
    }
}

fn open(app: &App, totp: &Totp) -> Result<TotpSecret, ApiError> {
    let opened = app.keys().open(&totp.id, &totp.secret);
    opened.and_then(|bytes| TotpSecret::from_slice(&bytes)).ok_or_else(|| {
        ApiError::internal(
            "an authenticator's secret cannot be opened: was JWT_SECRET replaced without JWT_SECRET_PREVIOUS?",
        )
    })
}

/// Reads the caller's account with its second factor.
async fn second_factor(app: &App, caller: &ClaimedSession) -> Result<(User, SecondFactor), ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let second_factor = batch.push(mfa::find(user_id, None));
    let (session, mut answers) = batch.read(app).await?;
    Ok((session.user, answers.take(second_factor)?))
}

/// What is given to change the second factor: both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecondFactorRequest)]
pub struct StepUp {
    /// The account's password.
    #[schema(
        value_type = String,
        format = Password,
        min_length = 1,
        max_length = 1024,
        example = "correct horse battery staple"
    )]
    pub password: Secret,
    /// 6 digits, or a recovery code. Spaces, hyphens and case do not matter.
    #[schema(value_type = String, required = true, min_length = 6, max_length = 64, example = "492039")]
    pub code: Option<Secret>,
}

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

fn incorrect_code() -> ApiError {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_kinds_of_code_are_told_apart() {
        let method = |text: &str| Code::parse(&Secret::new(text)).method();
        assert_eq!(method("123 456"), "totp");
        assert_eq!(method("1040g2-081040-g20810-40g208"), "recovery_code");
        assert_eq!(method(&"123456".repeat(4)), "recovery_code");
        for neither in ["", "12345", "1234567", "123456-123456"] {
            assert_eq!(method(neither), "unreadable");
        }
    }
}
