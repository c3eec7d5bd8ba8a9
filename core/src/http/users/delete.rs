use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    domain::Secret,
    http::{client::Client, credentials::Person, key_changes, problem::ApiError, request::Json, step_up},
    mail::{self, Letter},
    store::{Batch, audit, idempotency, outbox, users},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    password: Secret,
    code: Option<Secret>,
}

/// Deletes the caller's account, with sessions, keys and everything else that is theirs, in one batch. What they published
/// stays without a name; security events stay without particulars.
pub async fn handler(State(app): State<App>, person: Person, Json(body): Json<Body>) -> Result<StatusCode, ApiError> {
    let user_id = person.user_id.as_str();
    // What can fail comes before the guess, which would else be lost.
    let mut batch = Batch::new();
    let keys = batch.push_statement(key_changes::live_keys(&app, user_id));
    let (_, mut answers) = person.read(&app, batch).await?;
    let announced = key_changes::announce(&app, Some(answers.take(keys)?)).await?;
    let proof = step_up::check_both(&app, &person, &body.password, body.code.as_ref()).await?;
    let mut effects = vec![
        key_changes::live_keys(&app, user_id),
        audit::wipe(user_id).into_statement(),
        Client::nobody().event(&app, "account_deleted", json!({})).of(user_id, Some(user_id)),
        outbox::delete_of_user(user_id).into_statement(),
        mail::queue(&app, &Letter::AccountDeleted)?.to(&proof.user.email, None),
        users::delete(user_id).into_statement(),
    ];
    effects.extend(idempotency::forget(user_id));
    let answers = proof.carry_out(&app, &person, effects).await?;
    key_changes::announce_others(&app, answers.into_iter().next(), &announced).await?;
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}
