use axum::extract::{OriginalUri, State};
use http::StatusCode;
use maud::html;

use super::{HERE, PageResult, events, frame, status, visit::LoggedIn};
use crate::{
    app::App,
    http::{
        leaderboard::{day, minute},
        page::{NewestFirst, PageQuery},
        request::Query,
    },
    store::webhooks,
};

/// Most webhooks that are listed: nobody has more.
const ROWS: u32 = 50;

/// Lists the webhooks, newest first.
pub async fn page(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    logged_in: LoggedIn,
    Query(query): Query<PageQuery>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), query.cursor.as_deref())?;
    let mut batch = logged_in.caller.batch();
    let user_id = batch.user_id();
    let list = batch.push(webhooks::list(user_id, &asked.rows(), app.now()));
    let (_, mut answers) = batch.read(&app).await?;
    let list = answers.take(list)?;
    let content = html! {
        p { "A webhook is an address of yours that is called when something happens to your runs and keys, or to the public log." }
        p { a href={ (HERE) "/new" } { "Create a webhook" } }
        @if list.is_empty() { p class="none" { "There is none yet." } }
        ul class="cards" {
            @for webhook in &list {
                li {
                    div class="row" {
                        a href={ (HERE) "/" (webhook.id) } { strong { (webhook.url.host()) } }
                        (status(webhook))
                    }
                    @if let Some(description) = &webhook.description { small dir="auto" { (description) } }
                    small {
                        (events(webhook)) " · created " (day(webhook.created_at))
                        @if let Some(since) = webhook.failing_since { " · failing since " (minute(since)) }
                    }
                }
            }
        }
    };
    Ok(frame::page(StatusCode::OK, "Webhooks", Some((&logged_in, HERE)), &content))
}
