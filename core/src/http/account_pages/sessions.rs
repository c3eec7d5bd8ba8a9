//! Page of the account's sessions.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect},
};
use http::StatusCode;
use maud::html;

use super::{
    PageResult, frame,
    page_error::PageError,
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    domain::{Timestamp, user_agent},
    http::{
        auth::sessions as api,
        leaderboard::minute,
        page::END_OF_TIME,
        problem::{ApiError, NOT_FOUND},
        request::Path,
    },
    store::{PageBefore, sessions},
};

const HERE: &str = "/account/sessions";
/// Most sessions that are listed: nobody has more live ones.
const MOST: u32 = 100;

/// Lists the live sessions.
pub async fn page(State(app): State<App>, logged_in: LoggedIn) -> PageResult {
    let mut batch = logged_in.caller.batch();
    let user_id = batch.user_id();
    let newest = PageBefore { at: Timestamp(END_OF_TIME), id: String::new(), rows: MOST };
    let list = batch.push(sessions::list(user_id, &newest, app.now()));
    let (current, mut answers) = batch.read(&app).await?;
    let list = answers.take(list)?;
    let content = html! {
        p { "Each is a login, here or by a program. One that you do not know: end it, and change your password." }
        ul class="cards" {
            @for session in &list {
                @let is_current = session.id == *current.id();
                li {
                    div class="row" {
                        strong { (session.user_agent.as_deref().map_or_else(|| "Unknown program".to_owned(), user_agent::device)) }
                        @if is_current { span class="flag" { "this browser" } }
                    }
                    small {
                        "Since " (minute(session.created_at)) ", last used " (minute(session.last_used_at))
                        @if let Some(ip) = &session.ip { ", from " (ip) }
                    }
                    @if !is_current {
                        form method="post" action={ (HERE) "/" (session.id) "/end" } {
                            (logged_in.token())
                            button class="plain" type="submit" { "End this session" }
                        }
                    }
                }
            }
        }
        @if list.len() > 1 {
            form class="stack" method="post" action={ (HERE) "/end-others" } {
                (logged_in.token())
                button type="submit" { "End all other sessions" }
            }
        }
    };
    Ok(frame::page(StatusCode::OK, "Sessions", Some((&logged_in, HERE)), &content))
}

/// Ends a session. One that has ended already is no error.
pub async fn end(State(app): State<App>, id: Path<crate::domain::SessionId>, sent: LoggedInForm) -> PageResult {
    match api::end(State(app), sent.logged_in.caller, id).await {
        Err(ApiError::Problem(problem)) if problem.is(NOT_FOUND) => {}
        ended => drop(ended.map_err(PageError::from)?),
    }
    Ok(Redirect::to(HERE).into_response())
}

/// Ends all sessions but this one.
pub async fn end_others(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    api::end_others(State(app), sent.logged_in.caller).await?;
    Ok(Redirect::to(HERE).into_response())
}
