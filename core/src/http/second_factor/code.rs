//! Codes that people type as their second factor.

use crate::{
    app::App,
    domain::{
        Secret, UserId,
        recovery_code::RecoveryCode,
        totp::{TotpCode, TotpSecret},
    },
    http::problem::ApiError,
    store::{
        Query,
        mfa::{self, SecondFactor, Totp},
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

/// Opens the sealed secret of an authenticator.
///
/// # Errors
/// An internal error, where no secret of the server's opens it.
pub fn open(app: &App, totp: &Totp) -> Result<TotpSecret, ApiError> {
    let opened = app.keys().open(&totp.id, &totp.secret);
    opened.and_then(|bytes| TotpSecret::from_slice(&bytes)).ok_or_else(|| {
        ApiError::internal(
            "an authenticator's secret cannot be opened: was JWT_SECRET replaced without JWT_SECRET_PREVIOUS?",
        )
    })
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
