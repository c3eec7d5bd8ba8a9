//! `/api/v1/auth`: accounts and sessions.

mod login;
mod logout;
mod refresh;
mod register;
mod resend_verification;
mod tokens;
mod verify_email;

use axum::{
    Router,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{app::App, domain::Secret};

/// How long a verification link works, in seconds.
const VERIFICATION_SECONDS: i64 = 24 * 3600;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/register", post(register::handler))
        .route("/verify-email", get(verify_email::page).post(verify_email::handler))
        .route("/verify-email/confirm", post(verify_email::confirm))
        .route("/resend-verification", post(resend_verification::handler))
        .route("/login", post(login::handler))
        .route("/refresh", post(refresh::handler))
        .route("/logout", post(logout::handler))
}

/// A random token of 256 bits.
fn random_token(app: &App) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(app.random::<32>()))
}
