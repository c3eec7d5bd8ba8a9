//! OpenAPI document of the API. A call is described beside its handler, a type beside its definition; here stands what
//! holds for all of a kind.
//!
//! The servers serve the kept text, `core/openapi.json`, and never generate it. After a change write it again:
//! `cargo run --example openapi`.

mod examples;
mod nodes;
mod operations;
mod parameters;
mod schemas;

use serde::Serialize as _;
use serde_json::{Serializer, Value, json, ser::PrettyFormatter};
use utoipa::OpenApi;

use super::{
    admin, api_keys, auth, export, leaderboard, log, mail_webhooks, openapi::refusal_components, problem::ProblemBody,
    publishing, secret_scanning, site, users, webhooks,
};

/// The document's own parts, which belong to no group of calls.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "AIBaaS API",
        description = include_str!("introduction.md"),
        version = env!("CARGO_PKG_VERSION"),
        license(name = "Apache License 2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/")),
    tags(
        (name = "Accounts", description = "Registration, sessions, tokens."),
        (name = "User", description = "The person behind the token."),
        (name = "Administration", description = "For administrators."),
        (name = "API keys", description = "Credentials for programs: `aib_live_` or `aib_test_` and 38 letters and digits, sent as `X-API-Key` or as a bearer token. A person's access token manages them, never a key; with a key of scope `keys:verify` a service asks about the keys that it is shown."),
        (name = "Webhooks", description = "Requests of ours to an address of yours: about your runs and keys, and about the public log. Signed after Standard Webhooks."),
        (name = "Publishing", description = "For programs: models, benchmarks, runs."),
        (name = "Leaderboard", description = "Public reads; with a key of scope `leaderboard:read` they count against its limit."),
        (name = "Service", description = "Around it."),
    ),
    components(schemas(ProblemBody<'_>)),
)]
struct Frame;

/// Generates the document's text, as it is kept.
#[must_use]
pub fn text() -> String {
    // The text is compiled into the servers: indented by two it would be a quarter longer.
    let formatter = PrettyFormatter::with_indent(b" ");
    let mut text = Vec::new();
    _ = document().serialize(&mut Serializer::with_formatter(&mut text, formatter));
    text.push(b'\n');
    String::from_utf8(text).unwrap_or_default()
}

fn document() -> Value {
    let leaderboard = leaderboard::Described::openapi();
    let last_answers = leaderboard.paths.paths.keys().cloned().collect();
    let mut described = Frame::openapi();
    for part in [
        auth::Described::openapi(),
        users::Described::openapi(),
        admin::Described::openapi(),
        api_keys::Described::openapi(),
        webhooks::Described::openapi(),
        publishing::Described::openapi(),
        leaderboard,
        export::Described::openapi(),
        log::Described::openapi(),
        secret_scanning::Described::openapi(),
        mail_webhooks::Described::openapi(),
        site::Described::openapi(),
    ] {
        described.merge(part);
    }
    let mut document = serde_json::to_value(described).unwrap_or_default();
    let shared = serde_json::from_str::<Value>(include_str!("components.json")).unwrap_or_default();
    add(&mut document, json!({ "components": shared }));
    add(
        &mut document,
        json!({
            "info": { "summary": "Accounts, API keys and a leaderboard of AI models with honest statistics." },
            "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
            "components": { "parameters": parameters::components(), "responses": refusal_components() },
        }),
    );
    schemas::complete(&mut document);
    parameters::complete(&mut document);
    operations::complete(&mut document, &last_answers);
    examples::complete(&mut document);
    schemas::leave_out_unused(&mut document);
    document
}

/// Merges another value into this one; of two that are no objects, the other wins.
fn add(value: &mut Value, other: Value) {
    match (value, other) {
        (Value::Object(value), Value::Object(other)) => {
            for (name, other) in other {
                add(value.entry(name).or_insert(Value::Null), other);
            }
        }
        (value, other) => *value = other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_text_is_of_this_code() {
        let is_same = text() == include_str!("../../../openapi.json");
        assert!(is_same, "write core/openapi.json anew: cargo run --example openapi");
    }
}
