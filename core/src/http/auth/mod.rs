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
mod tokens;
pub mod undo_email_change;
pub mod verify_email;

use axum::{
    Router,
    middleware::from_fn,
    routing::{delete, get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{app::App, domain::Secret, http::problem_page::problems_as_pages};

/// How long a verification link works, in seconds.
pub const VERIFICATION_SECONDS: i64 = 24 * 3600;
/// How long a reset link works, in seconds.
const RESET_SECONDS: i64 = 3600;

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

/// Generates a random token of 256 bits.
pub fn random_token(app: &App) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(app.random::<32>()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::Ordering};

    use axum::body::Body;
    use futures_util::FutureExt as _;
    use http::{Request, StatusCode};
    use tower::ServiceExt as _;

    use crate::{
        App, Config, HostDefaults,
        ports::{Rows, Value, counting::Counting},
    };

    /// Sends a request to a database that answers with `rows`; returns the status, the number of hashes, and the round
    /// trips.
    fn cost(path: &str, body: &str, rows: Rows) -> (StatusCode, usize, Vec<Vec<&'static str>>) {
        let counting = Arc::new(Counting { rows, ..Counting::default() });
        let defaults = HostDefaults::development("http://a.example");
        let app = App::new(counting.ports(), Config::load(&|_| None, defaults).unwrap());
        let request = Request::post(path).header("host", "a.example").header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned()));
        let answer =
            crate::http::router(&app).oneshot(request.unwrap()).now_or_never().expect("these ports never wait");
        let round_trips = counting.round_trips.lock().unwrap().clone();
        (answer.unwrap().status(), counting.hashes.load(Ordering::Relaxed), round_trips)
    }

    fn account() -> Rows {
        let text = |text: &str| Value::Text(text.to_owned());
        let columns = [
            "id",
            "email",
            "password_hash",
            "full_name",
            "email_verified",
            "role",
            "status",
            "mfa_enabled",
            "created_at",
            "storage_bytes",
            "storage_quota_bytes",
            "undeliverable",
            "tell_key_expiry",
            "tell_key_limits",
            "tell_new_networks",
            "network_known",
        ];
        let values = [
            text("u"),
            text("a@b.example"),
            text("$hash"),
            Value::Null,
            Value::Integer(1),
            text("user"),
            text("active"),
            Value::Integer(0),
            Value::Integer(0),
            Value::Integer(0),
            Value::Null,
            Value::Null,
            Value::Integer(1),
            Value::Integer(1),
            Value::Integer(1),
            Value::Integer(1),
        ];
        Rows::new(columns.map(str::to_owned), vec![values.to_vec()])
    }

    #[test]
    fn registering_costs_one_hash_and_one_batch_whatever_the_database_holds() {
        let register =
            |rows| cost("/api/v1/auth/register", r#"{"email":"a@b.example","password":"correct horse"}"#, rows);
        let (status, hashes, round_trips) = register(Rows::default());
        assert_eq!((status, hashes, round_trips.len()), (StatusCode::ACCEPTED, 1, 1));
        assert_eq!(register(account()), (status, hashes, round_trips));
    }

    #[test]
    fn a_failed_login_costs_the_same_whether_or_not_there_is_an_account() {
        let login = |rows| cost("/api/v1/auth/login", r#"{"email":"a@b.example","password":"wrong horse"}"#, rows);
        let (status, hashes, round_trips) = login(Rows::default());
        assert_eq!((status, hashes, round_trips.len()), (StatusCode::UNAUTHORIZED, 1, 2));
        assert_eq!(login(account()), (status, hashes, round_trips));
    }
}
