use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::json;

use super::{ApiKeyBody, may_have, too_many};
use crate::{
    app::App,
    domain::{api_key::ApiKey, api_key_settings::AskedApiKey},
    http::{
        credentials::Person,
        idempotency::{Caller, Claim, Idempotent, Reply},
        limits,
        problem::ApiError,
        request::Json,
    },
    store::{Batch, BatchError, Guard, api_keys},
};

/// Creates a key, and shows it this once.
pub async fn handler(
    State(app): State<App>,
    person: Person,
    Idempotent(request, Json(asked)): Idempotent<Json<AskedApiKey>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Person(&person), |claim| create(&app, &person, asked, claim)).await
}

async fn create(app: &App, person: &Person, asked: AskedApiKey, claim: Claim) -> Result<Reply, ApiError> {
    let now = app.now();
    let new = asked.check(now).map_err(ApiError::mistakes)?;
    if !claim.is_held() || may_have(app, "user", &new.scopes).is_err() {
        let (user, _) = person.read(app, Batch::new()).await?;
        may_have(app, &user.role, &new.scopes)?;
    }
    limits::admit_key_change(app, person).await?;
    let key = ApiKey::generate(new.environment.as_str(), &app.random())
        .ok_or_else(|| ApiError::internal("too little randomness for a key"))?;
    let new = new.into_record(app.new_id(), person.user_id.clone(), &key, now);
    let mut batch = Batch::new();
    batch.expect(Guard::ApiKeyLimit, api_keys::create(&new, &key));
    batch.push(person.event(app, "api_key_created", json!({ "apiKeyId": new.id.as_str() })));
    let answer = json!({ "apiKey": ApiKeyBody::new(new, now), "key": key.secret().expose() });
    let reply = Reply::json(StatusCode::CREATED, &answer)?;
    claim.fulfil(&mut batch, app, &reply)?;
    match person.write(app, batch).await {
        Err(BatchError::Guard(Guard::ApiKeyLimit)) => Err(too_many()),
        done => done.map(|_| reply).map_err(ApiError::from),
    }
}
