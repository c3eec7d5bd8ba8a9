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
    ports::Statement,
    store::{EXPECT_ONE_CHANGE, api_keys},
};

/// Makes a key, which is shown this once.
pub async fn handler(
    State(app): State<App>,
    person: Person,
    Idempotent(request, Json(asked)): Idempotent<Json<AskedApiKey>>,
) -> Result<Response, ApiError> {
    limits::admit_key_change(&app, &person).await?;
    request.once(&app, Caller::Person(&person), |claim| create(&app, &person, asked, claim)).await
}

async fn create(app: &App, person: &Person, asked: AskedApiKey, claim: Claim) -> Result<Reply, ApiError> {
    let now = app.now();
    let new = asked.check(now).map_err(ApiError::mistakes)?;
    if may_have(app, "user", &new.scopes).is_err() {
        let (user, _) = person.read_statements(app, Vec::new()).await?;
        may_have(app, &user.role, &new.scopes)?;
    }
    let key = ApiKey::generate(new.environment.as_str(), &app.random())
        .ok_or_else(|| ApiError::internal("too little randomness for a key"))?;
    let id = app.new_id();
    let mut writes = vec![
        api_keys::create(&id, &person.user_id, &new, &key, now),
        Statement::new(EXPECT_ONE_CHANGE),
        person.event(app, "api_key_created", json!({ "apiKeyId": id.as_str() })),
    ];
    let record = new.into_record(id, person.user_id.clone(), &key, now);
    let answer = json!({ "apiKey": ApiKeyBody::new(record, now), "key": key.secret().expose() });
    let reply = Reply::json(StatusCode::CREATED, &answer)?;
    writes.extend(claim.fulfil(app, &reply)?);
    match person.write_statements(app, writes).await? {
        Err(error) if error.is_guard() => Err(too_many()),
        answers => answers.map(|_| reply).map_err(ApiError::from),
    }
}
