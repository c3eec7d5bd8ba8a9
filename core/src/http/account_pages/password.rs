//! Changing the password.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::html;
use serde_json::json;

use super::{
    PageResult,
    form::{Field, Form, Mistakes, body},
    frame,
    visit::{Signed, SignedForm},
};
use crate::{
    app::App,
    http::{auth::password, problem::ApiError, request::Json},
};

const HERE: &str = "/account/password";

/// Asks for the present and the new password.
pub async fn page(State(app): State<App>, signed: Signed) -> PageResult {
    let session = signed.caller.confirm(&app).await?;
    Ok(password_page(&signed, &session.user.email, &Mistakes::none()))
}

fn password_page(signed: &Signed, email: &str, mistakes: &Mistakes) -> Response {
    let nothing = Form::default();
    let content = html! {
        (mistakes.summary())
        form class="stack" method="post" action=(HERE) {
            (signed.token())
            // For password managers, which tell accounts apart by it.
            input type="hidden" name="email" value=(email) autocomplete="username";
            (Field::password("currentPassword", "Present password", "current-password").shown(&nothing, mistakes))
            (Field::password("newPassword", "New password", "new-password").hint("8 to 128 characters.").shown(&nothing, mistakes))
            div class="choice" {
                input type="checkbox" id="keepOthers" name="keepOthers" value="yes" aria-describedby="keepOthers-hint";
                div {
                    label for="keepOthers" { "Stay logged in everywhere else" }
                    small id="keepOthers-hint" { "Otherwise every other session ends, which is what you want if somebody else may know the password." }
                }
            }
            button type="submit" { "Change password" }
        }
    };
    mistakes.shown(frame::page(StatusCode::OK, "Password", Some((signed, HERE)), &content))
}

/// Changes it.
pub async fn submit(State(app): State<App>, sent: SignedForm) -> PageResult {
    let SignedForm { signed, form, .. } = sent;
    let members = json!({
        "currentPassword": form.get("currentPassword"),
        "newPassword": form.get("newPassword"),
        "revokeOtherSessions": !form.ticked("keepOthers", "yes"),
    });
    let changed = async {
        let body = body(&members)?;
        password::change(State(app), signed.caller.clone(), Json(body)).await
    };
    match changed.await as Result<_, ApiError> {
        Ok(_) => Ok(Redirect::to("/account?done=password").into_response()),
        Err(error) => Ok(password_page(&signed, form.get("email"), &Mistakes::of(error.into(), "currentPassword")?)),
    }
}
