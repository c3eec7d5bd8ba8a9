//! Page of the security events of the account.

use axum::extract::{OriginalUri, State};
use http::StatusCode;
use maud::html;

use super::{PageResult, frame, overview::event_list, visit::LoggedIn};
use crate::{
    app::App,
    http::{
        page::{NewestFirst, PageQuery, take_rows},
        request::Query,
    },
    store::audit,
};

const HERE: &str = "/account/events";
/// Number of events on a page.
const ROWS: u32 = 50;

/// Lists security events, newest first.
pub async fn page(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    logged_in: LoggedIn,
    Query(query): Query<PageQuery>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), query.cursor.as_deref())?;
    let mut batch = logged_in.caller.batch();
    let user_id = batch.user_id();
    let events = batch.push(audit::list_of_user(user_id, &asked.rows()));
    let (_, mut answers) = batch.read(&app).await?;
    let (events, next) = take_rows(answers.take(events)?, ROWS, |event| event.position());
    let content = html! {
        p { "What happened to your account, and from where. Events are kept for a year. What you do not know: change your password, and end the other sessions." }
        (event_list(&events))
        @if let Some(next) = next { p { a rel="next" href={ (HERE) "?cursor=" (next) } { "Older events" } } }
    };
    Ok(frame::page(StatusCode::OK, "Security events", Some((&logged_in, HERE)), &content))
}
