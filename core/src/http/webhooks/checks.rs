//! Checks of what a request says about a webhook.

use std::collections::BTreeSet;

use crate::{
    app::App,
    domain::webhook::{WebhookEvent, WebhookUrl},
    http::request::Validator,
    webhooks,
};

/// Checks the events of a request: at least one, each once. Returns them, even if a mistake was noted.
pub(super) fn check_events(validator: &mut Validator, events: Vec<WebhookEvent>) -> Vec<WebhookEvent> {
    let mut seen = BTreeSet::new();
    let is_set = events.iter().all(|event| seen.insert(event.as_str()));
    validator.require(!events.is_empty() && is_set, "/events", "name at least one event, and each once");
    events
}

/// Checks the address of a request, and returns it where it may be called.
pub(super) fn check_url(app: &App, validator: &mut Validator, url: &str) -> Option<WebhookUrl> {
    validator.check("/url", webhooks::targets(app).parse(url.trim()))
}
