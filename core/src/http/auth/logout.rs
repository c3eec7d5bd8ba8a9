use axum::{
    extract::{FromRequestParts as _, Request, State},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};

use super::{refresh, tokens};
use crate::{
    app::App,
    domain::RefreshToken,
    http::{
        credentials::Person,
        problem::{ApiError, INVALID_TOKEN, MISSING_CREDENTIALS},
    },
    ports::Rows,
};

/// Ends the session of the access token, or of the refresh token given.
pub async fn handler(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let now = app.now();
    let ended = if parts.headers.contains_key(header::AUTHORIZATION) {
        let person = Person::from_request_parts(&mut parts, &app).await?;
        person.write(&app, vec![refresh::end(&person.session_id, now)]).await??.into_iter().next()
    } else {
        let token = refresh::presented(&app, Request::from_parts(parts, body)).await?;
        let token = token.ok_or_else(|| ApiError::new(MISSING_CREDENTIALS, "send an access or a refresh token"))?;
        let invalid = || ApiError::new(INVALID_TOKEN, "this is no refresh token of ours");
        let token = RefreshToken::parse(token.expose()).ok_or_else(invalid)?;
        let session = refresh::genuine(&app, &token).await?;
        Some(app.database().query(refresh::end(&session.id, now)).await?)
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    if ended.and_then(Rows::into_first).is_some_and(|row| row.boolean("cookie").unwrap_or(false)) {
        tokens::clear_cookie(response.headers_mut());
    }
    Ok(response)
}
