use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::json;

use crate::{
    app::App,
    domain::user_agent,
    http::{credentials::Person, page::NewestFirst, problem::ApiError, request::Path},
    ports::{Row, Statement, Timestamp},
    store::{EXPECT_ONE_CHANGE, sessions},
};

/// The caller's live sessions, newest first.
pub async fn list(State(app): State<App>, person: Person, page: NewestFirst) -> Result<Response, ApiError> {
    let statement = page.bind(Statement::new(sessions::LIST).bind(person.user_id.as_str())).bind(app.now());
    let (_, answers) = person.read(&app, vec![statement]).await?;
    let rows = answers.into_iter().flatten();
    let sessions = rows.map(|row| {
        let (mut session, id) = (body(&row)?, row.text("id")?);
        if let Some(members) = session.as_object_mut() {
            members.insert("current".to_owned(), (id == person.session_id).into());
        }
        Ok(((row.integer("created_at")?, id), session))
    });
    let sessions = sessions.collect::<Result<Vec<_>, ApiError>>()?;
    Ok(page.answer(sessions, |(position, _)| position.clone(), |(_, session)| session))
}

/// A session as its person sees it.
///
/// # Errors
/// When a column is missing.
pub fn body(row: &Row) -> Result<serde_json::Value, ApiError> {
    let user_agent = row.optional_text("user_agent")?;
    let time = |column: &str| row.integer(column).map(Timestamp);
    Ok(json!({
        "id": row.text("id")?,
        "device": user_agent.as_deref().map(user_agent::device),
        "userAgent": user_agent,
        "ip": row.optional_text("ip")?,
        "mode": if row.boolean("cookie")? { "cookie" } else { "token" },
        "createdAt": time("created_at")?,
        "lastUsedAt": time("last_used_at")?,
        "expiresAt": time("expires_at")?,
    }))
}

/// Ends one of the caller's sessions.
pub async fn end(State(app): State<App>, person: Person, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let end = Statement::new(sessions::END_OF_USER)
        .essential()
        .bind(id.as_str())
        .bind(person.user_id.as_str())
        .bind(app.now())
        .bind("ended_by_person");
    let event = person.event(&app, "session_ended", json!({ "sessionId": id }));
    match person.write(&app, vec![end, Statement::new(EXPECT_ONE_CHANGE), event]).await? {
        Err(error) if error.is_guard() => Err(ApiError::not_found("session")),
        written => {
            written?;
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

/// Ends all of the caller's sessions but the current one.
pub async fn end_others(State(app): State<App>, person: Person) -> Result<StatusCode, ApiError> {
    let end = sessions::end_others(&person.user_id, Some(&person.session_id), "ended_by_person", app.now());
    let event = person.client.event(&app, "other_sessions_ended", json!({}));
    person.write(&app, vec![end, event.of_if_changed(&person.user_id, Some(&person.user_id))]).await??;
    Ok(StatusCode::NO_CONTENT)
}
