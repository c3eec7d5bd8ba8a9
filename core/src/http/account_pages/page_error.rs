use crate::http::problem::{
    ApiError, EXPIRED_TOKEN, INVALID_TOKEN, MISSING_CREDENTIALS, ORIGIN_NOT_ALLOWED, Problem, SESSION_REVOKED,
};

/// Reason why a page is not the one that was asked for.
pub enum PageError {
    /// Nobody is logged in: the login comes first.
    LogIn,
    /// The form was not made for this session, or this browser.
    StaleForm,
    /// Any other error, as the API would answer it.
    Api(ApiError),
}

impl<E: Into<ApiError>> From<E> for PageError {
    fn from(error: E) -> Self {
        match error.into() {
            ApiError::Problem(problem) if is_of_session(&problem) => Self::LogIn,
            error => Self::Api(error),
        }
    }
}

fn is_of_session(problem: &Problem) -> bool {
    [SESSION_REVOKED, INVALID_TOKEN, EXPIRED_TOKEN, MISSING_CREDENTIALS].iter().any(|code| problem.is(*code))
}

impl PageError {
    /// Returns the error for a form that another site sent.
    pub fn foreign_form() -> Self {
        Self::Api(ApiError::new(ORIGIN_NOT_ALLOWED, "open the page here, and send the form from it"))
    }
}
