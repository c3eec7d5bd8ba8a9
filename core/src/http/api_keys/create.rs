use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::json;

use super::ApiKeyBody;
use crate::{
    app::App,
    domain::{api_key::ApiKey, api_key_settings::AskedApiKey},
    http::{
        credentials::{Person, may_publish},
        idempotency::{Caller, Claim, Idempotent, Reply},
        problem::{ApiError, TOO_MANY_API_KEYS},
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
    request.once(&app, Caller::Person(&person), |claim| create(&app, &person, asked, claim)).await
}

async fn create(app: &App, person: &Person, asked: AskedApiKey, claim: Claim) -> Result<Reply, ApiError> {
    let now = app.now();
    let new = asked.check(now).map_err(ApiError::mistakes)?;
    // A role that is lost meanwhile takes nothing along that matters: the gate looks at it at every use.
    if new.scopes.iter().any(|scope| may_publish(app, "user", scope).is_err()) {
        let (user, _) = person.read(app, Vec::new()).await?;
        new.scopes.iter().try_for_each(|scope| may_publish(app, &user.role, scope))?;
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
    match person.write(app, writes).await? {
        Err(error) if error.is_guard() => {
            let detail = format!("revoke one of your {} active keys first", api_keys::MOST_ACTIVE);
            Err(ApiError::new(TOO_MANY_API_KEYS, detail))
        }
        answers => answers.map(|_| reply).map_err(ApiError::from),
    }
}
