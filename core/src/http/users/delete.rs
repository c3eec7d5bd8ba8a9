use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    domain::Secret,
    http::{
        client::Client,
        credentials::Person,
        guessing::{self, unproved},
        key_changes,
        problem::ApiError,
        request::Json,
    },
    mail::{self, Letter},
    ports::Statement,
    store::{audit, idempotency, outbox, users},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    password: Secret,
}

/// The person goes, with sessions, keys and everything else that is theirs, in one batch. What they published stays
/// without a name; security events stay without particulars.
pub async fn handler(State(app): State<App>, person: Person, Json(body): Json<Body>) -> Result<StatusCode, ApiError> {
    let user_id = person.user_id.as_str();
    // What can fail comes before the guess, which would else be lost.
    let (_, answers) = person.read(&app, vec![key_changes::live_keys(&app, user_id)]).await?;
    let announced = key_changes::announce(&app, answers.into_iter().next()).await?;
    let proof = guessing::check_password(&app, &person, &body.password).await?;
    let email = proof.user.email.as_str();
    let mut batch = proof.statements();
    let keys_at = batch.len();
    batch.extend([
        key_changes::live_keys(&app, user_id),
        Statement::new(audit::WIPE).bind(user_id),
        Client::nobody().event(&app, "account_deleted", json!({})).of(user_id, Some(user_id)),
        Statement::new(outbox::DELETE_OF_PERSON).bind(user_id),
        mail::queue(&app, &Letter::AccountDeleted)?.to(email, None),
        Statement::new(users::DELETE).essential().bind(user_id),
    ]);
    batch.extend(idempotency::forget(user_id));
    let answers = person.write(&app, batch).await?.map_err(unproved)?;
    key_changes::announce_others(&app, answers.into_iter().nth(keys_at), &announced).await?;
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}
