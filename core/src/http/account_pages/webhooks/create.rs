use axum::{extract::State, response::Response};
use http::StatusCode;
use maud::html;
use serde_json::json;

use super::{
    HERE, PageResult, frame, shown_once,
    visit::{Signed, SignedForm},
};
use crate::{
    app::App,
    domain::webhook::WebhookEvent,
    http::{
        account_pages::form::{Field, Form, Mistakes, body, told_by},
        idempotency::Idempotent,
        request::Json,
        webhooks::create,
    },
};

/// Shows the form of a new webhook.
pub async fn page(State(app): State<App>, signed: Signed) -> PageResult {
    signed.caller.confirm(&app).await?;
    Ok(create_page(&signed, &Form::default(), &Mistakes::none()))
}

fn create_page(signed: &Signed, form: &Form, mistakes: &Mistakes) -> Response {
    let (invalid, described) = mistakes.marks("events");
    let content = html! {
        (mistakes.summary())
        form class="stack" method="post" action={ (HERE) "/new" } {
            (signed.once())
            (Field::new("url", "url", "off").hint("An https:// address on the internet.").shown(form, mistakes))
            (Field::new("description", "text", "off").hint("At most 1,000 characters.").optional().shown(form, mistakes))
            fieldset class="field" id="events" tabindex="-1" aria-describedby=[described] {
                legend { "Events" }
                (mistakes.beside("events"))
                @for event in WebhookEvent::ALL.iter().filter(|event| **event != WebhookEvent::Test) {
                    div class="choice" {
                        input type="checkbox" id=(event.as_str()) name="events" value=(event.as_str()) checked[form.ticked("events", event.as_str())] aria-invalid=[invalid];
                        label for=(event.as_str()) { (event.as_str()) }
                    }
                }
            }
            button type="submit" { "Create the webhook" }
        }
    };
    mistakes.page("Create a webhook", Some((signed, HERE)), &content)
}

/// Creates the webhook, and shows its secret.
pub async fn submit(State(app): State<App>, sent: SignedForm) -> PageResult {
    let SignedForm { signed, form, once } = sent;
    let members = json!({
        "url": form.get("url"),
        "description": form.given("description"),
        "events": form.every("events"),
    });
    let created = async {
        let body = Idempotent(once, Json(body(&members)?));
        create::handler(State(app.clone()), signed.caller.clone(), body).await
    };
    match created.await {
        Ok(answer) => {
            let content = shown_once(&told_by(answer).await?);
            Ok(frame::page(StatusCode::CREATED, "The secret of your webhook", Some((&signed, HERE)), &content))
        }
        Err(error) => Ok(create_page(&signed, &form, &Mistakes::of(error.into(), "password")?)),
    }
}
