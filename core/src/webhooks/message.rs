//! Content of webhook messages, and the addresses that they may go to.

use std::collections::HashMap;

use http::Method;
use serde_json::{Value, json};

use crate::{
    app::App,
    domain::{
        Secret, WebhookId,
        standard_webhooks::WebhookSecret,
        webhook::{WebhookFailure, WebhookTargets},
    },
    ports::{Destination, OutboundRequest},
    store::{
        changes::{Line, Place},
        webhooks::{BegunDelivery, DeliveryContent},
    },
};

/// Most lines of the log that one delivery reports; it says whether there are more.
pub(super) const MOST_LINES: u32 = 20;
/// Time limit for an answer, in milliseconds.
const TIMEOUT_MS: u32 = 10_000;

/// Lines of the log, by the place after which they come.
pub(super) type Lines = HashMap<Place, Vec<Line>>;

/// Returns this deployment's rules for webhook addresses.
#[must_use]
pub fn targets(app: &App) -> WebhookTargets<'_> {
    WebhookTargets { private: app.config().webhook_private_targets, base_url: &app.config().base_url }
}

/// Writes the data of a delivery as JSON; returns `None` where there is nothing to report.
pub(super) fn data_of(app: &App, delivery: &BegunDelivery, lines: &Lines) -> Option<String> {
    let (from, to) = match &delivery.content {
        DeliveryContent::Data(data) => return Some(data.clone()),
        DeliveryContent::Log(from, to) => (from, to),
    };
    let mut all = lines.get(from)?.iter().filter(|line| line.place <= *to).collect::<Vec<_>>();
    let most = usize::try_from(MOST_LINES).unwrap_or(usize::MAX);
    let has_more = all.len() > most;
    all.truncate(most);
    let last = all.last()?.change.id.as_str();
    let next = format!("{}/api/v1/changes?after={last}", app.config().base_url);
    let changes = all.into_iter().map(in_short).collect::<Value>();
    Some(json!({ "changes": changes, "hasMore": has_more, "next": next }).to_string())
}

/// Writes a line of the log in short; the whole line is read at the address that goes with it.
fn in_short(Line { change, .. }: &Line) -> Value {
    json!({
        "id": change.id,
        "kind": change.kind,
        "at": change.at,
        "benchmark": change.benchmark,
        "version": change.version,
        "model": change.model,
        "systemId": change.system_id,
        "runId": change.run_id,
        "sealId": change.seal_id,
        "rankBefore": change.rank_before,
        "rankAfter": change.rank_after,
    })
}

/// Sends the delivery, signed by each of the webhook's secrets. Returns the status of the answer.
pub(super) async fn send(app: &App, delivery: &BegunDelivery, data: &str) -> Result<u16, WebhookFailure> {
    // The configuration decides what may be called, and it may have changed since.
    let url = targets(app).parse(delivery.url.expose()).map_err(|_| WebhookFailure::AddressRefused)?;
    let (id, timestamp) = (delivery.id.as_str(), app.now().0.div_euclid(1000).to_string());
    let event = delivery.event.as_str();
    let body = format!(r#"{{"type":"{event}","timestamp":"{}","data":{data}}}"#, delivery.created_at).into_bytes();
    let open = |sealed: &Vec<u8>| {
        let text = app.keys().open(delivery.webhook_id.as_str(), sealed)?;
        WebhookSecret::parse(std::str::from_utf8(&text).ok()?)?.sign(id, &timestamp, &body)
    };
    let signatures = delivery.secrets.iter().filter_map(open).collect::<Vec<_>>();
    if signatures.is_empty() {
        return Err(WebhookFailure::SecretUnreadable);
    }
    let request = OutboundRequest {
        destination: if app.config().webhook_private_targets { Destination::Configured } else { Destination::Stranger },
        method: Method::POST,
        url: url.expose().to_owned(),
        headers: vec![
            ("content-type", Secret::new("application/json")),
            ("user-agent", Secret::new(concat!("aibaas/", env!("CARGO_PKG_VERSION"), " webhooks"))),
            ("webhook-id", Secret::new(id)),
            ("webhook-timestamp", Secret::new(timestamp.as_str())),
            ("webhook-signature", Secret::new(signatures.join(" "))),
        ],
        body,
        timeout_ms: TIMEOUT_MS,
    };
    // The reason is hidden: it would reveal what is on a network.
    app.ports().http_client.send(request).await.map(|answer| answer.status).map_err(|_| WebhookFailure::NoAnswer)
}

/// Seals a webhook's secret for its row.
///
/// # Errors
/// The errors of [`Keys::seal`](crate::domain::Keys::seal).
pub fn seal(app: &App, id: &WebhookId, secret: &WebhookSecret) -> Result<Vec<u8>, String> {
    app.keys().seal(id.as_str(), app.random(), secret.text().expose().as_bytes())
}
