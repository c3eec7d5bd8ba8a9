//! `/admin`: the host's health, and the last security events.

use axum::extract::State;
use maud::html;

use super::{PageResult, addresses::EVENTS, events, frame, health, visit::Visitor};
use crate::{
    app::App,
    domain::Timestamp,
    http::{admin::health as api, page::END_OF_TIME},
    store::{
        PageBefore,
        audit::{self, EventFilter},
    },
};

/// Number of security events on the page.
const MOST_EVENTS: u32 = 10;

/// Shows the overview.
pub async fn page(State(app): State<App>, visitor: Visitor) -> PageResult {
    let newest = PageBefore { at: Timestamp(END_OF_TIME), id: String::new(), rows: MOST_EVENTS };
    let host = api::read(&app, &visitor.admin).await?;
    let last = visitor.admin.read(&app, audit::list(EventFilter::default(), &newest)).await?;
    let content = html! {
        (health::shown(&host))
        h2 { "Last security events" }
        (frame::rows(last.iter().map(events::item), "There is none."))
        p { a href=(EVENTS) { "All security events" } }
    };
    Ok(frame::page(&visitor, "/admin", "Administration", &content))
}
