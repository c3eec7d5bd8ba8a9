//! Clock of a development host, moved over HTTP, so that tests need not wait for what comes with time.

use axum::{
    Json as Answer,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    dev_clock,
    domain::{Timestamp, ValidationError, ValidationErrorCode},
    http::{
        openapi::NotFound,
        problem::{ApiError, Problem, SERVICE_UNAVAILABLE},
        request::{Json, read},
    },
    ports::{Clock as _, KeyValueError, MovableClock},
};

const YEAR_MS: i64 = 366 * 86_400_000;
/// Farthest that the clock can be ahead, in milliseconds: 20 years.
const FARTHEST_MS: i64 = 20 * YEAR_MS;

/// How to move the time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = DevClockMove)]
pub struct Body {
    /// By so many milliseconds.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 632_448_000_000_i64, default = 0, example = 3_600_000)]
    advance_ms: i64,
    /// Whether it stands still from then on; unchanged where absent.
    stopped: Option<bool>,
}

/// The time of a development host.
#[derive(Serialize, ToSchema)]
pub struct DevClock {
    now: Timestamp,
    /// Whether it stands still.
    stopped: bool,
}

/// Tells the time of a development host.
///
/// Exists only in development, with `DEV_CLOCK=on`.
#[utoipa::path(
    get,
    path = "/dev/clock",
    operation_id = "devClock",
    tag = "Service",
    responses(
        (status = 200, description = "The time.", body = DevClock, headers(("Vary"))),
        (status = 404, response = NotFound),
    ),
)]
pub async fn show(State(app): State<App>) -> Result<Answer<DevClock>, ApiError> {
    Ok(shown(clock(&app)?))
}

/// Moves or stops the time of a development host.
///
/// Everything that decides by time sees it: limits, sessions, links, keys, expiry, the schedule. It never goes back, and
/// may stand still. Exists only in development, with `DEV_CLOCK=on`.
#[utoipa::path(
    post,
    path = "/dev/clock",
    operation_id = "moveDevClock",
    tag = "Service",
    request_body = Body,
    responses(
        (status = 200, description = "The time from now on.", body = DevClock, headers(("Vary"))),
        (status = 404, response = NotFound),
    ),
)]
pub async fn advance(
    State(app): State<App>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Answer<DevClock>, ApiError> {
    let clock = clock(&app)?;
    let (Json(body), _) = read::<Json<Body>>(&headers, body).await?;
    let stops = body.stopped.unwrap_or_else(|| clock.is_stopped());
    let movement = clock.after(body.advance_ms, stops, FARTHEST_MS).ok_or_else(|| {
        let refusal =
            ValidationError::new(ValidationErrorCode::OutOfRange, "the clock only goes forward, by 20 years in all");
        ApiError::invalid_member("/advanceMs", refusal)
    })?;
    dev_clock::keep(&app, movement).await.map_err(unavailable)?;
    clock.follow(movement);
    Ok(shown(clock))
}

/// Follows the clock's movement, which another instance may have changed, before this one serves a request.
pub async fn follow(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    dev_clock::catch_up(&app).await.map_err(unavailable)?;
    Ok(next.run(request).await)
}

fn clock(app: &App) -> Result<&MovableClock, ApiError> {
    app.clock().movable().ok_or_else(|| ApiError::not_found("path"))
}

fn shown(clock: &MovableClock) -> Answer<DevClock> {
    Answer(DevClock { now: clock.now(), stopped: clock.is_stopped() })
}

fn unavailable(error: KeyValueError) -> ApiError {
    Problem::new(SERVICE_UNAVAILABLE, "the cache, which keeps the clock, does not answer")
        .retry_after(5)
        .caused_by(&error)
        .into()
}
