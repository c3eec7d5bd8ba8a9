use axum::{
    extract::{FromRequestParts as _, Request, State},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use serde_json::json;

use super::{refresh, tokens};
use crate::{
    app::App,
    domain::RefreshToken,
    http::{
        client::Client,
        credentials::Person,
        problem::{ApiError, INVALID_TOKEN, MISSING_CREDENTIALS},
    },
    store::{Batch, Handle, sessions},
};

/// Ends the session of the access token, or of the refresh token given.
pub async fn handler(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let client = Client::of(&parts);
    let mut rides_in_cookie = false;
    let ends_cookie = if parts.headers.contains_key(header::AUTHORIZATION) {
        let person = Person::from_request_parts(&mut parts, &app).await?;
        let (batch, ends_cookie) = end(&app, &person.client, &person.user_id, &person.session_id);
        person.write(&app, batch).await?.take(ends_cookie)?
    } else {
        let cookie_session = tokens::cookie_session(&parts.headers)?;
        let token = refresh::presented(&app, Request::from_parts(parts, body)).await?;
        let token = token.ok_or_else(|| ApiError::new(MISSING_CREDENTIALS, "send an access or a refresh token"))?;
        let invalid = || ApiError::new(INVALID_TOKEN, "this is no refresh token of ours");
        let token = RefreshToken::parse(token.expose()).ok_or_else(invalid)?;
        rides_in_cookie = cookie_session.as_ref() == Some(&token.session_id);
        let session = refresh::genuine(&app, &token).await?;
        let (batch, ends_cookie) = end(&app, &client, &session.user.id, &session.id);
        batch.run(app.database()).await?.take(ends_cookie)?
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    // Of a session that had ended before, too: the browser is to forget it.
    if rides_in_cookie || ends_cookie {
        tokens::clear_cookie(response.headers_mut());
    }
    Ok(response)
}

/// A batch that ends the session, and whether its refresh token rides in a cookie.
fn end(app: &App, client: &Client, user_id: &str, session_id: &str) -> (Batch, Handle<bool>) {
    let event = client.event(app, "logout", json!({ "sessionId": session_id }));
    let mut batch = Batch::new();
    let ends_cookie = batch.push(sessions::end(session_id, "logout", app.now()));
    batch.push(event.of_if_changed(user_id, Some(user_id)));
    (batch, ends_cookie)
}
