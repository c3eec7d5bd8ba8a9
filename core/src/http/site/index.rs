use axum::{
    Json,
    response::{IntoResponse as _, Redirect, Response},
};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::wants_html;

/// What this is.
#[derive(Serialize, ToSchema)]
struct Index {
    #[schema(extensions(("x-const" = json!("AIBaaS API"))))]
    message: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Where people read of it.
    #[schema(extensions(("x-const" = json!("/docs"))))]
    documentation: &'static str,
}

/// Says what this is.
///
/// Names the API, its version and its documentation.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "index",
    tag = "Service",
    responses(
        (status = 200, description = "What this is.", body = Index, headers(("Vary"))),
        (status = 303, description = "A browser that asks for HTML is sent to `/leaderboard`.", headers(("Vary"))),
    ),
)]
pub async fn handler(headers: HeaderMap) -> Response {
    if wants_html(&headers) {
        return Redirect::to("/leaderboard").into_response();
    }
    let index = Index { message: "AIBaaS API", version: env!("CARGO_PKG_VERSION"), documentation: "/docs" };
    Json(index).into_response()
}
