//! `/account/keys`: API keys of the person who is logged in.

mod create;
mod key;
mod list;
mod plot;
mod settings;

use axum::{
    Router,
    routing::{get, post},
};
use maud::{Markup, html};
use serde_json::Value;

use super::{PageResult, frame, visit};
use crate::{app::App, domain::api_key::KeyStatus};

/// Path of the list of keys.
pub const HERE: &str = "/account/keys";

pub fn routes() -> Router<App> {
    Router::new()
        .route("/keys", get(list::page))
        .route("/keys/new", get(create::page).post(create::submit))
        .route("/keys/{id}", get(key::page))
        .route("/keys/{id}/change", get(settings::page).post(settings::submit))
        .route("/keys/{id}/rotate", post(key::rotate))
        .route("/keys/{id}/revoke", post(key::revoke))
}

/// Renders a key that is shown this once, with a command that uses it.
fn shown_once(app: &App, answer: &Value) -> Markup {
    let key = answer.get("key").and_then(Value::as_str).unwrap_or_default();
    let member = |name: &str| answer.get("apiKey").and_then(|key| key.get(name));
    let scopes = member("scopes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let command = command(&app.config().base_url, key, &scopes.collect::<Vec<_>>());
    let id = member("id").and_then(Value::as_str).unwrap_or_default();
    html! {
        p { "Copy it now: it is shown this once. Whoever has it can do what its scopes allow." }
        p class="secret" { (key) }
        h2 { "Use it" }
        pre class="secret" { code { (command) } }
        p { a href={ (HERE) "/" (id) } { "Go to the key" } }
    }
}

/// Returns a curl command to try a key of these scopes with.
fn command(base_url: &str, key: &str, scopes: &[&str]) -> String {
    let header = format!("-H 'Authorization: Bearer {key}'");
    if scopes.contains(&"leaderboard:read") {
        format!("curl {header} {base_url}/api/v1/models")
    } else if scopes.contains(&"models:write") {
        format!(
            "curl -X PUT {header} -H 'Content-Type: application/json' \\\n  -d '{{\"displayName\":\"My model\"}}' \
             {base_url}/api/v1/models/my-lab/my-model"
        )
    } else if scopes.contains(&"results:write") {
        format!("curl {header} -H 'Content-Type: application/json' \\\n  -d @run.json {base_url}/api/v1/runs")
    } else {
        format!(
            "curl {header} -H 'Content-Type: application/json' \\\n  -d '{{\"key\":\"the key that you were shown\"}}' \
             {base_url}/api/v1/api-keys/verify"
        )
    }
}

/// Renders the status, flagged unless it is `active`.
fn status(status: KeyStatus) -> Markup {
    html! { @if status == KeyStatus::Active { (status.as_str()) } @else { span class="flag" { (status.as_str()) } } }
}
