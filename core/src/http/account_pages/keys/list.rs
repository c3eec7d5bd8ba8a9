use axum::extract::{OriginalUri, State};
use http::StatusCode;
use maud::html;

use super::{HERE, PageResult, frame, status, visit::LoggedIn};
use crate::{
    app::App,
    http::{
        leaderboard::{day, minute},
        page::{NewestFirst, PageQuery, take_rows},
        request::Query,
    },
    store::api_keys,
};

/// Number of keys on a page.
const ROWS: u32 = 50;

/// Lists the keys, newest first.
pub async fn page(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    logged_in: LoggedIn,
    Query(query): Query<PageQuery>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), query.cursor.as_deref())?;
    let mut batch = logged_in.caller.batch();
    let owner_id = batch.user_id();
    let keys = batch.push(api_keys::list(owner_id, &asked.rows()));
    let (_, mut answers) = batch.read(&app).await?;
    let (keys, next) = take_rows(answers.take(keys)?, ROWS, |key| (key.created_at.0, key.id.to_string()));
    let now = app.now();
    let content = html! {
        p { "A key lets a program act for you: publish results, read at a limit of its own, or verify the keys of others." }
        p { a href={ (HERE) "/new" } { "Create a key" } }
        @if keys.is_empty() { p class="none" { "There is none yet." } }
        ul class="cards" {
            @for key in &keys {
                li {
                    div class="row" {
                        a href={ (HERE) "/" (key.id) } { strong dir="auto" { (key.name) } }
                        code { (key.key_prefix) "…" }
                        (status(key.status(now)))
                    }
                    small {
                        (key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "))
                        " · created " (day(key.created_at))
                        " · " @match key.last_used_at { Some(at) => { "last used " (minute(at)) } None => { "never used" } }
                        @if let Some(at) = key.expires_at { " · expires " (day(at)) }
                    }
                }
            }
        }
        @if let Some(next) = next { p { a rel="next" href={ (HERE) "?cursor=" (next) } { "Older keys" } } }
    };
    Ok(frame::page(StatusCode::OK, "API keys", Some((&logged_in, HERE)), &content))
}
