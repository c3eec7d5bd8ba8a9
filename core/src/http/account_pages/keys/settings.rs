//! Settings of a key as fields of a form, and the page that changes them.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    HERE, PageResult,
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    domain::{ApiKeyId, api_key::Scope},
    http::{
        account_pages::form::{Field, Form, Mistakes, body, label_of},
        api_keys::change,
        problem::ApiError,
        request::{Json, Path},
    },
    store::api_keys,
};

fn explained(scope: Scope) -> &'static str {
    match scope {
        Scope::LeaderboardRead => "Reads what is public, counted against the key and not against the network.",
        Scope::ResultsWrite => "Opens runs, uploads their results, publishes and withdraws them.",
        Scope::ModelsWrite => "Declares models and benchmarks.",
        Scope::KeysVerify => "Asks whether a key that a service was shown is good.",
    }
}

/// Renders the fields that a key is created with and may be changed in. `after_limit` holds those that cannot be
/// changed.
pub fn fields(form: &Form, mistakes: &Mistakes, after_limit: &Markup) -> Markup {
    let (invalid, described) = mistakes.marks("scopes");
    html! {
        (Field::new("name", "text", "off").hint("To tell it from others.").shown(form, mistakes))
        (Field::new("description", "text", "off").optional().shown(form, mistakes))
        fieldset class="field" id="scopes" tabindex="-1" aria-describedby=[described] {
            legend { (label_of("scopes")) }
            (mistakes.error_of("scopes"))
            @for scope in Scope::ALL {
                div class="choice" {
                    input type="checkbox" id=(scope.as_str()) name="scopes" value=(scope.as_str())
                        checked[form.ticked("scopes", scope.as_str())] aria-invalid=[invalid] aria-describedby={ (scope.as_str()) "-hint" };
                    div { label for=(scope.as_str()) { code { (scope.as_str()) } } small id={ (scope.as_str()) "-hint" } { (explained(scope)) } }
                }
            }
        }
        (Field::new("rateLimit", "number", "off").hint("So many requests in any window, 1 to 100,000.").shown(form, mistakes))
        (after_limit)
        (Field::new("allowedIps", "textarea", "off")
            .hint("Where it may be used from: one address or CIDR block in a line, such as 192.0.2.0/24. Empty: anywhere.")
            .optional().shown(form, mistakes))
    }
}

/// Parses a number as it was typed; any other text becomes 0, which the API refuses as out of range.
pub fn number(text: &str) -> Value {
    json!(text.trim().parse::<u32>().unwrap_or(0))
}

/// Splits a text at commas, spaces and line breaks.
pub fn words(text: &str) -> Vec<&str> {
    text.split([',', ' ', '\n', '\r', '\t']).filter(|word| !word.is_empty()).collect()
}

/// Shows the settings that may be changed.
pub async fn page(State(app): State<App>, Path(id): Path<ApiKeyId>, logged_in: LoggedIn) -> PageResult {
    let mut batch = logged_in.caller.batch();
    let owner_id = batch.user_id();
    let key = batch.push(api_keys::of_user(&id, owner_id));
    let (_, mut answers) = batch.read(&app).await?;
    let key = answers.take(key)?.ok_or_else(|| ApiError::not_found("API key"))?;
    let (limit, blocks) = (key.rate_limit.to_string(), key.allowed_ips.join("\n"));
    let mut fields = vec![
        ("name", key.name.as_str()),
        ("description", key.description.as_deref().unwrap_or_default()),
        ("rateLimit", &limit),
        ("allowedIps", &blocks),
    ];
    fields.extend(key.scopes.iter().map(|scope| ("scopes", scope.as_str())));
    Ok(change_page(&logged_in, &id, &Form::of(&fields), &Mistakes::none()))
}

fn change_page(logged_in: &LoggedIn, id: &ApiKeyId, form: &Form, mistakes: &Mistakes) -> Response {
    let content = html! {
        (mistakes.summary())
        p { "From the answer on, every use is decided by what the key is changed to. Its window and expiry stay: make or rotate a key for that." }
        form class="stack" method="post" action={ (HERE) "/" (id) "/change" } {
            (logged_in.token())
            (fields(form, mistakes, &html! {}))
            button type="submit" { "Save" }
        }
        p { a href={ (HERE) "/" (id) } { "Back to the key" } }
    };
    mistakes.page("Change the key", Some((logged_in, HERE)), &content)
}

/// Changes the key.
pub async fn submit(State(app): State<App>, Path(id): Path<ApiKeyId>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, .. } = sent;
    let members = json!({
        "name": form.get("name"),
        "description": form.given("description"),
        "scopes": form.every("scopes"),
        "rateLimit": number(form.get("rateLimit")),
        "allowedIps": words(form.get("allowedIps")),
    });
    let changed =
        async { change::handler(State(app), logged_in.caller.clone(), Path(id.clone()), Json(body(&members)?)).await };
    match changed.await {
        Ok(_) => Ok(Redirect::to(&format!("{HERE}/{id}?done=changed")).into_response()),
        Err(error) => Ok(change_page(&logged_in, &id, &form, &Mistakes::of(error.into(), "password")?)),
    }
}
