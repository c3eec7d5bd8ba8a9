//! `/api/v1/auth`: accounts and sessions.

pub mod confirm_email;
mod links;
pub mod login;
pub mod login_mfa;
pub mod logout;
pub mod mfa;
pub mod password;
mod refresh;
pub mod register;
pub mod resend_verification;
mod session;
pub mod sessions;
pub mod start_session;
#[cfg(test)]
mod tests;
mod tokens;
pub mod undo_email_change;
pub mod verify_email;

use axum::{
    Router,
    middleware::from_fn,
    routing::{delete, get, post},
};

use self::links::RESET_SECONDS;
pub use self::links::{VERIFICATION_SECONDS, random_token};
use crate::{app::App, http::problem_page::problems_as_pages};

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    register::handler,
    verify_email::page,
    verify_email::handler,
    verify_email::confirm,
    resend_verification::handler,
    login::handler,
    login_mfa::handler,
    mfa::totp::enrol,
    mfa::totp::disable,
    mfa::totp::confirm,
    mfa::recovery_codes::create,
    sessions::list,
    sessions::end_others,
    sessions::end,
    password::forgot,
    password::reset,
    password::change,
    password::page,
    password::confirm,
    confirm_email::page,
    confirm_email::handler,
    confirm_email::confirm,
    undo_email_change::page,
    undo_email_change::handler,
    undo_email_change::confirm,
    session::handler,
    refresh::handler,
    logout::handler
))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new()
        .merge(links_of_mails().route_layer(from_fn(problems_as_pages)))
        .route("/register", post(register::handler))
        .route("/resend-verification", post(resend_verification::handler))
        .route("/login", post(login::handler))
        .route("/login/mfa", post(login_mfa::handler))
        .route("/mfa/totp", post(mfa::totp::enrol).delete(mfa::totp::disable))
        .route("/mfa/totp/confirm", post(mfa::totp::confirm))
        .route("/mfa/recovery-codes", post(mfa::recovery_codes::create))
        .route("/session", get(session::handler))
        .route("/sessions", get(sessions::list).delete(sessions::end_others))
        .route("/sessions/{id}", delete(sessions::end))
        .route("/password/forgot", post(password::forgot))
        .route("/password/reset", post(password::reset))
        .route("/password/change", post(password::change))
        .route("/refresh", post(refresh::handler))
        .route("/logout", post(logout::handler))
}

/// Returns the routes that the links of mails lead to, and those of the forms on their pages.
fn links_of_mails() -> Router<App> {
    Router::new()
        .route("/verify-email", get(verify_email::page).post(verify_email::handler))
        .route("/verify-email/confirm", post(verify_email::confirm))
        .route("/reset-password", get(password::page))
        .route("/reset-password/confirm", post(password::confirm))
        .route("/confirm-email", get(confirm_email::page).post(confirm_email::handler))
        .route("/confirm-email/confirm", post(confirm_email::confirm))
        .route("/undo-email-change", get(undo_email_change::page).post(undo_email_change::handler))
        .route("/undo-email-change/confirm", post(undo_email_change::confirm))
}
