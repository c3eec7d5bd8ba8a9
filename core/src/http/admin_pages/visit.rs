//! Callers of these pages. The database confirms that they are administrators in the round trip that reads or writes
//! what the page is about.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;

use crate::{
    app::App,
    http::{
        account_pages::{
            form::Form,
            page_error::PageError,
            visit::{LoggedIn, LoggedInForm},
        },
        credentials::ClaimedAdmin,
    },
};

/// Extractor of somebody who is logged in in a browser, and may be an administrator.
pub struct Visitor {
    /// Browser of the visitor.
    pub logged_in: LoggedIn,
    /// Claim of the visitor to be an administrator.
    pub admin: ClaimedAdmin,
}

/// Extractor of a form that a visitor sent from our page.
pub struct VisitorForm {
    pub visitor: Visitor,
    pub form: Form,
}

impl Visitor {
    /// Returns the visitor's claim once more, for a call that consumes one.
    pub fn again(&self) -> ClaimedAdmin {
        ClaimedAdmin::in_browser(self.logged_in.caller.clone())
    }

    fn of(logged_in: LoggedIn) -> Self {
        Self { admin: ClaimedAdmin::in_browser(logged_in.caller.clone()), logged_in }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        LoggedIn::from_request_parts(parts, app).await.map(Self::of)
    }
}

impl FromRequest<App> for VisitorForm {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let LoggedInForm { logged_in, form, .. } = LoggedInForm::from_request(request, app).await?;
        Ok(Self { visitor: Visitor::of(logged_in), form })
    }
}
