use axum::{
    Json,
    response::{IntoResponse as _, Redirect, Response},
};
use http::HeaderMap;
use serde_json::json;

use super::wants_html;

/// Says what this is; a browser is sent to the leaderboard.
pub async fn handler(headers: HeaderMap) -> Response {
    if wants_html(&headers) {
        return Redirect::to("/leaderboard").into_response();
    }
    let index = json!({ "message": "AIBaaS API", "version": env!("CARGO_PKG_VERSION"), "documentation": "/docs" });
    Json(index).into_response()
}
