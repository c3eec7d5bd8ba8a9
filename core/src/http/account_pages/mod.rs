//! `/account`: an account in the browser. Pages without scripts, whose forms call what the API's handlers call.

pub mod errors;
mod events;
pub mod form;
pub mod frame;
mod keys;
mod log_in;
pub mod overview;
pub mod page_error;
mod password;
mod profile;
mod publishing;
mod register;
mod second_factor;
mod sent_form;
mod sessions;
pub mod visit;
mod webhooks;

use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};

use crate::{
    app::App,
    http::{
        auth::{self, confirm_email, undo_email_change, verify_email},
        problem_page::problems_as_pages,
    },
};

/// Answer of a page's handler.
pub type PageResult = Result<axum::response::Response, page_error::PageError>;

pub fn routes() -> Router<App> {
    let pages = Router::new()
        .route("/", get(overview::page))
        .route("/verify-anew", post(overview::verify_anew))
        .route("/login", get(log_in::page).post(log_in::submit))
        .route("/login/code", post(log_in::submit_code))
        .route("/logout", post(log_in::log_out))
        .route("/register", get(register::page).post(register::submit))
        .route("/resend", get(register::resend_page).post(register::resend))
        .route("/forgotten", get(register::forgotten_page).post(register::forgotten))
        .route("/verify-email", get(verify_email::page))
        .route("/reset-password", get(auth::password::page))
        .route("/confirm-email", get(confirm_email::page))
        .route("/undo-email-change", get(undo_email_change::page))
        .route("/password", get(password::page).post(password::submit))
        .route("/sessions", get(sessions::page))
        .route("/sessions/end-others", post(sessions::end_others))
        .route("/sessions/{id}/end", post(sessions::end))
        .route("/events", get(events::page))
        .route("/profile", get(profile::page))
        .route("/profile/name", post(profile::rename))
        .route("/profile/notices", post(profile::notices))
        .route("/profile/address", post(profile::change_address))
        .route("/export", get(profile::export))
        .route("/delete", get(profile::delete_page).post(profile::delete))
        .route("/publishing", get(publishing::page))
        .route("/publishing/{id}", get(publishing::run_page))
        .route("/publishing/{id}/withdraw", get(publishing::withdraw_page).post(publishing::withdraw))
        .route("/second-factor", get(second_factor::page).post(second_factor::enrol))
        .route("/second-factor/confirm", post(second_factor::confirm))
        .route("/second-factor/change", post(second_factor::change));
    let pages = pages.merge(keys::routes()).merge(webhooks::routes());
    let pages = pages.route_layer(from_fn(errors::as_page)).route_layer(from_fn(problems_as_pages));
    Router::new().nest("/account", pages)
}
