//! Logging in, with the second factor where there is one, and logging out.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::html;
use serde::Deserialize;

use super::{
    PageResult,
    form::{Field, Form, Mistakes},
    frame::{self, next_address},
    page_error::PageError,
    visit::{LoggedInForm, SameSite, Visit, VisitForm},
};
use crate::{
    app::App,
    domain::Secret,
    http::{
        auth::{
            login::{self, Next},
            login_mfa, logout,
        },
        credentials::browser,
        limits::{Limited, Login},
        problem::{ApiError, INVALID_MFA_TOKEN},
        request::Query,
    },
    store::sessions::Session,
};

/// Query parameters of the page.
#[derive(Deserialize)]
pub struct Parameters {
    #[serde(default)]
    next: String,
    /// Name of what has just been done, for a notice.
    #[serde(default)]
    done: String,
}

/// Shows the form for address and password.
pub async fn page(visit: Visit, Query(parameters): Query<Parameters>) -> Response {
    let form = Form::of(&[("next", next_address(&parameters.next))]);
    login_page(&visit, &form, &Mistakes::none(), done(&parameters.done))
}

fn done(what: &str) -> Option<&'static str> {
    match what {
        "logged-out" => Some("You are logged out."),
        "deleted" => Some("Your account is deleted."),
        _ => None,
    }
}

fn login_page(visit: &Visit, form: &Form, mistakes: &Mistakes, notice: Option<&str>) -> Response {
    let content = html! {
        @if let Some(notice) = notice { p class="note" role="status" { (notice) } }
        (mistakes.summary())
        form class="stack" method="post" action="/account/login" {
            (visit.token())
            input type="hidden" name="next" value=(next_address(form.get("next")));
            (Field::new("email", "email", "username").shown(form, mistakes))
            (Field::password("password", "current-password").shown(form, mistakes))
            button type="submit" { "Log in" }
        }
        p { a href="/account/forgotten" { "Forgotten password" } }
        p { "No account yet? " a href="/account/register" { "Register" } ". No mail yet? " a href="/account/resend" { "Send it again" } "." }
    };
    visit.shown(mistakes.page("Log in", None, &content))
}

/// Checks address and password, and logs in or asks for the second factor.
pub async fn submit(
    State(app): State<App>,
    _: SameSite,
    limited: Result<Limited<Login>, ApiError>,
    sent: VisitForm,
) -> PageResult {
    let VisitForm { visit, form, brought, .. } = sent;
    let brought = brought.as_ref().map(|caller| caller.session_id());
    let password = form.secret("password");
    let next = match limited {
        Ok(Limited { client, .. }) => login::log_in(&app, &client, form.get("email"), &password, true, brought).await,
        Err(error) => Err(error),
    };
    match next {
        Ok(Next::Session(session)) => logged_in(&app, &session, &form),
        Ok(Next::SecondFactor(token)) => Ok(code_page(&visit, &form, &token, &Mistakes::none())),
        Err(error) => Ok(login_page(&visit, &form, &Mistakes::of(page_error(error), "password")?, None)),
    }
}

/// Wraps the error as it is: logging in needs no session, so no error leads to the login page.
fn page_error(error: ApiError) -> PageError {
    PageError::Api(error)
}

fn logged_in(app: &App, session: &Session, form: &Form) -> PageResult {
    let mut response = Redirect::to(next_address(form.get("next"))).into_response();
    browser::keep(app, response.headers_mut(), session)?;
    Ok(response)
}

fn code_page(visit: &Visit, form: &Form, token: &Secret, mistakes: &Mistakes) -> Response {
    let content = html! {
        (mistakes.summary())
        p { "Your password was right. Now give the code of your authenticator, or one of your recovery codes." }
        form class="stack" method="post" action="/account/login/code" {
            (visit.token())
            input type="hidden" name="next" value=(next_address(form.get("next")));
            input type="hidden" name="mfaToken" value=(token.expose());
            (Field::code().hint("6 digits, or a recovery code.").shown(form, mistakes))
            button type="submit" { "Log in" }
        }
        p { a href=(frame::login_address(next_address(form.get("next")))) { "Start again" } }
    };
    visit.shown(mistakes.page("Second factor", None, &content))
}

/// Checks the code of the second factor, and logs in.
pub async fn submit_code(
    State(app): State<App>,
    _: SameSite,
    limited: Result<Limited<Login>, ApiError>,
    sent: VisitForm,
) -> PageResult {
    let VisitForm { visit, form, brought, .. } = sent;
    let brought = |_| Ok(brought.as_ref().map(|caller| caller.session_id().clone()));
    let (token, code) = (form.secret("mfaToken"), form.secret("code"));
    let session = match limited {
        Ok(Limited { client, .. }) => login_mfa::finish(&app, &client, &token, &code, brought).await,
        Err(error) => Err(error),
    };
    match session {
        Ok(session) => logged_in(&app, &session, &form),
        Err(ApiError::Problem(problem)) if problem.is(INVALID_MFA_TOKEN) => {
            Ok(login_page(&visit, &form, &Mistakes::of(page_error((*problem).into()), "password")?, None))
        }
        Err(error) => Ok(code_page(&visit, &form, &token, &Mistakes::of(page_error(error), "password")?)),
    }
}

/// Ends the session of this browser, and forgets its cookie also where the session has ended before.
pub async fn log_out(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    match logout::log_out(&app, &sent.logged_in.caller).await.map_err(PageError::from) {
        Ok(_) | Err(PageError::LogIn) => {}
        Err(error) => return Err(error),
    }
    let mut response = Redirect::to("/account/login?done=logged-out").into_response();
    browser::forget(response.headers_mut());
    Ok(response)
}
