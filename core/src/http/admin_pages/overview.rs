//! `/admin`: what happened last.

use axum::extract::State;
use maud::html;

use super::{PageResult, frame, visit::Visitor};
use crate::{
    app::App,
    http::{account_pages::overview::event_list, page::END_OF_TIME},
    ports::Timestamp,
    store::{PageBefore, audit},
};

/// So many security events are shown.
const EVENTS: u32 = 10;

/// Shows the overview.
pub async fn page(State(app): State<App>, visitor: Visitor) -> PageResult {
    let newest = PageBefore { at: Timestamp(END_OF_TIME), id: String::new(), rows: EVENTS };
    let mut batch = visitor.admin.batch();
    let events = batch.push(audit::list(&newest));
    let (_, mut answers) = batch.read(&app).await?;
    let content = html! {
        p { "What you do here is what the calls below " code { "/api/v1/admin" } " do, and each act is a security event." }
        h2 { "Last security events" }
        (event_list(&answers.take(events)?))
    };
    Ok(frame::page(&visitor, "/admin", "Administration", &content))
}
